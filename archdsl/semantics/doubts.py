"""Doubts about words that a body reads otherwise than a newcomer may."""

from collections.abc import Iterator
from typing import cast

from archdsl.diagnostics import Diagnostic, Note, Severity
from archdsl.ir.showing import show
from archdsl.record import Record
from archdsl.semantics.catalogue import ROWS
from archdsl.semantics.draft import Here
from archdsl.semantics.kinds.rows import Keeps
from archdsl.semantics.state import Elaboration
from archdsl.semantics.values import LayerValue
from archdsl.semantics.words import split_word
from archdsl.source import Span
from archdsl.syntax import tree


def doubt_channels(elaboration: Elaboration, item: tree.BodyItem, here: Here) -> None:
    """Warn of `in_channels` in a body of a network, behind a layer that changed the channels."""
    flow, given = here.draft.flow, here.scope.given_channels
    if flow is None or given is None or flow.channels.value == given.value:
        return
    arriving = flow.channels.value
    written = show(flow.channels.expr)
    wish = arriving if "in_channels" in written else written
    for span in _mentions(item):
        message = f"`in_channels` is {given.value}, what this body is given"
        help_ = f"write `{wish}`, or `let given = in_channels` where the body begins"
        elaboration.warn("W304", f"{message}; {arriving} channels come in here", span, help_)


def doubt_layer(elaboration: Elaboration, value: LayerValue, item: tree.Element) -> None:
    """Warn of a second use of `let y = conv3x3(16)`: a `let` names the layer, not its map."""
    word, span = value.call.name.text, item.call.span
    split = split_word(word)
    is_let = value.call.span in elaboration.lets
    if not is_let or split is None or ROWS[split[0]].keeps is not Keeps.WEIGHT:
        return
    first = elaboration.lets[value.call.span] or span
    elaboration.lets[value.call.span] = first
    if first != span:
        name = item.call.name.text
        found = Diagnostic(
            code="W305",
            message=f"this is a second `{value.call.span.text}`, with weights of its own",
            span=span,
            notes=(Note(f"the first `{name}` is here", first),),
            help=f"for two layers declare `block {name}_block {{ {value.call.span.text} }}`; "
            "a map that goes two ways goes into the branches of `sum`, `concat` or `product`, "
            f"or has a name: `mark {name}`",
            severity=Severity.WARNING,
        )
        elaboration.diagnostics.add(found)


def _mentions(item: tree.BodyItem) -> Iterator[Span]:
    """Yield where an item says `in_channels`; the bodies in it are given others."""
    left: list[object] = [item]
    while left:
        match left.pop():
            case tree.Body():
                pass
            case tree.Variable(name=tree.Name(text="in_channels"), span=span):
                yield span
            case Record() as record:
                left += [getattr(record, field) for field in record.__struct_fields__]
            case several if isinstance(several, tuple):
                left += cast("tuple[object, ...]", several)
            case _:
                pass
