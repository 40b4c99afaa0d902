"""`share(..)`: what it says, and which layers have one weight by it."""

from typing import assert_never

from archdsl.diagnostics import Note
from archdsl.ir.layers import Conv, ConvTranspose, Layer, Linear, Weighted, every
from archdsl.ir.network import Candidate
from archdsl.ir.rebuild import replace
from archdsl.semantics.catalogue import ROWS
from archdsl.semantics.checks import fail
from archdsl.semantics.context import Context, Reach
from archdsl.semantics.evaluate import integer_of
from archdsl.semantics.kinds.rows import Keeps
from archdsl.semantics.meanings import Share
from archdsl.semantics.values import Scope
from archdsl.semantics.words import is_reserved, split_word
from archdsl.source import Span
from archdsl.suggest import did_you_mean
from archdsl.syntax import tree


def read_share(call: tree.Call, scope: Scope) -> Share:
    """Return what `share(..)` says."""
    selectors: list[str] = []
    start, any_stride = 1, False
    seen: dict[str, Span] = {}
    for argument in call.arguments or ():
        name = argument.name.text if argument.name else None
        match name, argument.value:
            case None, tree.Variable(name=selector):
                selectors.append(_selector(selector))
            case "from" | "strides" as word, value if word in seen:
                note = Note("given first here", seen[word])
                fail("E313", f"`{word}` is given twice", value.span, notes=(note,))
            case "from", value:
                seen["from"] = value.span
                start = int(integer_of(value, scope, "`from`", 1).value)
            case "strides", tree.Variable(name=tree.Name(text="any"), span=span):
                seen["strides"] = span
                any_stride = True
            case "strides", value:
                fail("E314", "`strides` is `any`, or is left out", value.span)
            case None, value:
                word = value.value if isinstance(value, tree.StringLiteral) else "conv3x3"
                help_ = f"write `share({word})`"
                fail("E505", "`share` takes the kind or the name of a layer", value.span, help_)
            case other, value:
                assert other is not None
                assert argument.name is not None
                help_ = did_you_mean(other, ("from", "strides"))
                fail("E310", f"`share` has no argument `{other}`", argument.name.span, help_)
    if not selectors:
        help_ = "write `share(conv3x3, ..)`"
        fail("E505", "`share` needs the kind or the name of a layer", call.span, help_)
    return Share(tuple(selectors), start, any_stride, call.span)


def _selector(name: tree.Name) -> str:
    split = split_word(name.text)
    keeps = Keeps.WEIGHT if split is None else ROWS[split[0]].keeps
    if keeps is not Keeps.WEIGHT:
        what = "normalization is" if keeps is Keeps.NORMALIZATION else "that is"
        help_ = "share `conv`, `conv_transpose` or `linear` layers"
        fail("E506", f"`{name.text}` cannot be shared: {what} never shared", name.span, help_)
    return name.text


# ---------------------------------------------------------------- who shares


def share_key(reach: Reach, layer: Layer, label: str | None, context: Context) -> Candidate | None:
    """Return the key of the weight that a layer shares, if the innermost `share` takes it."""
    if not isinstance(layer, Weighted):
        return None
    names = (_word(layer), *((label,) if label else ()))
    for scope in reversed(context.shares):
        if not any(_means(selector, layer, label) for selector in scope.selectors):
            scope.seen.update(names)
            continue
        scope.reached = True
        index = context.index if context.level > scope.level else 1  # in a run inside its scope
        if index < scope.start:
            return None
        return Candidate(reach.key(scope, _geometry(layer, any_stride=scope.any_stride)))
    return None


def _means(selector: str, layer: Weighted, label: str | None) -> bool:
    """Say whether `share` means a layer: by its written name, or by what it is."""
    if is_reserved(selector):
        return selector in (_kind(layer), _word(layer))
    return selector in (label, _word(layer))


def _kind(layer: Weighted) -> str:
    match layer:
        case Linear():
            return "linear"
        case Conv():
            return "conv"
        case ConvTranspose():
            return "conv_transpose"
        case _:
            assert_never(layer)


def _word(layer: Weighted) -> str:
    """Return the most exact word for a layer."""
    match layer:
        case Linear():
            return _kind(layer)
        case Conv(kernel_size=kernel) | ConvTranspose(kernel_size=kernel):
            return f"{_kind(layer)}{'x'.join(map(str, kernel))}"
        case _:
            assert_never(layer)


def _geometry(layer: Weighted, *, any_stride: bool) -> Weighted:
    """Return what layers must have in common to share a weight: not the padding."""
    match layer:
        case Linear():
            return layer
        case Conv():
            layer = replace(layer, padding=every(0, len(layer.padding)))
        case ConvTranspose():
            none = every(0, len(layer.padding))
            layer = replace(layer, padding=none, output_padding=none)
        case _:
            assert_never(layer)
    return replace(layer, stride=every(1, len(layer.stride))) if any_stride else layer
