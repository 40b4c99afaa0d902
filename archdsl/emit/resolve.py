"""A class's units -> its parameters and its `__init__`, every number expressed."""

from collections.abc import Iterator
from enum import StrEnum

from archdsl.emit.attributes import Attribute, attributes
from archdsl.emit.classes import Group
from archdsl.emit.conditions import condition
from archdsl.emit.expressions import Scope
from archdsl.emit.filling import fill
from archdsl.emit.layers import functional, hands_weight
from archdsl.emit.loops import settle_loops
from archdsl.emit.naming import Names
from archdsl.emit.parameters import parameters
from archdsl.emit.plan import (
    Assign,
    Call,
    Comment,
    Conditional,
    Keyword,
    Python,
    Sequence,
    Statement,
    Text,
    holes,
    replace_text,
)
from archdsl.emit.recursion import check_chain
from archdsl.emit.rows import Row, Vector, vector
from archdsl.emit.units import CombineSite, LayerSite, ResidualSite, direct_layers
from archdsl.ir.network import Block, Shared
from archdsl.ir.numbers import Expr
from archdsl.record import Record


class Presence(StrEnum):
    """In which instances of a class something is."""

    ALWAYS = "always"
    NEVER = "never"
    SOMETIMES = "sometimes"


class Loan(Record):
    """How a class uses a weight that it is handed at one of its layers.

    `own` names the attribute of those that have a weight of their own instead. `function` is what
    applies the weight where the shared layer itself cannot be called: its geometry is another's.
    """

    presence: Presence  # of its own weight
    own: str
    function: str | None
    keywords: tuple[Keyword, ...]


class Resolved(Record):
    """What the class of a group looks like, but for its forward."""

    init: tuple[Statement, ...]
    shortcuts: tuple[Presence, ...]  # of its residuals, in order
    sums: tuple[str, ...]  # for each sum in order the attribute that tells if the input is added
    loans: tuple[Loan, ...]  # of its layers with a loan, in order
    values: dict[str, Vector]  # of its arguments, by name
    outputs: Vector  # output channels of its instances
    output: str | None  # how they are expressed


def resolve(group: Group, shared: dict[int, Shared], taken: frozenset[str]) -> Resolved:
    """Decide on the parameters of a class and give each unit its arguments.

    No parameter may have a name that is `taken`: those of all classes.
    """
    return _Resolution(group, shared, taken).result()


