"""Merged steps -> the statements of a `forward`, grouped as one would write them by hand."""

from collections.abc import Mapping, Sequence
from typing import assert_never

from archdsl.emit.body.borrowing import BorrowedWeights
from archdsl.emit.body.choices import BODY, either
from archdsl.emit.body.merged import (
    Merged,
    MergedCall,
    MergedJoin,
    MergedLayer,
    MergedPart,
    MergedStage,
    UnderTest,
    by_tests,
    is_shortcut,
    output_of,
)
from archdsl.emit.body.order import first_maps_of, in_order, is_read, map_of, maps_of
from archdsl.emit.body.returned import Returned
from archdsl.emit.body.shared import SharedWeights, made_by
from archdsl.emit.body.traits import flag_hint
from archdsl.emit.body.variables import Held, Variables
from archdsl.emit.classes.instances import StepPath
from archdsl.emit.python.members import member
from archdsl.emit.python.nodes import (
    Assign,
    IfElse,
    InfixOperation,
    Invocation,
    Keyword,
    Python,
    Return,
    Statement,
    Text,
)
from archdsl.emit.python.nodes import Sequence as Items
from archdsl.emit.python.printer import WIDTH, flat
from archdsl.ir.layers import (
    AdaptivePool,
    Blur,
    ChannelSplit,
    Conv,
    ConvTranspose,
    Flatten,
    Layer,
    LearnedFactor,
    Linear,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Pool,
    Upsample,
)
from archdsl.ir.network import MAIN, Map, Operator, Part
from archdsl.ir.numbers import Test, negated
from archdsl.ir.rebuild import replace

_ROOM = WIDTH - BODY - len("return ")
DEEPEST = 4  # so many calls inside each other are read at a glance
_OPERATORS = {Operator.SUM: "+", Operator.PRODUCT: "*"}
_BEGINNERS = (
    Conv,
    ConvTranspose,
    Linear,
    Pool,
    AdaptivePool,
    Pad,
    Upsample,
    Blur,
    PixelShuffle,
    PixelUnshuffle,
)


