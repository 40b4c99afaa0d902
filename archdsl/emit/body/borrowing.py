"""How a forward applies weights that it is handed, or that its class owns for several layers."""

from collections.abc import Iterator

from archdsl.emit.body.shared import SharedUse, SharedWeights
from archdsl.emit.python.members import member
from archdsl.emit.python.nodes import Assign, IfElse, Invocation, Python, Statement, Text
from archdsl.ir.layers import Conv, ConvTranspose, Layer, Linear
from archdsl.ir.names import as_word


class BorrowedWeights:
    """Writes the calls that apply shared weights; `chosen` are the statements before them."""

    def __init__(self, uses: SharedWeights) -> None:
        self.uses = uses
        self.chosen: list[Statement] = []

    def apply(
        self,
        borrowed: SharedUse,
        layer: Layer,
        value: Python,
        under_test: list[Statement] | None = None,
    ) -> Python:
        """Return the call that applies a shared weight to a value.

        `under_test` are the statements of an `if` around it, where it is there in some instances.
        """
        source = self._source(borrowed, under_test)
        if borrowed.function is None:
            return Invocation(source, (value,))
        weight = tuple(_weight(source, layer, hands=borrowed.hands))
        return Invocation(borrowed.function, (value, *weight, *borrowed.keywords))

    def _source(self, borrowed: SharedUse, under_test: list[Statement] | None) -> str:
        """Return what holds the weight: chosen first, where some have one of their own."""
        if not borrowed.own:
            return borrowed.source
        name = self.uses.chosen.get(borrowed.own)
        is_new = name is None
        if name is None:
            name = self.uses.names.unique(as_word(borrowed.own))
            self.uses.chosen[borrowed.own] = name
        if is_new or under_test is not None:
            own = borrowed.effective(member(borrowed.own))
            source, absent = borrowed.source, f"{borrowed.source} is None"
            choice = IfElse(own, absent, Text(source))
            if borrowed.always:
                choice = IfElse(Text(source), f"{member(borrowed.own)} is None", own)
            statements = self.chosen if under_test is None else under_test
            if (chosen := Assign(name, choice)) not in statements:
                statements.append(chosen)
        return name


def _weight(source: str, layer: Layer, *, hands: bool) -> Iterator[Python]:
    has_bias = isinstance(layer, Conv | ConvTranspose | Linear) and layer.bias
    if hands:
        yield Text(f"*{source}" if has_bias else source)
        return
    yield Text(f"{source}.weight")
    if has_bias:
        yield Text(f"{source}.bias")
