"""Merged steps -> the statements of an `__init__`: what a class registers."""

import re
from collections.abc import Iterator, Sequence
from typing import assert_never

from archdsl.emit.body.blocks import MANY, BlockWriter, Cell, Constructed
from archdsl.emit.body.merged import (
    Column,
    Instances,
    Members,
    Merged,
    MergedCall,
    MergedJoin,
    MergedLayer,
    MergedPart,
    MergedStage,
    Run,
    UnderTest,
    by_tests,
    is_shortcut,
)
from archdsl.emit.body.shared import SharedWeights, given_to
from archdsl.emit.body.traits import (
    exprs_of,
    have_names,
    is_idle,
    keeps,
    name_of,
    needed,
    numbered,
    numbered_name,
    outputs_of,
    user_of,
)
from archdsl.emit.calls.fields import FieldWriter
from archdsl.emit.calls.layers import constructor
from archdsl.emit.classes.instances import StepPath
from archdsl.emit.expressions.presence import presence
from archdsl.emit.python.members import member, ordered, register, register_parameter
from archdsl.emit.python.nodes import (
    Assign,
    Comment,
    Comprehension,
    Evaluate,
    If,
    IfElse,
    Invocation,
    Keyword,
    Python,
    Star,
    Statement,
    Text,
)
from archdsl.emit.python.nodes import (
    Sequence as Items,
)
from archdsl.emit.python.printer import string
from archdsl.ir.layers import ChannelSplit, Flatten, LearnedFactor
from archdsl.ir.names import as_word
from archdsl.ir.network import Block, LayerNode
from archdsl.ir.numbers import Test, negated


