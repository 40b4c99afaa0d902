"""The paper's table: rows, brackets and signs as the papers print them."""

import contextlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from archdsl.analyses.outline.entries import Branches, Line, RunBracket, Shown
from archdsl.analyses.outline.outlining import outline
from archdsl.cli import main
from archdsl.pipeline import compile_spec, compile_text
from archdsl.report.paper.printing import PAPER_FORMATS, show_paper
from archdsl.report.paper.table import paper_column, paper_table
from archdsl.report.table import Format

ROOT = Path(__file__).parents[2]
RECIPES = {"dilated", "imagenet", "recipes"}
SPECS = sorted({path.stem for path in (ROOT / "specs").glob("*.arch")} - RECIPES)


def compiled(spec, **arguments):
    return compile_spec(f"{ROOT}/specs/{spec}.arch", None, arguments)


def table_of(*compilations, varied=()):
    columns = [paper_column(c.network, c.counts, varied) for c in compilations]
    return paper_table(columns, [c.network for c in compilations])


def said(entries):
    """Return entries as short texts: a window with channels, or what else is there."""
    found = []
    for entry in entries:
        match entry:
            case Line(shown=Shown.CONV, window=window, channels=channels):
                found.append(f"{'x'.join(map(str, window))}, {channels}")
            case Line(shown=Shown.LINEAR, channels=channels):
                found.append(f"{channels}-d fc")
            case Line(shown=shown, word=word):
                found.append(word or str(shown))
            case RunBracket(entries=inner, count=count):
                found.append((said(inner), count))
            case Branches(operator=operator, branches=branches):
                found.append((str(operator), *(said(branch) for branch in branches)))
    return found


def rows(spec, **arguments):
    found = outline(compiled(spec, **arguments).network)
    return {row.name: (row.output.size, said(row.entries)) for row in found}


def bottleneck(width, count):
    return ([f"1x1, {width}", f"3x3, {width}", f"1x1, {4 * width}"], count)


def basic(width, count):
    return ([f"3x3, {width}", f"3x3, {width}"], count)


@pytest.mark.parametrize(
    ("depth", "block", "counts"),
    [
        ("18", basic, (2, 2, 2, 2)),
        ("34", basic, (3, 4, 6, 3)),
        ("50", bottleneck, (3, 4, 6, 3)),
        ("101", bottleneck, (3, 4, 23, 3)),
        ("152", bottleneck, (3, 8, 36, 3)),
    ],
)
def test_residual_networks_are_table_1_of_he_et_al(depth, block, counts):
    """arXiv:1512.03385, Table 1."""
    assert rows("resnet", depth=depth) == {
        "conv1": ((112, 112), ["7x7, 64"]),
        "layer1": ((56, 56), ["max pool", block(64, counts[0])]),
        "layer2": ((28, 28), [block(128, counts[1])]),
        "layer3": ((14, 14), [block(256, counts[2])]),
        "layer4": ((7, 7), [block(512, counts[3])]),
        "fc": (None, ["global average pool", "1000-d fc"]),
    }


def test_wide_residual_networks_are_table_1_of_zagoruyko_and_komodakis():
    """arXiv:1605.07146, Table 1, at depth 28 and k = 10: N = 4."""
    assert rows("wrn") == {
        "stem": ((32, 32), ["3x3, 16"]),
        "conv2": ((32, 32), [basic(160, 4)]),
        "conv3": ((16, 16), [basic(320, 4)]),
        "conv4": ((8, 8), [basic(640, 4)]),
        "head": (None, ["global average pool", "10-d fc"]),
    }


def test_dense_networks_are_table_1_of_huang_et_al():
    """arXiv:1608.06993, Table 1, DenseNet-121, without what is written as batch normalization."""
    found = rows("densenet")
    blocks = [found[f"denseblock{number}"][1][-1] for number in (1, 2, 3, 4)]
    assert blocks == [(["1x1, 128", "3x3, 32"], count) for count in (6, 12, 24, 16)]
    assert found["transition1"] == ((28, 28), ["1x1, 128", "average pool"])


