"""What a paper's table calls a layer, in plain text, in HTML and in LaTeX."""

from collections.abc import Callable, Mapping
from typing import assert_never, cast

from archdsl.analyses.outline.entries import LayerMark, Line, Shown
from archdsl.ir.layers import Size
from archdsl.ir.network import FeatureMap
from archdsl.record import Record


class Wording(Record, kw_only=True):
    """How a format writes numbers, windows and signs."""

    number: Callable[[object], str]
    times: str  # between sizes
    space: str  # between words
    counted: str  # between a bracket and its number
    text: Callable[[str], str]  # words
    formula: Callable[[str], str]  # what is written with numbers
    signs: Mapping[LayerMark, str]


SIGNS = {
    LayerMark.SHARED: "\N{DAGGER}",
    LayerMark.DIRAC: "\N{GREEK SMALL LETTER DELTA}",
    LayerMark.BINARY: "\N{PLUS-MINUS SIGN}",
    LayerMark.STANDARDIZED: "\N{DOUBLE DAGGER}",
    LayerMark.FROZEN: "*",
}
MEANINGS = {
    LayerMark.SHARED: "layers of one weight",
    LayerMark.DIRAC: "the weight is computed from delta + W (arXiv:1706.00388)",
    LayerMark.BINARY: "one bit for each weight (arXiv:1802.08530)",
    LayerMark.STANDARDIZED: "the weight is standardized (arXiv:1903.10520)",
    LayerMark.FROZEN: "does not learn",
}


def line_text(line: Line, wording: Wording) -> str:
    """Return what a line says, with its signs."""
    said = f",{wording.space}".join(filter(None, (_what(line, wording), *_more(line, wording))))
    signs = "".join(sign for mark, sign in wording.signs.items() if mark in line.marks)
    return f"{said}{wording.space}{signs}" if signs else said


def _what(line: Line, wording: Wording) -> str:
    window = sizes_text(line.window, wording) if line.window else ""
    match line.shown:
        case Shown.CONV:
            return (
                wording.space.join((window, wording.text("depthwise")))
                if line.depthwise
                else window
            )
        case Shown.CONV_TRANSPOSE:
            return wording.space.join((window, wording.text("up-conv")))
        case Shown.LINEAR:
            assert line.channels is not None
            return f"{wording.formula(wording.number(line.channels))}{wording.text('-d fc')}"
        case Shown.MAX_POOL | Shown.AVERAGE_POOL:
            words = " ".join(filter(None, (str(line.shown), line.word)))
            return wording.space.join(filter(None, (window, wording.text(words))))
        case Shown.GLOBAL_MAX_POOL | Shown.GLOBAL_AVERAGE_POOL:
            return wording.text(str(line.shown))
        case Shown.OTHER:
            return wording.text(line.word)
        case _:
            assert_never(line.shown)


def _more(line: Line, wording: Wording) -> tuple[str, ...]:
    is_convolution = line.shown in (Shown.CONV, Shown.CONV_TRANSPOSE)
    channels = ""
    if line.shown is not Shown.LINEAR and line.channels is not None:
        channels = wording.formula(wording.number(line.channels))
    groups = ""
    if is_convolution and line.groups != 1 and not line.depthwise:
        groups = wording.space.join(
            (wording.formula(wording.number(line.groups)), wording.text("groups"))
        )
    stride = ""
    if line.stride:
        equal = all(step == line.stride[0] for step in line.stride)
        steps = (
            wording.formula(wording.number(line.stride[0]))
            if equal
            else sizes_text(line.stride, wording)
        )
        stride = wording.space.join((wording.text("stride"), steps))
    return channels, groups, stride


def sizes_text(size: Size, wording: Wording) -> str:
    """Return `3x3`; formulas stand apart."""
    between = wording.times if all(type(side) is int for side in size) else wording.counted
    return wording.formula(between.join(wording.number(side) for side in size))


def output_text(output: FeatureMap, wording: Wording) -> str:
    """Return the size of a map, and of a vector its features."""
    if output.size is None:
        return wording.formula(wording.number(output.channels))
    return sizes_text(output.size, wording)


def plain(number: object) -> str:
    """Return a number of a network, or its formula."""
    return str(number) if type(number) is int else _formula(number, latex=False)


def in_latex(number: object) -> str:
    """Return the same in LaTeX."""
    return str(number) if type(number) is int else _formula(number, latex=True)


def _formula(number: object, *, latex: bool) -> str:
    from archdsl.analyses.closed.traced import Exact, form_of
    from archdsl.report.formulas import LATEX as OF_LATEX
    from archdsl.report.formulas import TEXT as OF_TEXT
    from archdsl.report.formulas import formula

    polynomial = form_of(cast("Exact", number))
    return formula(polynomial, OF_LATEX if latex else OF_TEXT)


TEXT = Wording(
    number=plain,
    times="x",
    space=" ",
    counted=" x ",
    text=str,
    formula=str,
    signs=SIGNS,
)
