"""What the forward of a network returns: a tensor, or several in a named tuple."""

from collections.abc import Mapping

from archdsl.emit.python.nodes import If, Invocation, Python, Return, Statement, Text
from archdsl.emit.python.printer import flat
from archdsl.ir.network import Map, Output
from archdsl.record import Record


class Returned(Record):
    """The outputs of a network, and what their named tuple is called."""

    class_name: str
    outputs: tuple[Output, ...]

    @property
    def maps(self) -> tuple[Map, ...]:
        """The maps that are returned."""
        return tuple(each.map for each in self.outputs)

    @property
    def always(self) -> tuple[Output, ...]:
        """The outputs that are there outside of training, too."""
        return tuple(each for each in self.outputs if not each.in_training)

    @property
    def alone(self) -> Output | None:
        """The only output that is there outside of training, if others are for training."""
        return self.always[0] if len(self.always) == 1 < len(self.outputs) else None

    @property
    def annotation(self) -> str:
        """The type of what forward returns."""
        if len(self.outputs) == 1:
            return "Tensor"
        return self.class_name if self.alone is None else f"Tensor | {self.class_name}"

    def statements(self, values: Mapping[Map, Python]) -> tuple[Statement, ...]:
        """Return the statements that return these values, of several outputs."""
        every = Return(Invocation(self.class_name, tuple(self._named(values))))
        if self.alone is None:
            return (every,)
        return If("self.training", (every,)), Return(values[self.alone.map])

    def _named(self, values: Mapping[Map, Python]) -> list[Python]:
        return [Text(flat(values[each.map])) for each in self.outputs]