class InitWriter:
    """Writes the statements of an `__init__`."""

    def __init__(self, texts: Instances, uses: SharedWeights, classes: Constructed) -> None:
        self.instances = texts.instances
        self.scope = texts.scope
        self.uses = uses
        self.schemes = classes.schemes
        self.blocks = BlockWriter(texts.instances, texts.scope, classes)
        self.statements: list[Statement] = []
        self.registered: set[str] = set()
        self.lists = 0
        self.tests = 0  # `if`s around this place
        self.resets: list[Statement] = []  # of `reset_parameters`

    # ------------------------------------------------------------ attributes

    def owned(self) -> None:
        """Register the shared weights of one's own."""
        for index, shared in enumerate(self.instances[0].node.owned):
            column = tuple(user_of(instance, index) for instance in self.instances)
            self._register(shared.name, constructor(column, self.scope, self.schemes))

    def stage(self, members: Members) -> None:
        """Register the members of a stage that is a class."""
        elements = self._members(members, ())
        self._register("blocks", Invocation("nn.ModuleList", (_listed(elements),)))

    def steps(self, steps: Sequence[Merged]) -> None:
        """Register what steps have."""
        for found in by_tests(steps):
            if isinstance(found, UnderTest):
                self._choice(found)
            else:
                self._step(found)

    def _choice(self, choice: UnderTest) -> None:
        outer, registered = self.statements, self.registered
        bodies: list[tuple[Statement, ...]] = []
        self.tests += 1
        for side in (choice.then, choice.otherwise):
            self.statements, self.registered = [], set(registered)
            self.steps(side)
            bodies.append(tuple(self.statements))
        self.tests -= 1
        self.statements, self.registered = outer, registered
        self.registered |= {s.name for s in choice.whole if not isinstance(s, MergedJoin)}
        self.statements += self._under(choice.test, *bodies)

    def _under(
        self, test: Test, then: tuple[Statement, ...], other: tuple[Statement, ...]
    ) -> list[Statement]:
        """Return statements under a test and under its opposite."""
        match then, other:
            case _ if then == other:
                return list(then)
            case (), _:
                return [If(self._test(negated(test)), other)]
            case (Assign(target, a, operator=sign),), (Assign(same, b, operator=other_sign),) if (
                target == same and sign == other_sign
            ):
                return [Assign(target, IfElse(a, self._test(test), b), operator=sign)]
            case _:
                return [If(self._test(test), then, other)]

    def _test(self, test: Test) -> str:
        """Return a test as Python, by its attribute if there is one."""
        if test in self.uses.flags:
            return f"self.{self.uses.flags[test]}"
        if negated(test) in self.uses.flags:
            return f"not self.{self.uses.flags[negated(test)]}"
        return self.scope.test(test)

    def _step(self, step: Merged) -> None:
        match step:
            case MergedJoin() | MergedPart(steps=()):
                pass  # forward does without a module
            case MergedLayer(name=name) if name in self.registered:
                pass  # one module for all layers that keep nothing
            case MergedCall(name=name) if name in self.registered:
                pass  # a module that is used again
            case MergedLayer():
                self._layer(step)
            case MergedPart() | MergedCall():
                value = self.module(step)
                if None in step.column and not step.stand.when and is_shortcut(step):
                    value = self._shortcut(step, value)
                self._register(step.name, value)
            case MergedStage():
                self._register(step.name, self.module(step))
            case _:
                assert_never(step)

    def _register(self, name: str, value: Python) -> None:
        self.registered.add(name)
        self.statements.append(register(name, value))

    def _layer(self, step: MergedLayer) -> None:
        there = [node for node in step.column if node is not None]
        if isinstance(there[0].layer, Flatten | ChannelSplit):
            return  # forward calls functions
        own = tuple(None if n is None or n.shared is not None else n for n in step.column)
        if not any(own):
            return
        value = constructor(own, self.scope, self.schemes, inplace=step.inplace)
        if isinstance(there[0].layer, LearnedFactor):
            self._factor(step, value)
        elif any(node.shared is not None for node in there):
            self._own_weight(step, own, value)
        else:
            self._register(step.name, value)

    def _factor(self, step: MergedLayer, value: Python) -> None:
        """Register a parameter, which `reset_parameters` of the class sets."""
        (start,) = FieldWriter(step.column, self.scope).keyword("init")
        assert isinstance(start, Keyword)
        begins = start.value
        self.registered.add(step.name)
        self.statements.append(register_parameter(step.name, value))
        if not _is_number(begins):
            begins = Text(f"self.{as_word(step.name)}_init")
            self.statements.append(Assign(begins.text, start.value))
        reset = Evaluate(Invocation("nn.init.constant_", (Text(member(step.name)), begins)))
        if self.tests:  # it is not there in all instances
            self.resets.append(If(f"hasattr(self, {string(step.name)})", (reset,)))
        else:
            self.resets.append(reset)

    def _own_weight(self, step: MergedLayer, own: Column[LayerNode], value: Python) -> None:
        """Register a layer where it has a weight of its own, and not the shared one."""
        flags = [node is not None for node in own]
        out = exprs_of(own, "out_channels") or exprs_of(own, "out_features")
        test = presence(self.scope, flags, out, f"has_{as_word(step.name)}")
        use = self.uses.use(step)
        assert use is not None, "the others use a shared weight"
        if use.always:
            comment = "None: this block uses the shared layer that forward is given."
            self.statements.append(Comment(comment))
            self._register(step.name, IfElse(value, test, Text("None")))
        else:  # forward knows by what it is handed
            self.registered.add(step.name)
            self.statements.append(If(test, (register(step.name, value),)))

    def _shortcut(self, step: MergedPart | MergedCall, value: Python) -> Python:
        """Return a shortcut that instances have where they change the shape."""
        flags = [node is not None for node in step.column]
        out = outputs_of(step, self.instances)
        test = presence(self.scope, flags, out, f"has_{as_word(step.name)}")
        is_handed = isinstance(step, MergedCall) and bool(
            self.uses.handed_to(step) or any(given_to(i) for i in step.column if i is not None)
        )
        after_another = any(takes is not None and takes[0] for takes in step.stand.takes)
        is_none = is_handed or after_another  # no nn.Identity can stand in for it
        return IfElse(value, test, Text("None") if is_none else Invocation("nn.Identity"))

    # ------------------------------------------------------------ modules

    def module(self, step: Merged) -> Python:
        """Return the expression that makes the module of a step."""
        match step:
            case MergedLayer(column=column, inplace=inplace):
                return constructor(column, self.scope, self.schemes, inplace=inplace)
            case MergedPart():
                return self._sequential(step)
            case MergedStage(stand=stand, members=members):
                return Invocation("nn.Sequential", tuple(self._members(members, stand.place)))
            case MergedCall(stand=stand, column=column):
                cells = [None if i is None else Cell(i, stand.place) for i in column]
                return self.blocks.block(cells)
            case MergedJoin():
                raise AssertionError("a join is no module")
            case _:
                assert_never(step)

    def _members(self, members: Members, place: StepPath) -> list[Python]:
        found: list[Python] = []
        for each in members:
            if isinstance(each, Run):
                found += self.blocks.run(each, place)
            else:
                found.append(self.module(each))
        return found

    def sequence(self, steps: Sequence[Merged]) -> None:
        """Construct what the class is, an nn.Sequential."""
        nodes = [i.node for i in self.instances if isinstance(i.node, Block)]
        values = self._in_order(needed(steps, self.scope), by_name=have_names(nodes))
        self.statements.append(Evaluate(Invocation("super().__init__", values)))

    def _sequential(self, part: MergedPart) -> Python:
        steps = needed(part.steps, self.scope)
        if not steps:
            return Invocation("nn.Identity")
        values = self._in_order(steps, by_name=have_names(part.column))
        is_named = any(p is not None and p.label is not None for p in part.column)
        if len(steps) == 1 and not steps[0].stand.when and not is_named and not keeps(steps[0]):
            return values[0]
        return Invocation("nn.Sequential", values)

    def _in_order(self, steps: Sequence[Merged], *, by_name: bool) -> tuple[Python, ...]:
        """Return the arguments of an nn.Sequential; a list is made by statements before it."""
        if any(step.stand.when for step in steps):
            return (self._list(steps, by_name=by_name),)
        if by_name:
            return (self._by_name(steps),)
        return tuple(map(self._member, steps))

    def _by_name(self, steps: Sequence[Merged]) -> Python:
        """Return members by their names; blocks that differ evenly, as their names do, as loops."""
        entries: list[tuple[str, Python] | Comprehension] = []
        for run in numbered(steps):
            loops = ((n, self._loop(run[n:])) for n in (0, 1))
            first, loop = next((found for found in loops if found[1]), (len(run), None))
            entries += ((name_of(step), self._member(step)) for step in run[:first])
            entries += () if loop is None else (loop,)
        return ordered(entries)

    def _loop(self, run: Sequence[Merged]) -> Comprehension | None:
        """Return blocks whose names are numbered as a loop of names and blocks."""
        if len(run) < MANY:
            return None
        calls = [step for step in run if isinstance(step, MergedCall)]
        rows = [
            [None if i is None else Cell(i, step.stand.place) for i in step.column]
            for step in calls
        ]
        loop = self.blocks.counted(rows) if len(calls) == len(run) else None
        if loop is None:
            return None
        pair = Items((Text(numbered_name(run[0])), loop.element), is_tuple=True)
        return Comprehension(pair, loop.target, loop.iterable, is_list=True)

    def _member(self, step: Merged) -> Python:
        if isinstance(step, MergedLayer) and is_idle(step, self.scope):
            return Invocation("nn.Identity")  # it keeps its place in the order
        return self.module(step)

    def _list(self, steps: Sequence[Merged], *, by_name: bool) -> Python:
        """Return the argument of an nn.Sequential that statements before it make."""
        self.lists += 1
        name = "layers" if self.lists == 1 else f"layers{self.lists}"
        if by_name:
            self.statements.append(Assign(name, Invocation("OrderedDict[str, nn.Module]")))
            self.statements += self._appended(name, steps, by_name=True)
            return Text(name)
        self.statements.append(Assign(f"{name}: list[nn.Module]", Items(())))
        self.statements += self._appended(name, steps, by_name=False)
        return Star(Text(name))

    def _appended(self, name: str, steps: Sequence[Merged], *, by_name: bool) -> list[Statement]:
        """Return the statements that append modules to a list, or enter them by name."""
        found: list[Statement] = []
        waiting: list[Python] = []  # neighbours that no test is about
        for each in by_tests(steps):
            match each:
                case UnderTest(test=test, then=then, otherwise=otherwise):
                    found += _extended(name, waiting)
                    sides = (
                        tuple(self._appended(name, side, by_name=by_name))
                        for side in (then, otherwise)
                    )
                    found += self._under(test, *sides)
                    waiting = []
                case _ if by_name:
                    found.append(Assign(f'{name}["{name_of(each)}"]', self._member(each)))
                case _:
                    waiting.append(self._member(each))
        return [*found, *_extended(name, waiting)]


def _is_number(value: Python) -> bool:
    return isinstance(value, Text) and _NUMBER.fullmatch(value.text) is not None


_NUMBER = re.compile(r"-?[0-9.]+(e[+-]?[0-9]+)?")


def _extended(name: str, values: Sequence[Python]) -> Iterator[Statement]:
    if len(values) == 1:
        yield Evaluate(Invocation(f"{name}.append", tuple(values)))
    elif values:
        yield Assign(name, Items(tuple(values)), operator="+=")


def _listed(elements: list[Python]) -> Python:
    """Return the elements as a list, a single loop as a list comprehension."""
    match elements:
        case [Star(Comprehension(element, target, iterable))]:
            return Comprehension(element, target, iterable, is_list=True)
        case _:
            return Items(tuple(elements))