class ForwardWriter:
    """Writes the statements of a forward; `shapes` are comments by the places of steps.

    What a network with several outputs gives is `returned`.
    """

    def __init__(
        self,
        uses: SharedWeights,
        shapes: Mapping[StepPath, str],
        returned: Returned | None = None,
    ) -> None:
        self.uses = uses
        self.names = uses.names
        self.weights = BorrowedWeights(uses)
        self.env = Variables(uses.names, shapes, uses.maps, uses.begins, uses.flows)
        self.returned = returned
        self.made = (MAIN, *uses.made) if returned is None else returned.maps
        self.tests = 0  # `if`s around this place

    def body(self, steps: Sequence[Merged]) -> tuple[Statement, ...]:
        """Return the statements of a body."""
        self._steps(in_order(steps), ())
        last = self._return()
        return (*self.uses.start, *self.weights.chosen, *self.env.statements, *last)

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

    def _return(self) -> tuple[Statement, ...]:
        """Return the statements that give what is made."""
        if self.returned is None:
            return (Return(self._given()),)
        if len(self.made) == 1:
            return (Return(self._last_value(self.made[0])),)
        for each in self.returned.outputs:
            if self.returned.alone is not None:
                self.env.assign(each.map)
        values = {each.map: self.env[each.map].value for each in self.returned.outputs}
        return self.returned.statements(values)

    def _last_value(self, map_: Map) -> Python:
        """Return what flows, not the variable that it was given in the last statement."""
        value, statements = self.env[map_].value, self.env.statements
        match statements[-1:]:
            case [Assign(target=target, value=assigned)] if value == Text(target):
                statements.pop()
                return assigned
            case _:
                return value

    def _given(self) -> Python:
        """Return what the forward returns: what flows, or a tuple of it and named maps."""
        if len(self.made) == 1:
            return self.env[MAIN].value
        given = [flat(self.env[map_].value) for map_ in self.made]
        if len(", ".join(given)) > _ROOM:
            given[0] = flat(self.env.assign(MAIN).value)
        return Text(", ".join(given))

    def _is_read(self, map_: Map, after: Sequence[Merged]) -> bool:
        return is_read(map_, after, self.made)

    # ------------------------------------------------------------ conditions

    def _choice(self, choice: UnderTest, after: Sequence[Merged]) -> None:
        """Write steps that stand under a test or under its opposite."""
        steps, outer = choice.whole, self.env
        given = [
            map_
            for map_ in dict.fromkeys(step.stand.gives for step in steps)
            if map_ in outer or self._is_read(map_, after)
        ]
        for step in steps:
            for map_ in maps_of(step):
                if map_ in outer:
                    outer.assign(map_)
        for map_ in given:
            self._enter(map_, steps)
            if outer[map_].name is None:  # it is another map so far, whose variable stays
                outer.assign_to(map_, self.names.unique("out"))
        names = {map_: outer[map_].name for map_ in given}
        bodies: list[tuple[Statement, ...]] = []
        for side in (choice.then, choice.otherwise):
            self.env = outer.branch()
            self.tests += 1
            self._steps(side, after)
            self.tests -= 1
            for map_, name in names.items():
                assert name is not None, "maps that are given under a test have a variable"
                self.env.assign_to(map_, name)
            bodies.append(tuple(self.env.statements))
        self.env = outer
        for map_ in given:
            place = next(r.stand.place for r in reversed(steps) if r.stand.gives == map_)
            name = names[map_]  # both sides assign it, whatever variable held the map before
            outer.give(map_, replace(outer[map_], value=Text(name or ""), place=place))
        self._write_choice(choice.test, steps[0], *bodies)

    def _enter(self, map_: Map, steps: Sequence[Merged]) -> None:
        """Make a map that some steps under a test give a variable before it."""
        if map_ in self.env:
            return
        source = next(
            m for step in steps if step.stand.gives == map_ for m in maps_of(step) if m != map_
        )
        name = self.names.unique("out")
        self.env.give(map_, Held(self.env[source].value, name))
        self.env.assign_to(map_, name)

    def _write_choice(
        self, test: Test, step: Merged, then: tuple[Statement, ...], other: tuple[Statement, ...]
    ) -> None:
        if then == other:
            self.env.statements += then
            return
        if not then:
            test, then, other = negated(test), other, ()
        flag = self.uses.flag(test, flag_hint(step))
        before = self.env.statements[-1] if self.env.statements else None
        choice, takes_in = either(flag, then, other, before)
        if takes_in:
            self.env.statements.pop()
        self.env.statements.append(choice)

    # ------------------------------------------------------------ steps

    def _step(self, step: Merged, after: Sequence[Merged]) -> None:
        match step:
            case MergedLayer():
                self._layer(step, after)
            case MergedPart(steps=()):
                taken = self._taken(step, after)
                self._give(step, taken, self.env[taken].value, after)
            case MergedPart(name=name) | MergedStage(name=name):
                self._module(name, (), step, after)
            case MergedCall(name=name):
                self._module(name, self.uses.handed_to(step), step, after)
            case MergedJoin():
                self._join(step, after)
            case _:
                assert_never(step)

    def _taken(self, step: Merged, after: Sequence[Merged]) -> Map:
        """Return the map that a step takes; one that is read again later is in a variable."""
        maps = first_maps_of(step)
        if len(maps) > 1:  # the first step of a branch in some instances only
            self._enter(step.stand.gives, (step,))
            return step.stand.gives
        (map_,) = maps
        self._enter(map_, (step,))
        if map_ != step.stand.gives and self._is_read(map_, after):
            self.env.assign(map_)
        return map_

    def _give(
        self,
        step: Merged,
        taken: Map,
        value: Python,
        after: Sequence[Merged],
        *,
        is_closed: bool = False,
        was_pad: bool = False,
    ) -> None:
        """Enter what a step gives, under the variable of what it took unless that is read again."""
        map_, env = step.stand.gives, self.env
        name = env[taken].name
        if map_ in env:
            name = env[map_].name
        elif self._is_read(taken, after):
            name = None
        self._forget(maps_of(step), after)
        env.give(map_, Held(value, name, step.stand.place, is_closed, was_pad))

    def _forget(self, maps: Sequence[Map], after: Sequence[Merged]) -> None:
        self.env.forget([map_ for map_ in maps if not self._is_read(map_, after)])

    def _layer(self, step: MergedLayer, after: Sequence[Merged]) -> None:
        layer = next(node.layer for node in step.column if node is not None)
        taken = self._taken(step, after)
        held = self.env[taken]
        begins = isinstance(layer, _BEGINNERS) and not (held.was_pad and not held.is_assigned)
        if begins or (held.is_closed and not isinstance(layer, Flatten)):
            self.env.assign(taken)
        call = self._apply(step, layer, taken)
        if len(flat(call)) > _ROOM or _depth(call) > DEEPEST:
            self.env.assign(taken)
            call = self._apply(step, layer, taken)
        self._give(step, taken, call, after, was_pad=isinstance(layer, Pad))

    def _apply(self, step: MergedLayer, layer: Layer, taken: Map) -> Python:
        match layer:
            case Flatten():
                return Invocation("torch.flatten", (self.env[taken].value, Text("1")))
            case LearnedFactor():
                return Text(member(step.name))
            case ChannelSplit():
                value = self.env.assign(taken).value
                parts, part = (flat(number) for number in self.uses.split(step))
                return InfixOperation("", (Text(f"{flat(value)}.chunk({parts}, dim=1)[{part}]"),))
            case _:
                value = self.env[taken].value
                borrowed = self.uses.use(step)
                if borrowed is None:
                    return Invocation(member(step.name), (value,))
                here = self.env.statements if self.tests else None
                return self.weights.apply(borrowed, layer, value, here)

    def _module(
        self, name: str, handed: tuple[Python, ...], step: Merged, after: Sequence[Merged]
    ) -> None:
        taken = self._taken(step, after)
        beside = next(takes[1:] for takes in step.stand.takes if takes)
        maps = [self.env.assign(map_).value for map_ in beside]
        call = Invocation(member(name), (self.env.assign(taken).value, *maps, *handed))
        is_else = taken != MAIN or beside or handed  # no nn.Identity could stand in for it
        if is_shortcut(step) and self.uses.is_sometimes(step) and is_else:
            kept = self.env[MAIN].value
            choice = IfElse(kept, f"{member(name)} is None", call)
            shortcut = self.names.unique("shortcut")
            self.env.statements.append(Assign(shortcut, choice))
            self.env.give(step.stand.gives, Held(Text(shortcut), shortcut))
            return
        self._give(step, taken, call, after, is_closed=True)
        if isinstance(step, MergedPart | MergedCall) and (part := output_of(step)) is not None:
            self._output(part, step.stand.gives)
        if step.stand.beside:
            labels = {each.outer: each.label for each in made_by(step)}
            names = {map_: self.names.unique(labels[map_]) for map_ in step.stand.beside}
            self.env.assign_several(step.stand.gives, names)

    def _output(self, part: Part, map_: Map) -> None:
        """Assign an output to the variable of its name; what is for training is there only then."""
        held = self.env[map_]
        value = held.value
        if part.in_training:
            value = IfElse(value, "self.training", Text("None"))
        self.env.give(map_, replace(held, value=value, name=self.names.unique(part.name)))
        self.env.assign(map_)

    # ------------------------------------------------------------ joins

    def _join(self, step: MergedJoin, after: Sequence[Merged]) -> None:
        node = next(node for node in step.column if node is not None)
        if node.mark:
            self._mark(node.mark, step, after)
            return
        operator = node.operator
        maps = [map_of(operand) for operand in step.operands]
        for map_ in dict.fromkeys(maps):
            if maps.count(map_) > 1:
                self.env.assign(map_)
        values = [self.env[map_].value for map_ in maps]
        if any(operand.when for operand in step.operands):
            value = self._joined_sometimes(operator, values, step)
        else:
            value = self._joined(operator, values)
        given, is_closed = step.stand.gives, isinstance(value, IfElse)
        name = self.env[given].name if given in self.env else None
        self._forget(maps, after)
        self.env.give(given, Held(value, name, step.stand.place, is_closed))

    def _mark(self, label: str, step: MergedJoin, after: Sequence[Merged]) -> None:
        """Give what flows a variable of this name, which it keeps while others are assigned."""
        (taken,), given = first_maps_of(step), step.stand.gives
        if not self._is_read(given, after):
            return
        held = self.env[taken]
        name = self.env[given].name if given in self.env else None
        name = name or self.names.unique(label)
        if held.is_assigned:
            self.env.statements.append(Assign(name, held.value))
        else:
            self.env.give(taken, replace(held, name=name))
            self.env.assign(taken)
        self.env.give(taken, Held(Text(name), held.name, step.stand.place))
        self.env.give(given, Held(Text(name), name, step.stand.place))

    def _joined_sometimes(
        self, operator: Operator, values: Sequence[Python], step: MergedJoin
    ) -> Python:
        """Join what is always there, and the rest where a test says so."""
        test = next(operand.when[-1] for operand in step.operands if operand.when)
        pairs = list(zip(values, step.operands, strict=True))
        always = [value for value, operand in pairs if not operand.when]
        name = self.names.unique("out")
        self.env.statements.append(Assign(name, self._joined(operator, always)))
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
        whole = InfixOperation(sign, tuple(values))
        if len(flat(whole)) <= _ROOM - len("self.relu()"):
            return whole
        name = self.names.unique("out")
        self.env.statements.append(Assign(name, values[0]))
        for value in values[1:-1]:
            self.env.statements.append(Assign(name, InfixOperation(sign, (Text(name), value))))
        return InfixOperation(sign, (Text(name), values[-1]))


def _depth(node: Python) -> int:
    """Return how many calls stand inside each other, along first arguments."""
    return 1 + _depth(node.arguments[0]) if isinstance(node, Invocation) else 0
