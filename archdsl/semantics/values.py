"""Values of the language, and the scopes that name them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias, assert_never

from archdsl.diagnostics import SpecError
from archdsl.ir.layers import Size, sides
from archdsl.ir.making import leaf
from archdsl.ir.network import Map, Site
from archdsl.ir.numbers import (
    Asked,
    Known,
    Leaf,
    Literal,
    Number,
    Test,
    Truth,
    leaf_texts,
    symbols,
)
from archdsl.ir.showing import show, show_test, show_value
from archdsl.record import Record
from archdsl.semantics.flow import Flow
from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.syntax.files import SpecFile


class BlockValue(Record):
    """A declared block: it may be passed, chosen and called."""

    declaration: tree.BlockDeclaration
    file: SpecFile


class LayerValue(Record):
    """A layer as a value: `relu`, `leaky_relu(0.1)`."""

    call: tree.Call
    scope: "Scope"


class ListValue(Record):
    """`[a, b]`."""

    items: "tuple[Value, ...]"


class DictValue(Record):
    """`{key: value}`, in order."""

    items: "tuple[tuple[Value, Value], ...]"


class MapValue(Record):
    """A feature map that has a name, in the body where it flows."""

    body: object  # which only one body has
    map: Map
    flow: Flow
    label: str  # of the variable in generated code: `levels2`
    pixels: frozenset[str]  # what its size hangs on
    span: Span
    place: int | None = None  # in a list of maps

    @property
    def name(self) -> str:
        """How it is written: `levels[2]`."""
        if self.place is None:
            return self.label
        return f"{self.label.removesuffix(str(self.place))}[{self.place}]"


class BodyValue(Record, kw_only=True):
    """What a body with a name, or a block with one, has marked: `features.c2`."""

    marks: "dict[str, Value]"
    members: "dict[str, BodyValue]"
    site: Site  # of its step in the body around
    outward: "Callable[[Number], Number]"  # says its numbers in the names around it
    expose: "Expose"


Expose: TypeAlias = "Callable[[Sequence[Site], MapValue], tuple[Map, object]]"
"""Makes a map of a body one of the body around; returns it and whose it is.

