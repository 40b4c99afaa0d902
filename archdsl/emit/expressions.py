"""Numbers -> expressions over a class's arguments that are right in each of its instances.

In this order: what the spec wrote, if it is written alike in all instances and Python's integer
arithmetic gives the right value in each; the number itself, if it is the same in all; an argument
there is already, or a multiple of one; a new argument.
"""

from collections.abc import Mapping

from archdsl.emit.arithmetic import division, equal, plain, python_value, result_of, say
from archdsl.emit.layers import DROP_RATE
from archdsl.emit.naming import Names
from archdsl.emit.pairs import are_half, is_pair, vary_in_both
from archdsl.emit.plan import Assign, Constant, HoleKind, Python, Sequence, Text
from archdsl.emit.python import constant
from archdsl.emit.rows import Row, Vector, members_of, present_of, scalars_of, vector
from archdsl.ir.numbers import Expr, Symbol, Value, symbols

LONGEST = 40  # a longer expression is not repeated in generated code
_MULTIPLES = range(2, 33)


class Argument:
    """An argument of a class: `values` has one for each instance."""

    def __init__(self, symbol: str, name: str, values: Vector, *, is_index: bool = False) -> None:
        self.symbol = symbol
        self.name = name
        self.values = values
        self.is_index = is_index
        self.is_float = False  # it is used as a rate, even where its values are whole

    def settled(self, index: int) -> Constant:
        """Return the value in an instance."""
        value = self.values[index]
        return 0 if value is None else value

    @property
    def annotation(self) -> str:
        """The type of the values, as Python names it."""
        types = {type(value) for value in self.values if value is not None}
        if types == {tuple} and all(map(is_pair, self.values)):
            return "tuple[int, int]"
        if tuple in types:
            return "tuple[tuple[float, ...], ...]"
        if types <= {bool, int} and not self.is_float:
            return "bool" if types == {bool} else "int"
        return "float"


