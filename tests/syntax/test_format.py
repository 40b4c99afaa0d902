"""The canonical form: same tree, same comments, and nothing left to do."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archdsl.diagnostics import SpecError
from archdsl.source import SourceFile
from archdsl.syntax import format as formatting
from archdsl.syntax.format import WIDTH, format_spec
from archdsl.syntax.lexer import words
from archdsl.syntax.parse import parse
from tests.strategies import specs

ROOT = Path(__file__).parents[2]
SPECS = sorted((*(ROOT / "specs").glob("*.arch"), *(ROOT / "tests/specs").glob("*.arch")))
PAGES = [ROOT / f"docs/{name}.md" for name in ("language", "growing", "recipe-settings")]
DOCUMENTS = sorted((*(ROOT / "tests/cases").glob("*.md"), *PAGES))


def form(text):
    return format_spec(SourceFile("test.arch", text))


def tree(text):
    return parse(SourceFile("test.arch", text)).declarations


def tokens(text):
    return list(words(SourceFile("test.arch", text), comments=True))[:-1]


def comments(text):
    return [token.text.rstrip() for token in tokens(text) if token.kind == "COMMENT"]


def parses(text):
    try:
        tree(text)
    except SpecError:
        return False
    return True


def check(text):
    formed = form(text)
    assert tree(formed) == tree(text)
    assert comments(formed) == comments(text)
    assert form(formed) == formed
    assert "\n\n\n" not in formed


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_specs_are_in_canonical_form(path):
    assert form(path.read_text("utf-8")) == path.read_text("utf-8")


def examples(path):
    """Return the specs among the examples of a document, pieces in a network or block."""
    blocks = re.findall(r"^```arch.*\n((?:.*\n)*?)^```$", path.read_text("utf-8"), re.MULTILINE)
    wholes = ((block, f"network n {{\n{block}}}\n") for block in blocks)
    return [text for pair in wholes for text in [next(filter(parses, pair), None)] if text]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_examples_keep_their_tree_and_their_comments(path):
    texts = examples(path)
    assert texts
    for text in texts:
        check(text)


def test_the_readme_shows_a_canonical_spec():
    (text,) = re.findall(
        r"^```arch\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert form(text) == text


BLANKS = st.sampled_from(["", " ", " ", "  ", "\n", "\n\n\n", " \n  ", "  # why\n"])


@pytest.mark.parametrize("width", [30, 60])
def test_narrow_lines_are_broken_for_good(width, monkeypatch):
    monkeypatch.setattr(formatting, "WIDTH", width)
    for path in SPECS:
        check(path.read_text("utf-8"))


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_random_blanks_change_neither_tree_nor_comments(data):
    path = data.draw(st.sampled_from(SPECS))
    text = path.read_text("utf-8")
    spans = [declaration.span for declaration in tree(text)]
    span = spans[data.draw(st.integers(0, len(spans) - 1))]
    text = text[span.start : span.end]
    changed = re_spaced(text, data.draw(st.dictionaries(st.integers(1, 400), BLANKS, max_size=40)))
    if parses(changed):
        check(changed)


RANDOM = settings(deadline=None, max_examples=20, suppress_health_check=tuple(HealthCheck))  # pyright: ignore[reportArgumentType]


@RANDOM
@given(specs(), st.data())
def test_random_specs_keep_their_tree_and_their_comments(drawn, data):
    check_re_spaced(drawn, data)


@pytest.mark.slow
@settings(RANDOM, max_examples=1_000)
@given(specs(), st.data())
def test_many_random_specs_keep_their_tree_and_their_comments(drawn, data):
    check_re_spaced(drawn, data)


def check_re_spaced(drawn, data):
    check(drawn.text)
    blanks = st.dictionaries(st.integers(1, 200), BLANKS, max_size=40)
    changed = re_spaced(drawn.text, data.draw(blanks))
    if parses(changed):
        check(changed)


def re_spaced(text, before):
    """Replace what stands before some words; words of letters stay apart."""
    found = tokens(text)
    pieces, end, ends_comment = [], 0, False
    for i, token in enumerate(found):
        blank = text[end : token.start]
        if i in before:
            blank = before[i] or (" " if blank else "")
        if ends_comment and "\n" not in blank:
            blank += "\n"
        pieces += [blank, token.text]
        end, ends_comment = token.end, token.kind == "COMMENT"
    return "".join(pieces)


@pytest.mark.parametrize("width", [20, 200, 2000])
def test_specs_on_one_line_are_broken_into_lines(width):
    text = f"network n {{ {'conv3x3(16) bn relu ' * width} }}"
    formed = form(text)
    assert max(map(len, formed.splitlines())) <= WIDTH
    check(text)


def test_else_if_may_go_on_for_long():
    formed = form(f"network n {{ if a {{ x }} {'else if b { y } ' * 99}}}")
    assert formed.count("    } else if b {\n        y\n") == 99
    assert form(formed) == formed


LONG = (
    "block b(width) {\n"
    "    residual { conv3x3(width, stride = stride)  bn relu  dropout(dropout)  conv3x3(width) "
    "conv1x1(4 * width) bn }\n"
    '    require (depth - 4) % 6 == 0 and depth > 0, "depth must be 6n + 4, and more than '
    'nothing whatever else it is"\n}\n'
)
LONG_MAPS = (
    f"network n {{ {'conv3x3(64) bn relu ' * 4}  mark levels[0] conv3x3(16) bn\n"
    f"    branch from {'l' * 30}[4] with freeze, share(conv3x3) {{ "
    f"{'conv3x3(8) bn ' * 3}}}\n}}\n"
    f"block up(width, {'s' * 30}: map, {'m' * 30}: maps = [], "
    f"other: map = {'s' * 30}) {{ relu }}\n"
)
PAIRS = {
    "spaces": (
        "network n( depth=28,k = [ 1,2 , ] ){\nlet a=-depth*{1:2}[ 1 ]-+1\nrelu}",
        """\
