"""A class of a family -> what is printed of it, and what whoever constructs it must know."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from archdsl.emit.body.blocks import Constructed
from archdsl.emit.body.forward import ForwardWriter
from archdsl.emit.body.merging import (
    Instances,
    Merged,
    MergedJoin,
    members_of,
    merged_steps,
)
from archdsl.emit.body.modules import InitWriter
from archdsl.emit.body.returned import Returned
from archdsl.emit.body.shared import SharedWeights, made_in
from archdsl.emit.body.stages import stage_forward
from archdsl.emit.calls.drops import BRANCHES_BEFORE, counts_branches, takes_rate
from archdsl.emit.calls.layers import DROP_RATE
from archdsl.emit.calls.phases import by_phase, nested
from archdsl.emit.calls.signature import Signature, signature
from archdsl.emit.classes.grouping import GeneratedClass
from archdsl.emit.classes.instances import Instance, Owner, StepPath
from archdsl.emit.classes.weights import Weights
from archdsl.emit.expressions.arithmetic import plain
from archdsl.emit.expressions.opened import keeps_shape, kept_channels, one_sided, opened
from archdsl.emit.expressions.scope import PHASE, ClassScope
from archdsl.emit.prose.docstrings import class_docstring, shape_in, shape_of
from archdsl.emit.python.names import Names
from archdsl.emit.python.nodes import (
    Assign,
    ClassPlan,
    Evaluate,
    FormalParameter,
    If,
    OutputsPlan,
    Statement,
    Text,
)
from archdsl.emit.python.printer import constant, string
from archdsl.ir.network import Block, Form, Network, Stage
from archdsl.ir.numbers import Test, negated
from archdsl.record import Record


class Built(Record):
    """A class: its text, its parameters, and the members of the family that it is wrong in."""

    plan: ClassPlan
    signature: Signature
    unsaid: frozenset[int]
    adds: bool  # parameters that the spec does not have
    constants: tuple[Assign, ...] = ()  # of the file: what grows, phase by phase
    outputs: OutputsPlan | None = None  # of the network


class Around(Record, kw_only=True):
    """What a class stands among."""

    callees: Constructed
    names: Mapping[int, str]  # of classes, by number
    taken: frozenset[str]
    weights: Mapping[int, Weights]  # by number of a class
    inner: Mapping[int, Weights]  # by number of an instance
    opened: frozenset[str]  # arguments that the network's class may take


def build(kind: GeneratedClass, around: Around, last: Iterable[Statement] = ()) -> Built:
    """Return a class; the network's `__init__` ends with the `last` steps."""
    scope = _scope(kind, around)
    texts = Instances(kind.instances, scope)
    is_stage = isinstance(kind.first.node, Stage)
    if all(_is_sequence(instance.node) for instance in kind.instances):
        written = _sequence(kind, texts, around)
    else:
        written = _stage(kind, texts, around) if is_stage else _body(kind, texts, around)
    formulas = tuple(_formulas(kind.first, scope))
    checks = dict.fromkeys((*_requires(kind.first), *_checks(kind)))
    refusals = tuple(_written_checks(checks, scope))
    ending = last if isinstance(kind.first.node, Network) else ()
    settled = signature(scope, kind.instances, _defaults(kind))
    phases = kind.first.node.phases if isinstance(kind.first.node, Network) else None
    constants: tuple[Assign, ...] = ()
    grown: tuple[Statement, ...] = ()
    nests: tuple[Statement, ...] = ()
    if phases is not None:
        settled, constants, grown = by_phase(phases, settled, (*around.taken, *kind.first.values))
        if phases.nested:
            settled, nests = nested(settled, around.names[kind.number], constants[0].target)
    plan = ClassPlan(
        name=around.names[kind.number],
        docstring=class_docstring(kind, scope, _returns(kind, around)),
        parameters=tuple(parameter.printed() for parameter in settled.parameters),
        init=(*grown, *formulas, *refusals, *scope.locals, *written.init, *nests, *ending),
        inputs=written.inputs,
        returns=_returns(kind, around),
        forward=written.forward,
        resets=written.resets,
    )
    outputs = _outputs(kind, scope, around)
    return Built(plan, settled, frozenset(scope.unsaid), bool(scope.added), constants, outputs)