class Scope:
    """What the expressions of one class may name, and which of it they do name."""

    def __init__(
        self, values: list[Mapping[str, Value]], lets: Mapping[str, tuple[Expr, ...]], names: Names
    ) -> None:
        self._count = len(values)
        self._values = values
        self._lets = lets
        self._names = names
        self._symbols = [s for s in values[0] if all(s in v for v in values)]
        self.arguments: list[Argument] = []
        self.locals: dict[str, Assign] = {}
        self._printed: dict[str, str] = {}

    def resolve(self, rows: list[Row]) -> list[Python]:
        """Return an expression for each row of holes."""
        written = [self._tuple_or_written(row) for row in rows]
        return [
            self._number(row) if found is None else found
            for row, found in zip(rows, written, strict=True)
        ]

    # ------------------------------------------------------------ as written

    def _tuple_or_written(self, row: Row) -> Python | None:
        first = present_of(row)
        if first.kind is HoleKind.TABLE or not isinstance(first.value, tuple):
            return self._written(row)
        scalars = scalars_of(row)
        if scalars is not None:
            return self.resolve([scalars])[0]
        members = members_of(row, len(first.value))
        if vary_in_both(vector(row)) and all(self._written(member) is None for member in members):
            return self._pair(row)
        return Sequence(tuple(self.resolve(members)), is_tuple=True)

    def _pair(self, row: Row) -> Python:
        values = vector(row)
        for argument in self.arguments:
            if _is_same(values, argument.values):
                return Text(argument.name)
            if are_half(values, argument.values):
                sides = (Text(f"{argument.name}[{index}] // 2") for index in range(2))
                return Sequence(tuple(sides), is_tuple=True)
        return Text(self.new_argument(present_of(row).hint, values))

    def _written(self, row: Row) -> Python | None:
        first = present_of(row)
        if len(first.exprs) != 1 or any(hole and hole.exprs != first.exprs for hole in row):
            return None
        (expr,) = first.exprs
        if expr == Symbol(DROP_RATE):
            return Text(self._argument(DROP_RATE, "drop_rate", (0.0,) * self._count))
        if not symbols(expr) or not self._is_right(expr, vector(row)):
            return None
        is_atom = isinstance(expr, Symbol)
        if first.kind is HoleKind.ATOM and not is_atom:
            return None
        text = self._say(expr, divide=division(vector(row)))
        if is_atom and division(vector(row)) == "/":
            self._make_float(text)
        return Text(text)

    def _make_float(self, name: str) -> None:
        for argument in self.arguments:
            if argument.name == name:
                argument.is_float = True
                argument.values = tuple(
                    float(v) for v in argument.values if isinstance(v, int | float)
                )

    def _is_right(self, expr: Expr, values: Vector) -> bool:
        if not symbols(expr) <= set(self._symbols):
            return False
        if len(self._say_plainly(expr)) > LONGEST:
            return False
        divide = division(values)
        found = (python_value(expr, scope, divide) for scope in self._values)
        return all(
            value is None or equal(value, other) for value, other in zip(values, found, strict=True)
        )

    def _say(self, expr: Expr, *, divide: str) -> str:
        """Return the expression as Python, its symbols from now on used."""
        names = {name: self.use(name) for name in sorted(symbols(expr), key=self._symbols.index)}
        return say(expr, names, divide)

    def _say_plainly(self, expr: Expr) -> str:
        return say(expr, {name: name for name in symbols(expr)}, "//")

    def use(self, symbol: str) -> str:
        """Return what the class calls a symbol of the spec; it is an argument or a local then."""
        if symbol not in self._printed:
            values = tuple(plain(scope[symbol]) for scope in self._values)
            self._printed[symbol] = self._let(symbol, values) or self._argument(
                symbol, symbol, values
            )
        return self._printed[symbol]

    def _let(self, symbol: str, values: Vector) -> str | None:
        """Make a `let` a local variable if its expression holds in all instances."""
        exprs = self._lets.get(symbol, ())
        if len(set(exprs)) != 1:
            return None
        divide = division(values)
        if symbols(exprs[0]) and self._is_right(exprs[0], values):
            text = self._say(exprs[0], divide=divide)
        elif len(set(values)) == 1:
            text = constant(values[0] or 0)
        else:
            return None
        name = self._names.unique(symbol)
        self.locals[symbol] = Assign(name, Text(text))
        return name

    def knows(self, symbol: str) -> str | None:
        """Return the name of an argument that is used already."""
        return next((a.name for a in self.arguments if a.symbol == symbol), None)

    def values_of(self, text: str) -> Vector:
        """Return what an expression over arguments and locals gives in each instance."""
        return tuple(result_of(text, self._known_in(index)) for index in range(self._count))

    def _known_in(self, index: int) -> dict[str, Constant | None]:
        known: dict[str, Constant | None] = {a.name: a.values[index] for a in self.arguments}
        for local in self.locals.values():
            if isinstance(local.value, Text):
                known[local.target] = result_of(local.value.text, known)
        return known

    def has(self, symbol: str) -> bool:
        """Whether all instances have this symbol."""
        return symbol in self._symbols

    # ------------------------------------------------------------ as a number

    def _number(self, row: Row) -> Python:
        values = vector(row)
        present = [value for value in values if value is not None]
        if len(set(map(constant, present))) == 1:
            return _literal(present[0])
        first = present_of(row)
        if first.kind is HoleKind.INDEX:
            return Text(self._index(row, values))
        for argument in self.arguments:
            if _is_same(values, argument.values):
                return Text(argument.name)
            if not argument.is_index and _agrees(values, argument.values, 1):
                return Text(argument.name)
        text = self._multiple(values) if first.kind is HoleKind.NUMBER else None
        return Text(text or self.new_argument(first.hint, values))

    def _multiple(self, values: Vector) -> str | None:
        if any(isinstance(value, float) for value in values):
            return None  # a rate or a slope is no share of a whole number
        for argument in self.arguments:
            if argument.is_index:
                continue
            for factor in _MULTIPLES:
                if _agrees(values, argument.values, factor):
                    return f"{factor} * {argument.name}"
                if _agrees(argument.values, values, factor):
                    return f"{argument.name} // {factor}"
        return None

    def _index(self, row: Row, values: Vector) -> str:
        for argument in self.arguments:
            if argument.is_index:
                gap = _gap(values, argument.values)
                if gap is not None and abs(gap) <= MOST_OFFSET:
                    return _shifted(argument.name, gap)
        offsets = {hole.offset for hole in row if hole}
        offset = offsets.pop() if len(offsets) == 1 else 0
        larger = tuple(v + offset if isinstance(v, int) else v for v in values)
        name = self.new_argument(present_of(row).hint, larger, is_index=True)
        return _shifted(name, -offset)

    def new_argument(self, hint: str, values: Vector, *, is_index: bool = False) -> str:
        """Return the name of a new argument with these values."""
        filler = next(value for value in values if value is not None)
        filled = tuple(filler if value is None else value for value in values)
        wish = f"{hint}2" if hint in self._symbols else hint  # the symbol may be used yet
        return self._argument(f"new {len(self.arguments)}", wish, filled, is_index=is_index)

    def _argument(self, symbol: str, hint: str, values: Vector, *, is_index: bool = False) -> str:
        known = self.knows(symbol)
        if known is not None:
            return known
        name = self._names.unique(hint)
        self.arguments.append(Argument(symbol, name, values, is_index=is_index))
        return name


MOST_OFFSET = 3


def _literal(value: Constant) -> Python:
    if isinstance(value, tuple):
        return Sequence(tuple(_literal(item) for item in value), is_tuple=True)
    return Text(constant(value))


def _is_same(values: Vector, others: Vector) -> bool:
    """Whether tuples are the same in all instances that have them."""
    pairs = zip(values, others, strict=True)
    return all(isinstance(b, tuple) and a in (None, b) for a, b in pairs)


def _agrees(values: Vector, others: Vector, factor: int) -> bool:
    """Whether each value is `factor` times the other; flags are no numbers."""
    return all(
        value is None
        or other is None
        or (
            isinstance(value, int | float)
            and isinstance(other, int | float)
            and isinstance(value, bool) == isinstance(other, bool)
            and value == factor * other
            and not (factor > 1 and isinstance(value, float | bool))
        )
        for value, other in zip(values, others, strict=True)
    )


def _gap(values: Vector, others: Vector) -> int | None:
    gaps = {
        value - other
        for value, other in zip(values, others, strict=True)
        if isinstance(value, int) and isinstance(other, int)
    }
    return gaps.pop() if len(gaps) == 1 else None


def _shifted(name: str, by: int) -> str:
    if by == 0:
        return name
    return f"{name} + {by}" if by > 0 else f"{name} - {-by}"