The sites are those of the steps on the way: a body may stand in others.
"""


def items_in(value: "Value") -> int:
    """Return how many values stand in a value, itself included; big ones are never built."""
    match value:
        case ListValue(items=items):
            return 1 + sum(map(items_in, items))
        case DictValue(items=pairs):
            return 1 + sum(items_in(key) + items_in(held) for key, held in pairs)
        case _:
            return 1


Value: TypeAlias = Number | Truth | str | ListValue | DictValue | BlockValue | LayerValue | MapValue


def type_name(value: Value) -> str:
    """Return what a person calls this value."""
    match value:
        case Truth():
            return "true or false"
        case str():
            return "a string"
        case Number():
            return "a number"
        case ListValue():
            return "a list"
        case DictValue():
            return "a table"
        case BlockValue():
            return "a block"
        case LayerValue():
            return "a layer"
        case MapValue():
            return "a map"


def holds_maps(value: Value) -> bool:
    """Say whether a value is a map or has one in it."""
    match value:
        case MapValue():
            return True
        case ListValue(items=items):
            return any(map(holds_maps, items))
        case DictValue(items=pairs):
            return any(holds_maps(held) for _, held in pairs)
        case _:
            return False


def holds_sizes(value: Value) -> bool:
    """Say whether the size of a map has a part in a value."""
    match value:
        case Number(expr=expr):
            return any(_SIZE.search(text) for text in leaf_texts(expr))
        case ListValue(items=items):
            return any(map(holds_sizes, items))
        case DictValue(items=pairs):
            return any(holds_sizes(held) for _, held in pairs)
        case _:
            return False


_SIZE = re.compile(r"\b(in_length|in_depth|in_height|in_width)\b|\.(length|depth|height|width)\b")


def written(value: Value) -> str:
    """Return a value as the language writes it."""
    match value:
        case Truth(value=truth):
            return "true" if truth else "false"
        case str():
            return f'"{value}"'
        case Number(value=exact):
            return show_value(exact)
        case ListValue(items=items):
            return f"[{', '.join(map(written, items))}]"
        case DictValue(items=items):
            return f"{{{', '.join(f'{written(k)}: {written(v)}' for k, v in items)}}}"
        case BlockValue(declaration=declaration):
            return declaration.name.text
        case LayerValue(call=call):
            return call.span.text
        case MapValue():
            return value.name
        case _:
            assert_never(value)


def same(left: Value, right: Value) -> bool:
    """Say whether two values are equal, whatever expressions their numbers came from."""
    match left, right:
        case (Number(value=a), Number(value=b)):
            return a == b
        case (Truth(value=a), Truth(value=b)):
            return a is b
        case (ListValue(items=a), ListValue(items=b)):
            return len(a) == len(b) and all(map(same, a, b))
        case _:
            return type(left) is type(right) and left == right


def opaque(value: Value) -> Value:
    """Return a value as another declaration sees it: its numbers say nothing of their making."""
    match value:
        case Number():
            return opaque_number(value)
        case Truth(value=truth, test=test):
            return Truth(truth, Known(truth, show_test(test)))
        case ListValue(items=items):
            return ListValue(tuple(map(opaque, items)))
        case DictValue(items=pairs):
            return DictValue(tuple((opaque(key), opaque(held)) for key, held in pairs))
        case _:
            return value


def opaque_number(number: Number) -> Number:
    """Return a number as another declaration sees it."""
    if isinstance(number.expr, Literal):
        return number
    return Number(number.value, Leaf(number.value, show(number.expr)))


# what a block, or a body inside a network, is given
SIZES = ("in_length", "in_depth", "in_height", "in_width")


class Scope:
    """Names visible at a place: those of this body, then those around it."""

    def __init__(self, file: SpecFile, parent: "Scope | None" = None) -> None:
        self.file = file
        self.parent = parent
        self.values: dict[str, Value] = {}
        self.spans: dict[str, Span] = {}
        self.hanging: dict[str, frozenset[str]] = {}  # what values hang on, as far as it was asked
        self.channels: Number | None = (
            None  # what `in_channels` is here, where it was not asked for
        )
        self.size: Size | None = None  # where `channels` are given
        self.pixels = frozenset[str]()  # what the size hangs on
        self.aside = False  # to look at what is not chosen uses nothing
        self.used: set[str] = set()
        self.inside: tuple[Test, ...] = parent.inside if parent else ()  # the `if`s around it
        self.decided: dict[Asked, None] = {}  # of a declaration: tests of its `if`s
        self.hangs: set[str] = set()  # of a declaration: what it chooses by
        self.required: dict[Test, None] = {}  # of a declaration: what deeper `require`s say
        self.settled: set[str] = set()  # of a declaration: what a number of no expression hangs on
        self.unknown: set[str] = set()  # named by a `let` that has a mistake
        self.bodies: dict[str, BodyValue] = {}  # bodies and blocks with a name

    def child(self) -> "Scope":
        """Return a scope inside this one."""
        return Scope(self.file, self)

    def beside(self) -> "Scope":
        """Return a scope with the same names, whose use is no use of them."""
        scope = self.child()
        scope.aside = True
        return scope

    def define(self, name: tree.Name, value: Value, hanging: frozenset[str] = frozenset()) -> None:
        """Give a name its value here; `hanging` is what it hangs on."""
        self.values[name.text] = value
        self.spans[name.text] = name.span
        if hanging:
            self.hanging[name.text] = hanging

    def find(self, name: str) -> Value | None:
        """Return the value of a name, and remember that it was asked for.

        Raises SpecError without a diagnostic where a mistake elsewhere left the value unknown.
        """
        scope: Scope | None = self
        aside = False
        while scope is not None:
            if name in scope.unknown:
                raise SpecError(())
            aside = aside or scope.aside
            if name == "in_channels" and scope.channels is not None:
                scope.enter_channels()
            if name in SIZES and scope.size is not None:
                known = sides(len(scope.size))
                side = name.removeprefix("in_")
                if side not in known:  # as the height of a map of one dimension
                    return None
                return leaf(scope.size[known.index(side)], name, scope.pixels)
            if name in scope.values:
                if not aside:
                    scope.used.add(name)
                return scope.values[name]
            scope = scope.parent
        return None

    def body_named(self, name: str) -> "BodyValue | None":
        """Return a body or a block that has this name here or around."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.bodies:
                return scope.bodies[name]
            scope = scope.parent
        return None

    def body_that_marks(self, name: str) -> str | None:
        """Return the name of a body or a block, here or around, that has marked this map."""
        scope: Scope | None = self
        while scope is not None:
            found = next((n for n, body in scope.bodies.items() if name in body.marks), None)
            if found is not None:
                return found
            scope = scope.parent
        return None

    def settle_sizes(self, *values: Value) -> None:
        """Note that of the sizes that are in these values no expression is kept."""
        if any(map(holds_sizes, values)):
            self.settle(SIZES)

    def choose_by(self, names: Iterable[str]) -> None:
        """Note that something else than a number hangs on these symbols."""
        names = frozenset(names)
        self.root.hangs |= names
        self.root.settled |= names

    def settle(self, names: Iterable[str]) -> None:
        """Note that these symbols have a part in something of which no expression is kept."""
        self.root.settled.update(names)

    def enter_channels(self) -> None:
        """Give `in_channels` its value: few bodies ask for it."""
        if self.channels is not None:
            names = symbols(self.channels.expr)
            self.values["in_channels"] = leaf(self.channels.value, "in_channels", names)
            self.channels = None

    @property
    def given_channels(self) -> Number | None:
        """What `in_channels` is in a body inside a network; asking is no use of it."""
        scope: Scope | None = self
        while scope is not None:
            held = scope.channels or scope.values.get("in_channels")
            if isinstance(held, Number):
                return held
            scope = scope.parent
        return None

    def holder(self, name: str) -> "Scope | None":
        """Return the scope that gives a name its value."""
        scope: Scope | None = self
        while scope is not None:
            if name == "in_channels":
                scope.enter_channels()
            if name in scope.values:
                return scope
            scope = scope.parent
        return None

    @property
    def root(self) -> "Scope":
        """The scope of the declaration."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def names(self) -> Mapping[str, Value]:
        """Return all visible variables."""
        self.enter_channels()
        if self.parent is None:
            return self.values
        return {**self.parent.names(), **self.values}
