"""A class of a family -> what is printed of it, and what whoever constructs it must know."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from archdsl.emit.body.construction import Callees, Construction
from archdsl.emit.body.forward import Flow
from archdsl.emit.body.numbers import Scope
from archdsl.emit.body.parameters import one_sided, opened
from archdsl.emit.body.rows import CallRow, JoinRow, LayerRow, Row, Run, Texts, members_of, rows_of
from archdsl.emit.body.signature import Signature, signature
from archdsl.emit.body.stages import stage_forward
from archdsl.emit.body.uses import Uses
from archdsl.emit.classes.instances import Instance, Place
from archdsl.emit.classes.kinds import Kind
from archdsl.emit.classes.weights import Weights
from archdsl.emit.prose.docstrings import class_docstring
from archdsl.emit.python.names import Names
from archdsl.emit.python.nodes import (
    Assign,
    ClassPlan,
    Evaluate,
    If,
    Statement,
    Text,
)
from archdsl.emit.python.printer import constant, string
from archdsl.emit.body.arithmetic import plain
from archdsl.ir.network import Block, Network, Require, Stage
from archdsl.ir.numbers import Compare, Number, Test, negated
from archdsl.record import Record


class Built(Record):
    """A class: its text, its parameters, and the members of the family that it is wrong in."""

    plan: ClassPlan
    signature: Signature
    unsaid: frozenset[int]
    adds: bool  # parameters that the spec does not have


class Around(Record, kw_only=True):
    """What a class stands among."""

    callees: Callees
    names: Mapping[int, str]  # of classes, by number
    taken: frozenset[str]
    weights: Mapping[int, Weights]  # by number of a class
    inner: Mapping[int, Weights]  # by number of an instance
    opened: frozenset[str]  # arguments that the network's class may take


def build(kind: Kind, around: Around, last: Iterable[Statement] = ()) -> Built:
    """Return a class; the network's `__init__` ends with the `last` steps."""
    instances = kind.instances
    scope = _scope(kind, around)
    texts = Texts(instances, scope)
    scope.tests = list(_tests(kind))
    names, members = Names(("x", "block")), Names()
    weights = around.weights[kind.number]
    uses = Uses(instances, scope, weights, around.inner, names, members)
    construction = Construction(instances, scope, uses, around.callees)
    first = kind.first
    if isinstance(first.node, Stage):
        found = members_of(texts)
        construction.owned()
        construction.blocks(found)
        forward = stage_forward(found, texts, uses)
        rows: tuple[Row, ...] = ()
    else:
        rows = rows_of(texts)
        members = Names(_attributes(rows))
        uses.members = members
        flow = Flow(uses, names, _shapes(rows, kind, scope))
        forward = flow.body(rows)
        construction.owned()
        construction.rows(rows)
    flags = [Assign(f"self.{name}", Text(scope.test(test))) for test, name in uses.flags.items()]
    constants = [Assign(f"self.{name}", value) for name, value in uses.constants.items()]
    requires = [*_formulas(first, scope), *_requires(first, scope), *_checks(kind, scope)]
    body = (*construction.statements, *constants)
    settled = signature(scope, instances, _defaults(kind))
    plan = ClassPlan(
        name=around.names[kind.number],
        docstring=class_docstring(kind, scope),
        parameters=tuple(parameter.printed() for parameter in settled.parameters),
        init=(*requires, *scope.locals, *flags, *body, *(last if _is_network(first) else ())),
        inputs=uses.inputs(),
        forward=forward,
    )
    return Built(plan, settled, frozenset(scope.unsaid), bool(scope.added))


def _tests(kind: Kind) -> Iterator[Test]:
    """Yield the tests that tell instances of a class from others."""
    nodes = (i.node for i in kind.instances)
    yield from dict.fromkeys(test for n in nodes if isinstance(n, Block) for test in n.decided)


def _is_network(instance: Instance) -> bool:
    return isinstance(instance.node, Network)


def _scope(kind: Kind, around: Around) -> Scope:
    first = kind.first
    return Scope(
        [instance.values for instance in kind.instances],
        [instance.lets for instance in kind.instances],
        opened(kind, around.opened),
        Names((*around.taken, "i")),
        adds=first.origin.kind != "network",
    )


def _attributes(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        if not isinstance(row, JoinRow):
            yield row.name


def _defaults(kind: Kind) -> Mapping[str, str]:
    """Return the defaults of symbols: as declared, those compiled for the network, stride 1."""
    node = kind.first.node
    match node:
        case Network(values=values, arguments=arguments, formulas=formulas):
            given = dict(arguments)
            return {formula.name: "None" for formula in formulas} | {
                name: repr(given[name]) if isinstance(given[name], float) else constant(plain(value))
                for name, value in values
                if name not in {formula.name for formula in formulas}
            }
        case Block(defaults=defaults):
            return {**{n: constant(plain(v)) for n, v in defaults}, "stride": "1"}
        case _:
            return {"stride": "1"}


def _requires(instance: Instance, scope: Scope) -> Iterator[Statement]:
    """Yield what raises ValueError where an argument is not one that the spec takes."""
    node = instance.node
    if not isinstance(node, Block | Network):
        return
    for require in node.requires:
        simple = scope.simple_test(negated(require.test))
        if isinstance(simple, bool) or not _names(simple) <= set(scope.used):
            continue
        error = Evaluate(Text(f"raise ValueError({string(require.message)})"))
        yield If(scope.test(negated(require.test)), (error,))


def _checks(kind: Kind, scope: Scope) -> Iterator[Statement]:
    """Yield what raises ValueError where a class was not compiled for an argument."""
    for test, truth in one_sided(kind.instances):
        seen = test if truth else negated(test)
        simple = scope.simple_test(seen)
        if isinstance(simple, bool) or not _names(simple) <= set(scope.used):
            continue
        text = scope.test(seen)
        error = Evaluate(Text(f"raise ValueError({string(f'compiled for {text}')})"))
        yield If(scope.test(negated(seen)), (error,))


def _formulas(instance: Instance, scope: Scope) -> Iterator[Statement]:
    """Yield the defaults of a network's arguments that hang on other arguments."""
    if not isinstance(instance.node, Network):
        return
    for formula in instance.node.formulas:
        if formula.name in scope.used:
            name = scope.name_of(formula.name)
            value = scope.formula(formula.number.expr)
            yield If(f"{name} is None", (Assign(name, Text(value)),))


def _names(test: Test) -> frozenset[str]:
    from archdsl.ir.numbers import test_symbols

    return test_symbols(test)


def _shapes(rows: Sequence[Row], kind: Kind, scope: Scope) -> Mapping[Place, str]:
    """Return comments on what flows in a network, by the places of its rows."""
    if not _is_network(kind.first):
        return {}
    found: dict[Place, str] = {}
    for row in rows:
        nodes = [getattr(cell, "node", cell) for cell in row.column]
        shapes = [None if node is None else node.output.shape for node in nodes]
        there = [shape for shape in shapes if shape is not None]
        if len(set(there)) == 1:
            found[row.stand.place] = f"({', '.join(('N', *map(str, there[0])))})"
    return found