class _Resolution:
    def __init__(self, group: Group, shared: dict[int, Shared], taken: frozenset[str]) -> None:
        settle_loops(group)
        self.group = group
        self.shared = shared
        self.columns = list(zip(*(attributes(unit) for unit in group.units), strict=True))
        self.scope = Scope(
            [unit.values for unit in group.units], _lets(group), Names((*taken, "i"))
        )
        for parameter in group.parameters:  # of a chain
            self.scope.use(parameter.symbol)
        self.rows: list[tuple[Row, Python]] = []
        members = Names(a.name for column in self.columns for a in column)
        self.sums = [_name_of_sum(column, members) for column in self.columns]

    def result(self) -> Resolved:
        borrowed = self._borrowed()
        owned = len(self.group.first.owned)
        trees = [
            # the blocks of a stage before what it owns: they name its arguments
            *([a.value for a in column] for column in self.columns[owned:]),
            *([a.value for a in column] for column in self.columns[:owned]),
            *(self._functions(column) for column in borrowed),
        ]
        filled = self._filled(trees)
        end = len(self.columns)
        assigned = [*filled[end - owned : end], *filled[: end - owned]]
        conditions = [
            self._condition(column, name or f"has_{_first_name(column)}")
            for column, name in zip(self.columns, self.sums, strict=True)
        ]
        init = self._init(assigned, conditions)
        loans, constants = self._loans(borrowed, filled[end:])
        outputs = self._outputs()
        output = self._expression_of(outputs)
        init = self._with_output_local([*init, *constants], output)
        self._settle()
        return Resolved(
            tuple(init),
            tuple(_presence(c) for c in self.columns if isinstance(c[0].site, ResidualSite)),
            tuple(self._sums()),
            tuple(loans),
            {argument.name: argument.values for argument in self.scope.arguments},
            outputs,
            output,
        )

    def _sums(self) -> Iterator[str]:
        for column, name in zip(self.columns, self.sums, strict=True):
            if name:
                yield name if _presence(column) is Presence.SOMETIMES else ""

    def _outputs(self) -> Vector:
        return tuple(unit.node.output.channels for unit in self.group.units)

    # ------------------------------------------------------------ numbers

    def _filled(self, trees: "list[list[Python | None]]") -> list[Python]:
        """Return each column of corresponding expressions as one, its holes filled."""
        found = [list(_rows(column)) for column in trees]
        resolved = iter(self.scope.resolve([row for rows in found for row in rows]))
        filled: list[Python] = []
        for column, rows in zip(trees, found, strict=True):
            values = [next(resolved) for _ in rows]
            self.rows += zip(rows, values, strict=True)
            tree = next((tree for tree in column if tree is not None), Text("None"))
            filled.append(fill(tree, values))
        return filled

    # ------------------------------------------------------------ conditions

    def _condition(self, column: tuple[Attribute, ...], wish: str) -> str | None:
        """Return when the attribute is there, None if always or never."""
        flags = tuple(attribute.value is not None for attribute in column)
        if len(set(flags)) == 1:
            return None
        sites = [attribute.site for attribute in column if attribute.site is not None]
        units = self.group.units
        out = self._expression_of(tuple(site.node.output.channels for site in sites))
        found = condition(self.scope, units, sites, flags, out=out)
        return found or self.scope.new_argument(wish, flags)

    def _expression_of(self, values: Vector) -> str | None:
        """Return how the numbers of output channels are expressed, if anywhere.

        A row may miss instances; what it is written as must be right in those too.
        """
        return next(
            (
                python.text
                for row, python in reversed(self.rows)
                if isinstance(python, Text) and _hint(row) == "out_channels"
                if all(a in (None, b) for a, b in zip(vector(row), values, strict=True))
                if self.scope.values_of(python.text) == values
            ),
            None,
        )

    # ------------------------------------------------------------ statements

    def _init(self, assigned: list[Python], conditions: list[str | None]) -> Iterator[Statement]:
        rows = zip(self.columns, assigned, conditions, self.sums, strict=True)
        for column, value, when, name in rows:
            if name and when is not None:
                yield Assign(f"self.{name}", Text(when))
            elif not name and any(attribute.value is not None for attribute in column):
                yield from _assigned(column, value, when)

    def _with_output_local(self, init: list[Statement], text: str | None) -> list[Statement]:
        """Put locals first, and with them the output channels if they are a product used often.

        They are written as `text`.
        """
        local: list[Statement] = [
            self.scope.locals[s] for s in self.group.first.values if s in self.scope.locals
        ]
        if text is None or " " not in text or not isinstance(self.group.first.node, Block):
            return [*local, *init]
        replaced = [replace_text(s, text, OUT) for s in init]
        uses = sum(count for _, count in replaced)
        if uses < OFTEN or self.scope.has(OUT) or OUT in {a.name for a in self.scope.arguments}:
            return [*local, *init]
        return [*local, Assign(OUT, Text(text)), *(s for s, _ in replaced)]

    # ------------------------------------------------------------ loans

    def _borrowed(self) -> list[tuple[LayerSite, ...]]:
        """Return the layers with a loan, each in all instances."""
        columns = zip(*(direct_layers(unit.body) for unit in self.group.units), strict=True)
        return [column for column in columns if column[0].loan is not None]

    def _functions(self, column: tuple[LayerSite, ...]) -> "list[Python | None]":
        """Return the functions that apply a weight, nothing where the shared layer itself can."""
        if all(self._is_same(site) for site in column) and not hands_weight(column[0].node.layer):
            return [None for _ in column]
        return [Call(*functional(site.node)) for site in column]

    def _loans(
        self, borrowed: list[tuple[LayerSite, ...]], filled: list[Python]
    ) -> tuple[list[Loan], list[Statement]]:
        loans: list[Loan] = []
        constants: dict[str, Statement] = {}
        for sites, call in zip(borrowed, filled, strict=True):
            own = next((site.node.name for site in sites if site.owns), "")
            presence = Presence.SOMETIMES if own else Presence.NEVER
            if not isinstance(call, Call):
                loans.append(Loan(presence, own, None, ()))
            else:
                name = own or sites[0].node.name
                keywords = tuple(self._constant(k, name, constants) for k in call.arguments)
                loans.append(Loan(presence, own, call.function, keywords))
        return loans, list(constants.values())

    def _is_same(self, site: LayerSite) -> bool:
        assert site.loan is not None
        return site.owns or site.node.layer == self.shared[site.loan].layer

    def _constant(self, argument: Python, layer: str, constants: dict[str, Statement]) -> Keyword:
        """Return the keyword; a value that instances differ in becomes an attribute."""
        assert isinstance(argument, Keyword)
        value = argument.value
        if _is_literal(value):
            return argument
        name = f"{layer}_{argument.name}"
        constants[name] = Assign(f"self.{name}", value)
        return Keyword(argument.name, Text(f"self.{name}"))

    # ------------------------------------------------------------ parameters

    def _settle(self) -> None:
        group = self.group
        arguments = self.scope.arguments
        settled = parameters(group, arguments)
        if group.base is not None:
            check_chain(group, settled)
        group.parameters = settled
        for index, unit in enumerate(group.units):
            unit.arguments = {a.symbol: a.settled(index) for a in arguments}