def test_an_inception_module_has_its_branches_side_by_side():
    """arXiv:1409.4842, Table 1, inception (3a), with 3x3 convolutions for 5x5."""
    (pool, module) = rows("googlenet")["inception3a"][1]
    assert pool == "max pool"
    assert module == (
        "concat",
        ["1x1, 64"],
        ["1x1, 96", "3x3, 128"],
        ["1x1, 16", "3x3, 32"],
        ["max pool", "1x1, 32"],
    )


def test_a_gate_is_a_line_and_a_linear_layer_at_each_pixel_is_a_window_of_one():
    assert said(outline(compiled("efficientnet").network)[1].entries) == [
        (["3x3, 32", "squeeze-excite", "1x1, 16"], 1)
    ]
    assert rows("convnext")["1"] == ((56, 56), [(["7x7, 96", "1x1, 384", "1x1, 96"], 3)])


@pytest.mark.parametrize(
    "spec",
    ["densenet", "diracnet", "googlenet", "mobilenet_v2", "plain", "squeezenet", "unet", "vgg"],
)
def test_every_convolution_is_shown(spec):
    def convolutions(entries):
        for entry in entries:
            match entry:
                case Line(shown=Shown.CONV | Shown.CONV_TRANSPOSE):
                    yield 1
                case RunBracket(entries=inner, count=count):
                    yield count * sum(convolutions(inner))
                case Branches(branches=branches):
                    yield from (sum(convolutions(branch)) for branch in branches)
                case Line():
                    pass

    found = compiled(spec)
    shown = sum(sum(convolutions(row.entries)) for row in outline(found.network))
    assert shown == found.report.convolutions.layers


# ---------------------------------------------------------------- formats


def test_members_stand_side_by_side():
    members = [compiled("resnet", depth=depth) for depth in ("18", "50")]
    text = show_paper(table_of(*members, varied=["depth"]), Format.TEXT)
    assert [line.rstrip() for line in text.splitlines()[:9]] == [
        "layer          output   depth = 18              depth = 50",
        "-------------  -------  ----------------------  ----------------------",
        "conv1          112x112  7x7, 64, stride 2       7x7, 64, stride 2",
        "",
        "layer1         56x56    3x3 max pool, stride 2  3x3 max pool, stride 2",
        "                        [ 3x3, 64 ] x 2         [ 1x1, 64  ]",
        "                        [ 3x3, 64 ]             [ 3x3, 64  ] x 3",
        "                                                [ 1x1, 256 ]",
        "",
    ]
    assert "parameters              11,689,512              25,557,032" in text


@pytest.mark.parametrize(
    ("spec", "line", "note"),
    [
        ("share_wrn", "[ 3x3, 64 † ]", "† layers of one weight"),
        ("diracnet", "[ 3x3, 32 δ ]", "δ the weight is computed from delta + W"),
        ("onebit", "[ 3x3, 160 ± ]", "± one bit for each weight"),
    ],
)
def test_what_is_special_has_a_sign_that_is_explained(spec, line, note):
    text = show_paper(table_of(compiled(spec)), Format.TEXT)
    assert line in text
    assert note in text


@pytest.mark.parametrize(
    ("spec", "hidden"),
    [
        ("mobilenet_v2", "Normalization, activations and shortcuts are not shown."),
        ("unet", "Normalization, activations and shortcuts are not shown."),
        ("vgg", "Normalization and activations are not shown."),
    ],
)
def test_what_is_not_shown_is_said(spec, hidden):
    assert show_paper(table_of(compiled(spec)), Format.TEXT).splitlines()[-1] == hidden


def test_a_signal_and_a_film_have_their_sizes():
    (row, *_) = outline(compiled("video_resnet").network)
    (line,) = row.entries
    assert isinstance(line, Line)
    assert (row.output.size, line.window, line.stride) == ((16, 56, 56), (3, 7, 7), (1, 2, 2))


