"""The network -> the plan of model.py."""

from collections.abc import Collection, Iterable, Iterator

from archdsl.emit.class_names import name_classes, reading_order
from archdsl.emit.classes import Group, classify
from archdsl.emit.docstrings import Header, class_docstring, module_docstring
from archdsl.emit.forward import forward
from archdsl.emit.freezing import frozen_modules
from archdsl.emit.initialization import initialization
from archdsl.emit.naming import HELPERS
from archdsl.emit.occurrences import units_of
from archdsl.emit.offers import offer
from archdsl.emit.options import fullest
from archdsl.emit.plan import (
    Assign,
    ClassPlan,
    Evaluate,
    Loop,
    ModulePlan,
    Parameter,
    Python,
    Return,
    SchemePlan,
    Statement,
    Text,
    calls,
)
from archdsl.emit.python import statement
from archdsl.emit.recursion import NotOneClassError, settle_chain
from archdsl.emit.resolve import resolve
from archdsl.emit.schemes import convolutions_of, named, plan_schemes
from archdsl.emit.units import Declaration
from archdsl.ir.network import Network, Shared


def plan_model(
    network: Network, name: str, header: Header, *, initialize: bool = True
) -> ModulePlan:
    """Return the plan of model.py; `name` is what the network's class is called.

    Unless it is to `initialize`, convolutions begin as PyTorch has them: weights will be loaded.
    """
    apart: set[Declaration] = set()
    while True:
        try:
            return _plan(network, name, header, apart, initialize=initialize)
        except NotOneClassError as error:
            apart.add(error.home)


def _plan(
    network: Network, name: str, header: Header, apart: set[Declaration], *, initialize: bool
) -> ModulePlan:
    root = units_of(network)
    offer(root)
    groups = classify(root, apart)
    for group in groups:
        if group.base is not None:
            settle_chain(group)
    order = reading_order(root)
    name_classes(root, order, name)
    shared = {s.id: s for group in groups for unit in group.units for s in unit.owned}
    frozen = frozen_modules(network)
    taken = frozenset(group.name for group in groups)
    convolutions = convolutions_of(network)
    last = tuple(_last_steps(network, is_frozen=frozen is not None)) if initialize else ()
    plans = {
        group.number: _class_plan(group, shared, taken, last, is_frozen=frozen is not None)
        for group in order
    }
    schemes = plan_schemes(convolutions, plans.values())
    classes = named(plans.values(), schemes)
    called = frozenset(_called(classes))
    return ModulePlan(
        docstring=module_docstring(network, header),
        imports=tuple(_imports(called, schemes, is_frozen=frozen is not None)),
        frozen=None if frozen is None else statement(Assign("FROZEN", frozen), 0),
        helpers=tuple(helper for helper in HELPERS if helper in called),
        schemes=schemes,
        classes=classes,
    )


# ---------------------------------------------------------------- classes


def _class_plan(
    group: Group,
    shared: dict[int, Shared],
    taken: frozenset[str],
    last: Iterable[Statement],
    *,
    is_frozen: bool,
) -> ClassPlan:
    """Return the plan of a class; the network's `__init__` ends with the `last` steps."""
    resolved = resolve(group, shared, taken)
    unit = fullest(group.units)[0]
    flow = forward(unit, resolved, shared)
    is_network = isinstance(unit.node, Network)
    return ClassPlan(
        name=group.name,
        docstring=class_docstring(group, resolved),
        parameters=tuple(Parameter(p.name, p.annotation, p.default) for p in group.parameters),
        init=(*resolved.init, *(last if is_network else ())),
        inputs=flow.inputs,
        forward=flow.statements,
        keeps_frozen=is_network and is_frozen,
    )


def _last_steps(network: Network, *, is_frozen: bool) -> Iterator[Statement]:
    """Yield what the network's __init__ ends with: initialization, then freezing."""
    yield from initialization(network)
    if is_frozen:
        yield Loop("name", Text("FROZEN"), (Evaluate(Text(_FREEZE)),))


_FREEZE = "self.get_submodule(name).requires_grad_(requires_grad=False).eval()"


# ---------------------------------------------------------------- what a file needs


# helpers that need torch, and those that need torch.nn.functional
_TORCH = {"BinaryConv2d", "DiracConv2d", "NCReLU", "Scale"}
_FUNCTIONAL = {
    "BareDiracConv2d",
    "DiracConv2d",
    "FixedMomentsBatchNorm1d",
    "FixedMomentsBatchNorm2d",
    "LayerNorm2d",
    "PadChannels",
    "StochasticDepth",
}


def _imports(
    called: Collection[str], schemes: tuple[SchemePlan, ...], *, is_frozen: bool
) -> Iterator[str]:
    called = {*called, *(plan.template for plan in schemes)}
    if "OrderedDict" in called:
        yield "from collections import OrderedDict"
    if is_frozen:
        yield "from typing import Self"
    if "OrderedDict" in called or is_frozen:
        yield ""
    if called & _TORCH or any(name.startswith("torch.") for name in called):
        yield "import torch"
    yield "from torch import Tensor, nn"
    if called & _FUNCTIONAL or any(name.startswith("F.") for name in called):
        yield "from torch.nn import functional as F"


def _called(classes: Iterable[ClassPlan]) -> Iterator[str]:
    for plan in classes:
        for step in (*plan.init, *plan.forward):
            for value in _values(step):
                yield from calls(value)


def _values(statement: Statement) -> Iterator[Python]:
    match statement:
        case Assign(value=value) | Return(value) | Evaluate(value):
            yield value
        case Loop(iterable=iterable, body=body):
            yield iterable
            for inner in body:
                yield from _values(inner)
        case _:
            pass
