"""Doubts about words that a body reads otherwise than a newcomer may."""

from collections.abc import Iterator
from typing import cast

from archdsl.ir.showing import show
from archdsl.record import Record
from archdsl.semantics.draft import Here
from archdsl.semantics.state import Elaboration
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
