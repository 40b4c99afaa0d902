"""The members of the family that a spec declares: the network at any arguments."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import cast

from archdsl.diagnostics import SpecError
from archdsl.ir.network import Network
from archdsl.ir.numbers import Flag, Number, Symbol, Test, Truth, Value, normal
from archdsl.ir.rebuild import replace
from archdsl.record import Record
from archdsl.recursion import deep_recursion
from archdsl.semantics.elaborate import bind_network, elaborate
from archdsl.semantics.evaluate import truth
from archdsl.semantics.expects import atoms
from archdsl.semantics.values import Scope
from archdsl.source import SourceFile
from archdsl.syntax import tree
from archdsl.syntax.files import SpecFile
from archdsl.syntax.parse import parse_expression


class Members:
    """Builds members of a family, each with the work that a spec of its own may take."""

    def __init__(
        self,
        file: SpecFile,
        declaration: tree.NetworkDeclaration,
        given: Mapping[str, tree.Argument],
        network: Network | None = None,
        *,
        keeps_recipe: bool = False,
    ) -> None:
        """Take what members have in common unless they say otherwise, and the network so.

        Unless it is to be kept they have no recipe: it takes time, and none of their counts hangs
        on it.
        """
        self._file = file
        self._keeps_recipe = keeps_recipe
        items = declaration.body.items
        if not keeps_recipe:
            items = tuple(each for each in items if not isinstance(each, tree.UseRecipe))
        self._declaration = replace(declaration, body=replace(declaration.body, items=items))
        self._given = given
        self._network = network
        self.work = 0  # what building members has taken so far

    @property
    def network(self) -> Network:
        """The member with nothing changed; raise SpecError where it is refused."""
        if self._network is None:
            self._network = self.member({})
        return self._network

    def changed(self, changes: Mapping[str, tree.Expression]) -> "Members":
        """Return the members that have other arguments in common."""
        given = {**self._given, **{n: tree.Argument(None, v) for n, v in changes.items()}}
        keeps = self._keeps_recipe
        return Members(self._file, self._declaration, given, keeps_recipe=keeps)

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

    def expression(self, value: Value | bool | tree.Expression) -> tree.Expression:
        """Return a value as the tree has it, if it does not yet."""
        return self.literal(value) if isinstance(value, int | Fraction) else value

    def test(self, text: str, values: Mapping[str, Value | bool]) -> Test:
        """Return a condition over arguments and measures; raise SpecError.

        `values` are those of some member; where its parts have others, a condition is told by them.
        """
        own = {name: self.literal(value) for name, value in values.items() if name in self.names}
        given = {**self._given, **{n: tree.Argument(None, v) for n, v in own.items()}}
        scope = Scope(self._file)
        bind_network(self._declaration, given, scope)
        for name, value in values.items():
            scope.values[name] = (
                Truth(value, Flag(name)) if isinstance(value, bool) else Number(value, Symbol(name))
            )
        return truth(parse_expression(SourceFile("--where", text)), scope).test

    def takes_list(self, name: str, given: tree.ListLiteral) -> bool:
        """Say whether a list is one value of an argument: its default is one, of no lists."""
        default = next(p.default for p in self._declaration.parameters if p.name.text == name)
        is_of_lists = all(isinstance(item, tree.ListLiteral) for item in given.items)
        return isinstance(default, tree.ListLiteral) and not (given.items and is_of_lists)

    @property
    def name(self) -> str:
        """The name of the network."""
        return self._declaration.name.text

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