network n(depth = 28, k = [1, 2]) {
    let a = -depth * {1: 2}[1] - +1
    relu
}
""",
    ),
    "columns of stages and bodies": (
        """\
network n {
    stem { conv3x3(16) }
    stage conv2 = 2 * wide(16) with share(conv3x3)
    stage conv3(stride = 2) = 2 * wide(2 * 16) with share(conv3x3)
    tail: {}
    head { bn relu }

    head { bn }
    head {
        bn }
}
""",
        """\
network n {
    stem                    { conv3x3(16) }
    stage conv2             = 2 * wide(16)      with share(conv3x3)
    stage conv3(stride = 2) = 2 * wide(2 * 16)  with share(conv3x3)
    tail:                   {}
    head                    { bn relu }

    head { bn }
    head {
        bn
    }
}
""",
    ),
    "columns of expects about one quantity": (
        """\
network n {
    expect parameters == 1
    expect parameters(k = 2) == 2
    expect macs == 3
}
""",
        """\
network n {
    expect parameters        == 1
    expect parameters(k = 2) == 2
    expect macs == 3
}
""",
    ),
    "settings and choices": (
        """\
train t { data = if c == 100
    then cifar100 else cifar10
  batch = 128 epochs = 2 }
""",
        """\
train t {
    data   = if c == 100
             then cifar100
             else cifar10
    batch  = 128
    epochs = 2
}
""",
    ),
    "comments": (
        """\
#  head
import b from "b.arch" # behind