@pytest.mark.parametrize("spec", SPECS)
def test_latex_is_balanced_and_says_nothing_that_booktabs_and_amsmath_have_not(spec):
    text = show_paper(table_of(compiled(spec)), Format.LATEX)
    known = {
        *("begin", "end", "toprule", "midrule", "bottomrule", "times", "text", "par"),
        *("smallskip", "dagger", "ddagger", "delta", "pm", "ast", "mid", "odot"),
    }
    assert set(re.findall(r"\\([A-Za-z]+)", text)) <= known
    open_ = []
    for word, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if word == "begin":
            open_.append(name)
        else:
            assert open_.pop() == name
    assert not open_
    assert text.count("{") == text.count("}")
    for line in text.splitlines():
        assert line.count("$") % 2 == 0, line


class Balanced(HTMLParser):
    """Notes down tags that are open."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.cells = []

    def handle_starttag(self, tag, attrs):  # noqa: ARG002
        if tag == "tr":
            self.cells.append(0)
        if tag in ("td", "th"):
            self.cells[-1] += 1
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("spec", SPECS)
def test_html_and_markdown_have_a_cell_for_each_column(spec):
    table = table_of(compiled(spec))
    parser = Balanced()
    parser.feed(show_paper(table, Format.HTML))
    assert not parser.open
    assert set(parser.cells) == {3}
    lines = show_paper(table, Format.MARKDOWN).splitlines()
    of_table = [re.sub(r"\\\|", "", line) for line in lines if line.startswith("|")]
    assert {line.count("|") for line in of_table} == {4}
    assert len(of_table) == len(table.names) + 4


def test_a_name_of_a_spec_is_text_in_every_format():
    spec = 'network n { input(3, 8, 8)  "a-b": conv3x3(4) }'
    table = table_of(compile_text(spec))
    for format_ in PAPER_FORMATS:
        assert "a-b" in show_paper(table, format_)


# ---------------------------------------------------------------- the command


def test_numbers_as_formulas_are_table_1_of_zagoruyko_and_komodakis(capsys):
    """arXiv:1605.07146, Table 1: 16 k, 32 k and 64 k channels, N = (depth - 4) / 6 blocks."""
    assert main(["table", f"{ROOT}/specs/wrn.arch", "--symbolic", "depth,k"]) == 0
    text = capsys.readouterr().out
    for line in (
        "stem           32x32   3x3, 16",
        "conv2          32x32   [ 3x3, 16 k ] x (depth - 4) / 6",
        "conv3          16x16   [ 3x3, 32 k ] x (depth - 4) / 6",
        "conv4          8x8     [ 3x3, 64 k ] x (depth - 4) / 6",
        "for depth = 6n + 4, depth >= 10, k >= 2",
    ):
        assert line in text.splitlines()


def test_formulas_in_latex_are_formulas(capsys):
    words = ["table", f"{ROOT}/specs/wrn.arch", "--symbolic", "depth,k", "--format", "latex"]
    assert main(words) == 0
    assert r"\times16\,k" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "depth=18,"], "`18,` has a comma without a value"),
        (["--set", "depth=18", "--set", "depth=34"], "argument `depth` is set twice"),
        (
            ["--set", "image=" + ",".join(map(str, range(32, 448, 32)))],
            "at most 12 columns, not 13",
        ),
        (["--set", "image=64,96", "--symbolic", "image"], "`image` has several values"),
        (["--set", "image=64", "--symbolic", "image"], "`image` is set, and asked about"),
        (["--symbolic", "nothing"], "network `resnet` has no parameter `nothing`"),
    ],
)
def test_what_cannot_be_a_table_is_said(words, message, capsys):
    with contextlib.suppress(SystemExit):
        assert main(["table", f"{ROOT}/specs/resnet.arch", *words]) != 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err


def test_a_list_stays_one_value(capsys):
    assert main(["table", f"{ROOT}/specs/wrn.arch", "--set", "kernels=[3, 1]"]) == 0
    assert "[ 1x1, 160 ]" in capsys.readouterr().out
