import ast
import random
import subprocess
import sys

from archdsl.emit.python.nodes import (
    Assign,
    Comment,
    Comprehension,
    For,
    FormalParameter,
    IfElse,
    InfixOperation,
    Invocation,
    Keyword,
    Return,
    Sequence,
    Star,
    Text,
)
from archdsl.emit.python.printer import WIDTH, docstring_text, signature, statement, string

NAMES = ("x", "width", "in_channels", "shared_conv2", "kernel_size", "nn.Conv2d", "self.branch1")


def words(draw):
    return Text(draw.choice((*NAMES, "64", "3", "4 * width", "(kernel - 1) // 2")))


def expression(draw, depth):
    """Return a random expression of the kinds that models are made of."""
    kind = draw.randrange(8) if depth else 0
    if kind <= 1:
        return words(draw)
    if kind <= 4:
        return call(draw, depth)
    if kind == 5:
        items = tuple(expression(draw, depth - 1) for _ in range(draw.randint(1, 6)))
        return Sequence(items, is_tuple=draw.random() < 0.5)
    if kind == 6:
        return Comprehension(
            call(draw, depth - 1), "i", Invocation("range", (words(draw),)), is_list=True
        )
    return Invocation(
        "nn.Sequential", (Star(Comprehension(call(draw, depth - 1), "_", call(draw, 0))),)
    )


def call(draw, depth):
    inner = max(depth - 1, 0)
    positional = [expression(draw, inner) for _ in range(draw.randint(0, 4))]
    named = (
        [
            Keyword(name, words(draw) if draw.random() < 0.7 else call(draw, inner))
            for name in draw.sample(("stride", "padding", "bias", "groups"), draw.randint(0, 3))
        ]
        if inner
        else []
    )
    return Invocation(draw.choice(NAMES[1:]), (*positional, *named))


def sum_of(draw):
    """Return a sum with more than one operator, of names and calls that fit a line."""
    operands = [Invocation(draw.choice(NAMES), (Text("x"),)) for _ in range(draw.randint(3, 8))]
    return InfixOperation("+", tuple(operands))


def random_statement(draw):
    kind = draw.randrange(6)
    value = expression(draw, draw.randint(1, 4))
    if kind == 0:
        return Return(value)
    if kind == 1:
        return Return(sum_of(draw))
    if kind == 2:
        return Assign("self.shortcut", IfElse(call(draw, 2), "stride != 1", Text("None")))
    if kind == 3:
        return Assign("x", Invocation("self.relu", (sum_of(draw),)))
    return Assign(draw.choice(("x", "out", "self.layer1")), value)


def ruff_format(source):
    command = ["ruff", "format", "--isolated", "--line-length", str(WIDTH), "-"]
    found = subprocess.run(
        [sys.executable, "-m", *command], input=source, capture_output=True, text=True, check=True
    )
    return found.stdout


def test_statements_are_laid_out_as_ruff_does():
    draw = random.Random(3)
    lines = ["class Network:", "    def __init__(self):"]
    lines += [statement(random_statement(draw), 8) for _ in range(3_000)]
    source = "\n".join(lines) + "\n"
    ast.parse(source)
    assert ruff_format(source) == source


def test_signatures_are_laid_out_as_ruff_does():
    for count in range(9):
        parameters = tuple(FormalParameter(f"in_channels{i}", "int", "1") for i in range(count))
        head = signature("__init__", parameters, "None")
        source = f"class Network:\n{head}\n        pass\n"
        assert ruff_format(source) == source


def test_a_comment_stands_beside_its_statement_if_it_fits():
    short = Assign("x", Invocation("self.stem", (Text("x"),)), "(N, 64, 56, 56)")
    assert statement(short, 8) == "        x = self.stem(x)  # (N, 64, 56, 56)"


def test_a_comment_that_does_not_fit_stands_above():
    long = Assign("x", Invocation("self." + "a" * 70, (Text("x"),)), "(N, 64, 56, 56)")
    assert statement(long, 8).splitlines()[0] == "        # (N, 64, 56, 56)"


def test_loops_are_indented():
    loop = For("block", Text("self.blocks"), (Comment("one by one"), Return(Text("x"))))
    assert statement(loop, 4) == (
        "    for block in self.blocks:\n        # one by one\n        return x"
    )


def test_text_in_docstrings_can_end_nothing():
    for text in ('a """ b', "a \\ b", "line\nline", "tab\tnul\0", 'quote"', "\\N{DASH}", "\u2028"):
        source = f'"""Head: {docstring_text(text)}."""\n'
        (only,) = ast.parse(source).body
        assert isinstance(only, ast.Expr)
        assert source.count("\n") == 1
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
        assert ast.literal_eval(only.value) == f"Head: {shown}."


def test_strings_keep_their_text():
    for text in ("specs/wrn.arch", 'say "x"', "back\\slash", "new\nline", "ünïcode"):
        assert ast.literal_eval(string(text)) == text