def _returned(kind: GeneratedClass, around: Around) -> Returned | None:
    """Return what a network with outputs of its own returns."""
    node = kind.first.node
    if not isinstance(node, Network) or not node.outputs:
        return None
    name = f"{around.names[kind.number]}Outputs"
    while name in around.taken:
        name += "_"
    return Returned(name, node.outputs)


def _returns(kind: GeneratedClass, around: Around) -> str:
    """Return the type of what forward returns."""
    returned = _returned(kind, around)
    if returned is not None:
        return returned.annotation
    tensors = ["Tensor"] * (1 + len(made_in(kind.first.node)))
    return f"tuple[{', '.join(tensors)}]" if len(tensors) > 1 else "Tensor"


def _outputs(kind: GeneratedClass, scope: ClassScope, around: Around) -> OutputsPlan | None:
    """Return the named tuple of a network with several outputs."""
    returned = _returned(kind, around)
    if returned is None or len(returned.outputs) == 1:
        return None
    nodes = [i.node for i in kind.instances if isinstance(i.node, Network)]
    fields: list[tuple[str, str, str]] = []
    for index, each in enumerate(returned.outputs):
        outputs = [node.outputs[index] for node in nodes]
        exprs = [output.channels for output in outputs]
        shape = shape_in(scope, [output.shape for output in outputs], exprs)
        if each.in_training:
            fields.append((each.label, "Tensor | None", f"{shape}, in training"))
        else:
            fields.append((each.label, "Tensor", shape))
    return OutputsPlan(
        name=returned.class_name,
        docstring=f"What {around.names[kind.number]} gives.",
        fields=tuple(fields),
    )


class _ClassText(Record):
    """The text of a class, but for what it checks and computes first."""

    init: tuple[Statement, ...]
    inputs: tuple[FormalParameter, ...]
    forward: tuple[Statement, ...]
    resets: tuple[Statement, ...] = ()


def _stage(kind: GeneratedClass, texts: Instances, around: Around) -> _ClassText:
    """Write a class of blocks in a step."""
    uses = _uses(kind, texts, around, Names(("blocks",)))
    construction = InitWriter(texts, uses, around.callees)
    members = members_of(texts)
    construction.owned()
    construction.stage(members)
    forward = stage_forward(members, texts, uses)
    return _ClassText((*construction.statements, *_constants(uses)), uses.inputs(), forward)


def _is_sequence(node: Owner) -> bool:
    return isinstance(node, Block) and node.form is Form.SEQUENTIAL


def _sequence(kind: GeneratedClass, texts: Instances, around: Around) -> _ClassText:
    """Write a class of what just follows each other."""
    steps = merged_steps(texts)
    uses = _uses(kind, texts, around, Names(_attributes(steps)))
    construction = InitWriter(texts, uses, around.callees)
    construction.sequence(steps)
    return _ClassText(tuple(construction.statements), (), ())


def _body(kind: GeneratedClass, texts: Instances, around: Around) -> _ClassText:
    """Write a class of layers, parts and blocks; what forward asks for is registered first."""
    scope = texts.scope
    steps = merged_steps(texts)
    uses = _uses(kind, texts, around, Names(_attributes(steps)))
    returned = _returned(kind, around)
    forward = ForwardWriter(uses, {}, returned).body(steps)
    construction = InitWriter(texts, uses, around.callees)
    construction.owned()
    construction.steps(steps)
    flags = [Assign(f"self.{name}", Text(scope.test(test))) for test, name in uses.flags.items()]
    if isinstance(kind.first.node, Network):  # once more, with what is known now: shapes
        again = _uses(kind, texts, around, Names(_attributes(steps)))
        forward = ForwardWriter(again, _shapes(steps, scope), returned).body(steps)
    init = (*flags, *construction.statements, *_constants(uses))
    return _ClassText(init, uses.inputs(), forward, tuple(construction.resets))


def _uses(kind: GeneratedClass, texts: Instances, around: Around, members: Names) -> SharedWeights:
    return SharedWeights(texts, around.weights[kind.number], around.inner, members)


def _constants(uses: SharedWeights) -> Iterator[Statement]:
    return (Assign(f"self.{name}", value) for name, value in uses.constants.items())


def _floats(node: Owner) -> set[str]:
    """Return the arguments of a network that are floats, as they are declared."""
    if not isinstance(node, Network):
        return set()
    return {name for name, value in node.arguments if isinstance(value, float)}