network n { # opens
    a  # one
    bn relu  # two
    # above
    sum { identity # inside
    }
}
# tail""",
        """\
#  head
import b from "b.arch"  # behind

network n {  # opens
    a        # one
    bn relu  # two
    # above
    sum {
        identity  # inside
    }
}

# tail
""",
    ),
    "groups": (
        "block b { conv1x1(2) bn     relu\n}",
        "block b {\n    conv1x1(2) bn  relu\n}\n",
    ),
    "lists with lines of their own": (
        "block b {\n    let a = {1: [2, 3],\n\n 4: [5, 6]}[n]\n}\n",
        """\
block b {
    let a = {
        1: [2, 3],

        4: [5, 6],
    }[n]
}
""",
    ),
    "declarations": (
        """\
import a from "a.arch"
import b from "b.arch"
block a { relu }
block b { bn } block c {
bn }
block d { bn }



block e { bn }""",
        """\
import a from "a.arch"
import b from "b.arch"

block a { relu }
block b { bn }

block c {
    bn
}

block d { bn }

block e { bn }
""",
    ),
    "long lines": (
        LONG,
        """\
block b(width) {
    residual {
        conv3x3(width, stride = stride)  bn relu  dropout(dropout)
        conv3x3(width) conv1x1(4 * width) bn
    }
    require (depth - 4) % 6 == 0 and depth > 0,
        "depth must be 6n + 4, and more than nothing whatever else it is"
}
""",
    ),
    "else": (
        "block b {\n    if a { relu }\n    else if b\n    { bn } else {\n bn relu }\n    x\n}\n",
        """\
block b {
    if a { relu } else if b { bn } else {
        bn relu
    }
    x
}
""",
    ),
    "long conditions": (
        f"block b {{\n if {'a' * 40} == 1 and {'b' * 38} == 2 or {'c' * 10} {{\n x\n }}\n}}\n",
        f"""\
block b {{
    if {"a" * 40} == 1 and {"b" * 38} == 2
        or {"c" * 10} {{
        x
    }}
}}
""",
    ),
    "lists of `grow`": (
        f"network n {{\n grow depth=[1,2],{'w' * 30}=[4,8],{'k' * 40}=[1,2]  # why\n relu\n}}\n",
        f"""\
network n {{
    grow depth = [1, 2], {"w" * 30} = [4, 8],
        {"k" * 40} = [1, 2]  # why
    relu
}}
""",
    ),
    "maps": (
        """\
network n {
    for i in range(2) { conv3x3( 8 ) bn  mark  levels [ 2*i ] }
    mark c2  conv3x3(8) mark c3 # behind
    sum {
        branch  from  c2{conv1x1(8)}
        inner :branch from levels [ 2 ]  {conv1x1(8)}
        branch from  c3 with freeze{conv1x1(8)}
        c3 levels[ 0 ]
        . channels
    }
    up( 64,skip=levels[ 2 - i ] ,more=[ c2,c3 ])
    mark
    c4
    conv3x3(c4 . height)
}
block up(width,skip :map,more  :  maps=[ ],other:map=skip){upsample(2)
concat{identity skip}}
""",
        """\
network n {
    for i in range(2) { conv3x3(8) bn  mark levels[2 * i] }
    mark c2  conv3x3(8) mark c3  # behind
    sum {
        branch from c2               { conv1x1(8) }
        inner: branch from levels[2] { conv1x1(8) }
        branch from c3 with freeze   { conv1x1(8) }
        c3 levels[0].channels
    }
    up(64, skip = levels[2 - i], more = [c2, c3])
    mark c4
    conv3x3(c4.height)
}

block up(width, skip: map, more: maps = [], other: map = skip) {
    upsample(2)
    concat { identity skip }
}
""",
    ),
    "long lines of maps": (
        LONG_MAPS,
        f"""\
network n {{
    conv3x3(64) bn relu conv3x3(64) bn relu conv3x3(64) bn relu conv3x3(64) bn relu
    mark levels[0] conv3x3(16) bn
    branch from {"l" * 30}[4] with freeze, share(conv3x3) {{
        conv3x3(8) bn conv3x3(8) bn conv3x3(8) bn
    }}
}}

block up(
    width, {"s" * 30}: map, {"m" * 30}: maps = [],
    other: map = {"s" * 30},
) {{ relu }}
""",
    ),
    "nothing": ("\n\n", ""),
}


@pytest.mark.parametrize(("text", "formed"), PAIRS.values(), ids=PAIRS)
def test_form(text, formed):
    assert form(text) == formed
    check(text)


def test_what_does_not_parse_is_reported_as_ever():
    with pytest.raises(SpecError) as raised:
        form("network n { conv3x3(16 }")
    assert raised.value.diagnostics[0].code == "E112"


def test_what_takes_too_many_breaks_is_refused_and_named():
    nested = "if false then 1 else " * 99 + "1"
    many = "".join(f"    let b{i} = {i} + 1\n" for i in range(2_500))
    with pytest.raises(SpecError) as error:
        form(f"network n {{\n    input(3)\n    let a = {nested}\n{many}}}\n")
    (found,) = error.value.diagnostics
    assert found.code == "E106"
    assert found.span is not None
    assert found.span.source.text[found.span.start : found.span.end] in ("then", "else")
    assert form(f"network n {{\n    input(3)\n    let a = {nested}\n}}\n").count("else") == 99