OUT = "out_channels"
OFTEN = 3


def _lets(group: Group) -> dict[str, tuple[Expr, ...]]:
    nodes = [unit.node for unit in group.units]
    blocks = [node for node in nodes if isinstance(node, Block)]
    found: dict[str, list[Expr]] = {}
    for block in blocks:
        for let in block.lets:
            found.setdefault(let.name, []).append(let.number.expr)
    return {name: tuple(exprs) for name, exprs in found.items() if len(exprs) == len(blocks)}


def _rows(column: "list[Python | None]") -> Iterator[Row]:
    lists = [None if tree is None else holes(tree) for tree in column]
    count = next((len(found) for found in lists if found is not None), 0)
    for index in range(count):
        row = (None if found is None else found[index] for found in lists)
        yield tuple(hole if hole is not None and hole.matters else None for hole in row)


def _hint(row: Row) -> str:
    return next(hole.hint for hole in row if hole is not None)


def _presence(column: tuple[Attribute, ...]) -> Presence:
    flags = {attribute.value is not None for attribute in column}
    if len(flags) > 1:
        return Presence.SOMETIMES
    return Presence.ALWAYS if True in flags else Presence.NEVER


def _assigned(
    column: tuple[Attribute, ...], value: Python, when: str | None
) -> Iterator[Statement]:
    if when is not None:
        if isinstance(column[0].site, LayerSite):
            yield Comment("None: this block uses the shared layer that forward is given.")
        value = Conditional(value, when, _otherwise(column[0]))
    yield Assign(f"self.{_first_name(column)}", value)


def _name_of_sum(column: tuple[Attribute, ...], members: Names) -> str:
    return members.unique("adds") if isinstance(column[0].site, CombineSite) else ""


def _first_name(column: tuple[Attribute, ...]) -> str:
    return next((attribute.name for attribute in column if attribute.value is not None), "")


def _otherwise(attribute: Attribute) -> Python:
    site = attribute.site
    if isinstance(site, ResidualSite) and not site.preactivation:
        return Call("nn.Identity")
    return Text("None")


def _is_literal(value: Python) -> bool:
    match value:
        case Text(text=text):
            return not any(character.isalpha() for character in text)
        case Sequence(items=items):
            return all(map(_is_literal, items))
        case _:
            return False