def _tests(kind: GeneratedClass) -> Iterator[Test]:
    """Yield the tests that tell instances of a class from others."""
    nodes = (i.node for i in kind.instances)
    asked = (asked for node in nodes if isinstance(node, Block) for asked in node.decided)
    yield from dict.fromkeys(each.test for each in asked)


def _scope(kind: GeneratedClass, around: Around) -> ClassScope:
    first = kind.first
    found = opened(kind, around.opened)
    kept = kept_channels(kind.instances) if keeps_shape(kind.instances) else None
    rates = (DROP_RATE,) if any(map(takes_rate, kind.instances)) else ()
    counted = (BRANCHES_BEFORE,) if any(map(counts_branches, kind.instances)) else ()
    return ClassScope(
        [instance.values for instance in kind.instances],
        [instance.lets for instance in kind.instances],
        found,
        Names((*around.taken, "i", *rates, *counted, *_reserved(first.node))),
        aliases={} if kept is None else {"in_channels": kept},
        tests=tuple(_tests(kind)),
        floats=_floats(first.node) & found,
        adds=first.origin.kind != "network",
        phases=_phases(first.node, len(kind.instances)),
    )


def _phases(node: Owner, members: int) -> tuple[int, ...]:
    """Return which members are the phases of a network, in order: the last is the first member."""
    if not isinstance(node, Network) or node.phases is None:
        return ()
    before = len(node.phases.values) - 1
    return (*range(members - before, members), 0)


def _reserved(node: Owner) -> tuple[str, ...]:
    return (PHASE,) if isinstance(node, Network) and node.phases is not None else ()


def _attributes(steps: Sequence[Merged]) -> Iterator[str]:
    for step in steps:
        if not isinstance(step, MergedJoin):
            yield step.name


def _defaults(kind: GeneratedClass) -> Mapping[str, str]:
    """Return the defaults of symbols: as declared, those compiled for the network, stride 1."""
    node = kind.first.node
    match node:
        case Network(values=values, arguments=arguments, formulas=formulas):
            given = dict(arguments)
            return {formula.name: "None" for formula in formulas} | {
                name: repr(given[name])
                if isinstance(given[name], float)
                else constant(plain(value))
                for name, value in values
                if name not in {formula.name for formula in formulas}
            }
        case Block(defaults=defaults):
            return {**{n: constant(plain(v)) for n, v in defaults}, "stride": "1"}
        case _:
            return {"stride": "1"}


class _Check(Record):
    """What must hold; the message tells why, unless it is that nothing else was compiled for."""

    test: Test
    message: str | None = None


def _requires(instance: Instance) -> Iterator[_Check]:
    """Yield what the spec and its sharing ask of the arguments."""
    node = instance.node
    if isinstance(node, Block | Network):
        yield from (_Check(require.test, require.message) for require in node.requires)


def _checks(kind: GeneratedClass) -> Iterator[_Check]:
    """Yield what all instances answer alike: the class was compiled for no other answer."""
    for test, truth in one_sided(kind.instances):
        yield _Check(test if truth else negated(test))


def _written_checks(checks: Iterable[_Check], scope: ClassScope) -> Iterator[Statement]:
    """Yield what raises ValueError where the arguments are none that the class is for."""
    said: set[str] = set()
    for check in checks:
        test = scope.asked(check.test, always=check.message is None)
        if test is None:
            continue
        words = scope.exact_words(test)
        wrong = words.test(negated(test))
        if wrong not in said:
            said.add(wrong)
            message = check.message or f"compiled for {words.test(test)}"
            yield If(wrong, (Evaluate(Text(f"raise ValueError({string(message)})")),))


def _formulas(instance: Instance, scope: ClassScope) -> Iterator[Statement]:
    """Yield the defaults of a network's arguments that hang on other arguments."""
    if not isinstance(instance.node, Network):
        return
    for formula in instance.node.formulas:
        if formula.name in scope.used:
            name = scope.name_of(formula.name)
            value = scope.formula(formula.number.expr)
            yield If(f"{name} is None", (Assign(name, Text(value)),))


def _shapes(steps: Sequence[Merged], scope: ClassScope) -> Mapping[StepPath, str]:
    """Return comments on what flows in a network, by the places of its steps."""
    found: dict[StepPath, str] = {}
    for step in steps:
        nodes = [cell.node if isinstance(cell, Instance) else cell for cell in step.column]
        if None not in nodes:
            found[step.stand.place] = shape_of([n for n in nodes if n is not None], scope)
    return found
