"""The numbers of a layer's fields, as expressions over what its class may name."""

from collections.abc import Sequence
from typing import TypeAlias

from archdsl.emit.expressions.scope import ClassScope
from archdsl.emit.expressions.slots import Slot, WrittenNumber
from archdsl.emit.python.nodes import Constant, Keyword, Python, Text
from archdsl.emit.python.nodes import Sequence as Items
from archdsl.emit.python.printer import constant
from archdsl.ir.layers import sides
from archdsl.ir.network import LayerNode

# A layer in each instance of a class that has it.
LayerColumn: TypeAlias = Sequence[LayerNode | None]


class FieldWriter:
    """Writes the numbers of a layer's fields."""

    def __init__(self, column: LayerColumn, scope: ClassScope) -> None:
        self.column = column
        self.scope = scope

    def number(self, field: str) -> Python:
        """Return a field, equal sizes as one number."""
        value = next(getattr(node.layer, field) for node in self.column if node is not None)
        if not isinstance(value, tuple):
            return self.scope.number(self.slot(field), field)
        members = [self.slot(field, index) for index in range(len(value))]  # pyright: ignore[reportUnknownArgumentType]
        if all(member == members[0] for member in members):
            return self.scope.number(members[0], field)
        names = sides(len(members))
        each = (self.scope.number(m, f"{field}_{n}") for m, n in zip(members, names, strict=True))
        return Items(tuple(each), is_tuple=True)

    def slot(self, field: str, index: int | None = None) -> Slot:
        """Return a field in each instance, or one of its sizes."""
        return tuple(None if n is None else _written(n, field, index) for n in self.column)

    def keyword(
        self, field: str, default: Constant | None = None, rename: str = ""
    ) -> list[Python]:
        """Return `field=value`, nothing where that is the default."""
        value = self.number(field)
        is_default = default is not None and value == Text(constant(default))
        return [] if is_default else [Keyword(rename or field, value)]


def _written(node: LayerNode, field: str, index: int | None) -> WrittenNumber:
    value = getattr(node.layer, field)
    exprs = ()
    for written in node.written:  # a loop: this is asked of every number of every layer
        if written.field == field:
            exprs = written.exprs
            break
    if index is None:
        return WrittenNumber(value, exprs[0] if exprs else None)
    return WrittenNumber(value[index], exprs[index if len(exprs) > 1 else 0] if exprs else None)


def number_of(column: LayerColumn, field: str, scope: ClassScope) -> Python:
    """Return a number of a layer as an expression."""
    return FieldWriter(column, scope).number(field)
