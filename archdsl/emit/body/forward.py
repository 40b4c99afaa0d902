"""Rows -> the statements of a `forward`, grouped as one would write them by hand."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import assert_never

from archdsl.emit.body.merging import (
    Merged,
    MergedCall,
    MergedJoin,
    MergedLayer,
    MergedPart,
    MergedStage,
    Operand,
    UnderTest,
    by_tests,
    is_shortcut,
)
from archdsl.emit.body.shared import SharedUse, SharedWeights
from archdsl.emit.classes.instances import Place
from archdsl.emit.python.nodes import (
    Assign,
    If,
    IfElse,
    Invocation,
    Keyword,
    Operation,
    Python,
    Return,
    Statement,
    Text,
)
from archdsl.emit.python.nodes import Sequence as Items
from archdsl.emit.python.printer import INDENT, WIDTH, flat
from archdsl.ir.layers import (
    AdaptivePool,
    ChannelSplit,
    Conv,
    ConvTranspose,
    Flatten,
    Layer,
    Linear,
    Pad,
    PixelShuffle,
    Pool,
    Upsample,
)
from archdsl.ir.network import MAIN, Map, Operator
from archdsl.ir.numbers import Test, negated

BODY = 2 * INDENT  # the indentation of a method's statements
_ROOM = WIDTH - BODY - len("return ")
DEEPEST = 4  # so many calls inside each other are read at a glance
_OPERATORS = {Operator.SUM: "+", Operator.PRODUCT: "*"}
_BEGINNERS = (Conv, ConvTranspose, Linear, Pool, AdaptivePool, Pad, Upsample, PixelShuffle)


class _Value:
    """What flows under the name of a map: an expression, or the variable that holds it."""

    def __init__(self, value: Python, name: str | None = None) -> None:
        self.value = value
        self.name = name  # of the variable that it is assigned to; None: a new one
        self.place: Place = ()  # of the step that made it
        self.is_closed = False  # it comes from a part or block: the next call begins a line
        self.was_pad = False

    @property
    def is_assigned(self) -> bool:
        """Whether the value is a variable."""
        return isinstance(self.value, Text)

    def copy(self) -> "_Value":
        """Return the same value, which may then become another one."""
        other = _Value(self.value, self.name)
        other.place, other.is_closed, other.was_pad = self.place, self.is_closed, self.was_pad
        return other


class ForwardWriter:
    """Writes the statements of a forward; `shapes` are comments by the places of steps."""

    def __init__(self, uses: SharedWeights, shapes: Mapping[Place, str]) -> None:
        self.uses = uses
        self.names = uses.names
        self.shapes = shapes
        self.shape = ""  # the last that was said
        self.head: list[Statement] = []  # what is chosen first
        self.statements: list[Statement] = []
        self.env: dict[Map, _Value] = {MAIN: _Value(Text("x"), "x")}

    def body(self, steps: Sequence[Merged]) -> tuple[Statement, ...]:
        """Return the statements of a body."""
        self._steps(_in_order(steps), ())
        last = Return(self.env[MAIN].value)
        return (*self.uses.start, *self.head, *self.statements, last)

    def _steps(self, steps: Sequence[Merged], after: Sequence[Merged]) -> None:
        """Write steps; `after` are those that follow them in the body."""
        rest = list(steps)
        for found in by_tests(steps):
            if isinstance(found, UnderTest):
                del rest[: len(found.whole)]
                self._choice(found, (*rest, *after))
            else:
                del rest[0]
                self._step(found, (*rest, *after))

    # ------------------------------------------------------------ conditions

    def _choice(self, choice: UnderTest, after: Sequence[Merged]) -> None:
        """Write steps that stand under a test or under its opposite."""
        steps = choice.whole
        given = [
            map_
            for map_ in dict.fromkeys(step.stand.gives for step in steps)
            if map_ in self.env or _is_read(map_, after)
        ]
        for step in steps:
            for map_ in _maps(step):
                if map_ in self.env:
                    self._assign(self.env[map_])
        for map_ in given:
            self._enter(map_, steps)
        outer, env = self.statements, self.env
        names = {map_: env[map_].name for map_ in given}
        bodies: list[tuple[Statement, ...]] = []
        for side in (choice.then, choice.otherwise):
            self.statements, self.env = [], {map_: value.copy() for map_, value in env.items()}
            self._steps(side, after)
            for map_, name in names.items():
                self._assign_to(map_, name)
            bodies.append(tuple(self.statements))
        self.statements, self.env = outer, env
        for map_ in given:
            env[map_].place = next(r.stand.place for r in reversed(steps) if r.stand.gives == map_)
        self._write_choice(choice.test, steps[0], *bodies)

    def _enter(self, map_: Map, steps: Sequence[Merged]) -> None:
        """Make a map that some steps under a test give a variable before it."""
        if map_ in self.env:
            return
        source = next(
            m for step in steps if step.stand.gives == map_ for m in _maps(step) if m != map_
        )
        self.env[map_] = _Value(self.env[source].value, self.names.unique("out"))
        self._assign_to(map_, self.env[map_].name)

    def _assign_to(self, map_: Map, name: str | None) -> None:
        value = self.env[map_]
        assert name is not None
        if value.value != Text(name):
            self.statements.append(Assign(name, value.value))
            self.env[map_] = _Value(Text(name), name)

    def _write_choice(
        self, test: Test, step: Merged, then: tuple[Statement, ...], other: tuple[Statement, ...]
    ) -> None:
        if then == other:
            self.statements += then
            return
        if not then:
            test, then, other = negated(test), other, ()
        flag = self.uses.flag(test, _hint(step))
        before = self.statements[-1] if self.statements else None
        match then, other, before:
            case (Assign(target, a),), (Assign(same, b),), Assign(alias) if (
                target == same == alias and not _names_it(target, a, b)
            ):
                self.statements.pop()
                self.statements.append(_either(target, flag, a, b))
            case (Assign(target, a),), (Assign(same, b),), _ if target == same:
                self.statements.append(_either(target, flag, a, b))
            case (Assign(target, a),), (), Assign(alias, b) if target == alias and not _names_it(
                target, a
            ):
                self.statements.pop()
                self.statements.append(_either(target, flag, a, b))
            case _:
                self.statements.append(If(flag, then, other))

    # ------------------------------------------------------------ steps

    def _step(self, step: Merged, after: Sequence[Merged]) -> None:
        match step:
            case MergedLayer():
                self._layer(step, after)
            case MergedPart(steps=()):
                taken = self._taken(step, after)
                self._give(step, taken, taken.value, after)
            case MergedPart(name=name) | MergedStage(name=name):
                self._module(name, (), step, after)
            case MergedCall(name=name):
                self._module(name, self.uses.handed_to(step), step, after)
            case MergedJoin():
                self._join(step, after)
            case _:
                assert_never(step)

    def _taken(self, step: Merged, after: Sequence[Merged]) -> _Value:
        """Return the value that a step takes; one that is read again later is in a variable."""
        maps = _maps(step)
        if len(maps) > 1:  # the first step of a branch in some instances only
            self._enter(step.stand.gives, (step,))
            return self.env[step.stand.gives]
        (map_,) = maps
        if map_ not in self.env:
            self._enter(map_, (step,))
        if map_ != step.stand.gives and _is_read(map_, after):
            self._assign(self.env[map_])
        return self.env[map_]

    def _give(self, step: Merged, taken: _Value, value: Python, after: Sequence[Merged]) -> _Value:
        """Enter what a step gives, under the variable of what it took unless that is read again."""
        map_ = step.stand.gives
        known = self.env.get(map_)
        if known is not None:
            given = _Value(value, known.name)
        else:
            lives = any(v is taken and _is_read(m, after) for m, v in self.env.items())
            given = _Value(value, None if lives else taken.name)
        given.place = step.stand.place
        self._forget(_maps(step), after)
        self.env[map_] = given
        return given

    def _forget(self, maps: Sequence[Map], after: Sequence[Merged]) -> None:
        """Drop maps that nobody reads again."""
        for map_ in maps:
            if map_ in self.env and not _is_read(map_, after):
                del self.env[map_]

    def _layer(self, step: MergedLayer, after: Sequence[Merged]) -> None:
        layer = next(node.layer for node in step.column if node is not None)
        taken = self._taken(step, after)
        begins = isinstance(layer, _BEGINNERS) and not (taken.was_pad and not taken.is_assigned)
        if begins or (taken.is_closed and not isinstance(layer, Flatten)):
            self._assign(taken)
        call = self._apply(step, layer, taken)
        if len(flat(call)) > _ROOM or _depth(call) > DEEPEST:
            self._assign(taken)
            call = self._apply(step, layer, taken)
        self._give(step, taken, call, after).was_pad = isinstance(layer, Pad)

    def _apply(self, step: MergedLayer, layer: Layer, taken: _Value) -> Python:
        match layer:
            case Flatten():
                return Invocation("torch.flatten", (taken.value, Text("1")))
            case ChannelSplit():
                self._assign(taken)
                parts, part = (flat(number) for number in self.uses.split(step))
                return Operation("", (Text(f"{flat(taken.value)}.chunk({parts}, dim=1)[{part}]"),))
            case _:
                borrowed = self.uses.use(step)
                return (
                    self._by_module(step, taken)
                    if borrowed is None
                    else self._by_weight(borrowed, layer, taken)
                )

    def _by_module(self, step: MergedLayer, taken: _Value) -> Python:
        return Invocation(f"self.{step.name}", (taken.value,))

    def _by_weight(self, borrowed: SharedUse, layer: Layer, taken: _Value) -> Python:
        source = self._source(borrowed)
        if borrowed.function is None:
            return Invocation(source, (taken.value,))
        weight = tuple(_weight(source, layer, hands=borrowed.hands))
        return Invocation(borrowed.function, (taken.value, *weight, *borrowed.keywords))

    def _source(self, borrowed: SharedUse) -> str:
        """Return what holds the weight: chosen first, where some have one of their own."""
        if not borrowed.own:
            return borrowed.source
        name = self.uses.chosen.get(borrowed.own)
        if name is None:
            name = self.names.unique(borrowed.own)
            self.uses.chosen[borrowed.own] = name
            own = borrowed.effective(f"self.{borrowed.own}")
            source, absent = borrowed.source, f"{borrowed.source} is None"
            choice = IfElse(own, absent, Text(source))
            if borrowed.always:
                choice = IfElse(Text(source), f"self.{borrowed.own} is None", own)
            self.head.append(Assign(name, choice))
        return name

    def _module(
        self, name: str, handed: tuple[Python, ...], step: Merged, after: Sequence[Merged]
    ) -> None:
        taken = self._taken(step, after)
        self._assign(taken)
        call = Invocation(f"self.{name}", (taken.value, *handed))
        is_else = taken is not self.env.get(MAIN) or handed  # no nn.Identity could stand in for it
        if is_shortcut(step) and self.uses.is_sometimes(step) and is_else:
            kept = self.env[MAIN].value
            choice = IfElse(kept, f"self.{name} is None", call)
            shortcut = self.names.unique("shortcut")
            self.statements.append(Assign(shortcut, choice))
            self.env[step.stand.gives] = _Value(Text(shortcut), shortcut)
            return
        self._give(step, taken, call, after).is_closed = True

    # ------------------------------------------------------------ joins

    def _join(self, step: MergedJoin, after: Sequence[Merged]) -> None:
        operator = next(node.operator for node in step.column if node is not None)
        maps = [_map(operand) for operand in step.operands]
        for map_ in dict.fromkeys(maps):
            if maps.count(map_) > 1:
                self._assign(self.env[map_])
        values = [self.env[map_].value for map_ in maps]
        known = self.env.get(step.stand.gives)
        if any(operand.when for operand in step.operands):
            value = self._joined_sometimes(operator, values, step)
        else:
            value = self._joined(operator, values)
        joined = _Value(value, None if known is None else known.name)
        joined.is_closed = isinstance(value, IfElse)
        joined.place = step.stand.place
        self._forget(maps, after)
        self.env[step.stand.gives] = joined

    def _joined_sometimes(
        self, operator: Operator, values: Sequence[Python], step: MergedJoin
    ) -> Python:
        """Join what is always there, and the rest where a test says so."""
        test = next(operand.when[-1] for operand in step.operands if operand.when)
        pairs = list(zip(values, step.operands, strict=True))
        always = [value for value, operand in pairs if not operand.when]
        name = self.names.unique("out")
        self.statements.append(Assign(name, self._joined(operator, always)))
        if len(always) == 1:
            values = [value if operand.when else Text(name) for value, operand in pairs]
        else:
            values = [Text(name), *(value for value, operand in pairs if operand.when)]
        flag = self.uses.flag(test, "adds" if operator is Operator.SUM else f"has_{operator}")
        return IfElse(self._joined(operator, values), flag, Text(name))

    def _joined(self, operator: Operator, values: Sequence[Python]) -> Python:
        """Return values as one, in steps where they do not fit a line."""
        if len(values) == 1:
            return values[0]
        if operator is Operator.CONCAT:
            return Invocation("torch.cat", (Items(tuple(values)), Keyword("dim", Text("1"))))
        sign = _OPERATORS[operator]
        whole = Operation(sign, tuple(values))
        if len(flat(whole)) <= _ROOM - len("self.relu()"):
            return whole
        name = self.names.unique("out")
        self.statements.append(Assign(name, values[0]))
        for value in values[1:-1]:
            self.statements.append(Assign(name, Operation(sign, (Text(name), value))))
        return Operation(sign, (Text(name), values[-1]))

    # ------------------------------------------------------------ variables

    def _assign(self, value: _Value) -> None:
        """Assign what flows to its variable, if it is not in one."""
        if value.is_assigned:
            return
        name = value.name or self.names.unique("out")
        for other in list(self.env.values()):
            if other is not value and not other.is_assigned and _names_it(name, other.value):
                self._assign(other)  # what it names is about to change
        comment = self.shapes.get(value.place, "")
        self.statements.append(Assign(name, value.value, comment if comment != self.shape else ""))
        self.shape = comment or self.shape
        value.value, value.name, value.is_closed = Text(name), name, False


def _map(operand: Operand) -> Map:
    """Return the map of an operand; where some lack a shortcut, that of the others."""
    maps = dict.fromkeys(map_ for map_ in operand.maps if map_ is not None)
    return next((map_ for map_ in maps if map_ != MAIN), MAIN)


def _in_order(steps: Sequence[Merged]) -> tuple[Merged, ...]:
    """Return steps as they run: a shortcut that takes a preactivation before what changes that."""
    ordered: list[Merged] = []
    for step in steps:
        place = len(ordered)
        if is_shortcut(step) and None in step.column:
            (taken,) = dict.fromkeys(_maps(step))
            if taken != MAIN:
                firsts = (n for n, other in enumerate(ordered) if _leaves(other, taken))
                place = next(firsts, place)
        ordered.insert(place, step)
    return tuple(ordered)


def _leaves(step: Merged, map_: Map) -> bool:
    """Whether a step takes a map and gives another one."""
    return map_ in _maps(step) and step.stand.gives != map_


def _maps(step: Merged) -> list[Map]:
    """Return the maps that a step takes in some instance."""
    return list(dict.fromkeys(map_ for takes in step.stand.takes for map_ in takes or ()))


def _is_read(map_: Map, steps: Sequence[Merged]) -> bool:
    """Whether steps read a map before another one gives it anew; the body gives MAIN."""
    for step in steps:
        if map_ in _maps(step):
            return True
        if step.stand.gives == map_ and not step.stand.when:
            return False
    return map_ == MAIN


def _hint(step: Merged) -> str:
    """Return a name for the attribute that tells whether a step is there."""
    match step:
        case MergedLayer(column=column) if any(
            node is not None and isinstance(node.layer, ChannelSplit) for node in column
        ):
            return "splits"
        case MergedJoin():
            return "joins"
        case (
            MergedLayer(name=name)
            | MergedPart(name=name)
            | MergedCall(name=name)
            | MergedStage(name=name)
        ):
            return f"has_{name}"


def _either(target: str, flag: str, then: Python, other: Python) -> Statement:
    """Return an assignment of one of two values: on one line, or as a statement."""
    choice = IfElse(then, flag, other)
    if len(flat(choice)) + len(target) + len(" = ") + BODY <= WIDTH:
        return Assign(target, choice)
    return If(flag, (Assign(target, then),), (Assign(target, other),))


def _names_it(name: str, *values: Python) -> bool:
    pattern = re.compile(rf"\b{name}\b")
    return any(pattern.search(flat(value)) for value in values)


def _depth(node: Python) -> int:
    """Return how many calls stand inside each other, along first arguments."""
    return 1 + _depth(node.arguments[0]) if isinstance(node, Invocation) else 0


def _weight(source: str, layer: Layer, *, hands: bool) -> Iterator[Python]:
    has_bias = isinstance(layer, Conv | ConvTranspose | Linear) and layer.bias
    if hands:
        yield Text(f"*{source}" if has_bias else source)
        return
    yield Text(f"{source}.weight")
    if has_bias:
        yield Text(f"{source}.bias")
