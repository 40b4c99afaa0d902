"""The members of the family that a spec declares: the network at any arguments."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import cast

from archdsl.diagnostics import SpecError
from archdsl.ir.network import Network
from archdsl.ir.numbers import Value, normal
from archdsl.ir.rebuild import replace
from archdsl.record import Record
from archdsl.recursion import deep_recursion
from archdsl.semantics.elaborate import elaborate
from archdsl.semantics.expects import atoms
from archdsl.syntax import tree
from archdsl.syntax.files import SpecFile


class Members:
    """Builds members of a family, each with the work that a spec of its own may take."""

    def __init__(
        self,
        file: SpecFile,
        declaration: tree.NetworkDeclaration,
        given: Mapping[str, tree.Argument],
        network: Network,
    ) -> None:
        """Take the network as compiled; members have its arguments unless they say otherwise."""
        self._file = file
        # a recipe is about training: it refuses no member, and takes time
        items = (i for i in declaration.body.items if not isinstance(i, tree.UseRecipe))
        self._declaration = replace(declaration, body=replace(declaration.body, items=tuple(items)))
        self._given = given
        self.network = network
        self.work = 0  # what building members has taken so far

    def member(self, changes: Mapping[str, tree.Expression]) -> Network:
        """Return the network with arguments changed; raise SpecError where that is refused."""
        given = {**self._given, **{n: tree.Argument(None, v) for n, v in changes.items()}}
        work = self._file.work
        before, work.done = work.done, 0
        try:
            return _elaborated(self._file, self._declaration, given)
        finally:
            self.work += work.done
            work.done = before

    def at(self, values: Mapping[str, Value | bool]) -> Network | None:
        """Return the network at these numbers and flags, None where it is refused."""
        try:
            return self.member({name: self.literal(value) for name, value in values.items()})
        except SpecError:
            return None

    def literal(self, value: Value | bool) -> tree.Expression:
        """Return a value as the tree has it."""
        span = self._declaration.name.span
        if isinstance(value, bool):
            return tree.BooleanLiteral(value, span)
        return tree.NumberLiteral(Fraction(value), isinstance(value, int), span)

    @property
    def names(self) -> tuple[str, ...]:
        """The arguments, as declared."""
        return tuple(parameter.name.text for parameter in self._declaration.parameters)

    @property
    def wholes(self) -> frozenset[str]:
        """The arguments that are whole numbers by default, and not written as `1.0`."""
        return frozenset(
            parameter.name.text
            for parameter in self._declaration.parameters
            if not _is_real(parameter.default)
            and isinstance(dict(self.network.values).get(parameter.name.text), int)
        )

    def mentioned(self) -> tuple[Value, ...]:
        """Return the numbers that the spec compares with, looks up or expects something of."""
        found: dict[Value, None] = {}
        declarations = (self._declaration, *(block for block, _ in self._file.blocks.values()))
        for declaration in declarations:
            for value in _mentioned(declaration):
                found.setdefault(value)
        return tuple(found)


@deep_recursion()
def _elaborated(
    file: SpecFile, declaration: tree.NetworkDeclaration, given: Mapping[str, tree.Argument]
) -> Network:
    return elaborate(file, declaration, given, sizes=False).network


def _is_real(default: tree.Expression | None) -> bool:
    return isinstance(default, tree.NumberLiteral) and not default.is_integer


def _mentioned(node: object) -> Iterator[Value]:
    """Yield numbers that a choice may hang on: keys of tables, sides of comparisons, arguments."""
    match node:
        case tree.DictLiteral(items=items):
            for key, _ in items:
                yield from _numbers(key)
        case tree.Infix(operator="==" | "!=" | "<" | "<=" | ">" | ">=", left=left, right=right):
            yield from _numbers(left)
            yield from _numbers(right)
        case tree.Argument(name=tree.Name(), value=value):
            yield from _numbers(value)
        case tree.Expect(condition=condition):  # whose figures are no arguments
            for atom in atoms(tree.Expect(condition, node.span)):
                for argument in atom.arguments:
                    yield from _numbers(argument.value)
            return
        case _:
            pass
    for child in _children(node):
        yield from _mentioned(child)


def _numbers(node: tree.Expression) -> Iterator[Value]:
    if isinstance(node, tree.NumberLiteral):
        yield normal(node.value)


def _children(node: object) -> Iterator[object]:
    if isinstance(node, Record):
        for field in node.__struct_fields__:
            if field != "span":
                yield getattr(node, field)
    elif isinstance(node, tuple):
        yield from cast("tuple[object, ...]", node)
