"""The network -> the plan of model.py."""

from collections.abc import Iterable, Iterator

from archdsl.emit.classes import Group, classify
from archdsl.emit.docstrings import Header, class_docstring, module_docstring
from archdsl.emit.forward import forward
from archdsl.emit.freezing import frozen_modules
from archdsl.emit.naming import HELPERS, Names, class_name
from archdsl.emit.offers import offer
from archdsl.emit.options import num_options
from archdsl.emit.plan import (
    Assign,
    Call,
    ClassPlan,
    Comment,
    Evaluate,
    If,
    Keyword,
    Loop,
    ModulePlan,
    Parameter,
    Python,
    Return,
    Statement,
    Text,
    calls,
)
from archdsl.emit.python import statement
from archdsl.emit.resolve import resolve
from archdsl.emit.units import Unit, inner_units, units_of
from archdsl.ir.network import Block, Network, Part, Shared, Stage


def plan_model(network: Network, name: str, header: Header) -> ModulePlan:
    """Return the plan of model.py; `name` is what the network's class is called."""
    root = units_of(network)
    offer(root)
    groups = classify(root)
    _name_classes(root, name)
    shared = {s.id: s for group in groups for unit in group.units for s in unit.owned}
    frozen = frozen_modules(network)
    taken = frozenset(group.name for group in groups)
    plans = {
        group.number: _class_plan(group, shared, taken, is_frozen=frozen is not None)
        for group in groups
    }
    classes = tuple(plans[group.number] for group in _reading_order(root))
    return ModulePlan(
        docstring=module_docstring(network, header),
        imports=tuple(_imports(classes, is_frozen=frozen is not None)),
        frozen=None if frozen is None else statement(Assign("FROZEN", frozen), 0),
        helpers=tuple(helper for helper in HELPERS if helper in set(_called(classes))),
        classes=classes,
    )


# ---------------------------------------------------------------- classes


def _class_plan(
    group: Group, shared: dict[int, Shared], taken: frozenset[str], *, is_frozen: bool
) -> ClassPlan:
    resolved = resolve(group, shared, taken)
    unit = _fullest(group)
    flow = forward(unit, resolved, shared)
    is_network = isinstance(unit.node, Network)
    last = _last_steps(is_frozen=is_frozen) if is_network else ()
    return ClassPlan(
        name=group.name,
        docstring=class_docstring(group, resolved),
        parameters=tuple(Parameter(p.name, p.annotation, p.default) for p in group.parameters),
        init=(*resolved.init, *last),
        inputs=flow.inputs,
        forward=flow.statements,
        keeps_frozen=is_network and is_frozen,
    )


def _fullest(group: Group) -> Unit:
    """Return a unit that has all that any instance has."""
    return max(group.units, key=num_options)


def _last_steps(*, is_frozen: bool) -> Iterator[Statement]:
    """Yield what the network's __init__ ends with: initialization, then freezing."""
    yield Comment("He et al. 2015, as torchvision begins its ResNets")
    yield _KAIMING
    if is_frozen:
        yield Loop("name", Text("FROZEN"), (Evaluate(Text(_FREEZE)),))


_FREEZE = "self.get_submodule(name).requires_grad_(requires_grad=False).eval()"
_KAIMING = Loop(
    "module",
    Text("self.modules()"),
    (
        If(
            "isinstance(module, nn.Conv2d)",
            (
                Evaluate(
                    Call(
                        "nn.init.kaiming_normal_",
                        (
                            Text("module.weight"),
                            Keyword("mode", Text('"fan_out"')),
                            Keyword("nonlinearity", Text('"relu"')),
                        ),
                    )
                ),
            ),
        ),
    ),
)


# ---------------------------------------------------------------- names


def _name_classes(root: Unit, name: str) -> None:
    names = Names()
    root.group.name = names.unique_class(name, "Network")
    for group in _reading_order(root):
        if not group.name:
            group.name = names.unique_class(_wish(group.first))


def _wish(unit: Unit) -> str:
    match unit.node:
        case Block(declaration=declaration):
            return class_name(declaration)
        case Stage(kind="stage"):
            return "Stage"
        case Stage(kind=kind):
            return class_name(kind) + "Stage"
        case Part(name=name):
            home = class_name(unit.home[-1]) if unit.values else ""
            return home + class_name(name)
        case Network(name=name):
            return class_name(name)


def _reading_order(root: Unit) -> list[Group]:
    """Return the classes, each after those it uses, otherwise in the order of the network."""
    order: dict[int, Group] = {}
    _visit(root, order)
    return list(order.values())


def _visit(unit: Unit, order: dict[int, Group]) -> None:
    if unit.group.number in order:
        return
    for user in unit.group.units:
        for inner in inner_units(user):
            _visit(inner, order)
    order[unit.group.number] = unit.group


# ---------------------------------------------------------------- what a file needs


# helpers that need torch.nn.functional
_FUNCTIONAL = {
    "FixedMomentsBatchNorm1d",
    "FixedMomentsBatchNorm2d",
    "LayerNorm2d",
    "StochasticDepth",
}


def _imports(classes: Iterable[ClassPlan], *, is_frozen: bool) -> Iterator[str]:
    called = set(_called(classes))
    functional = any(name.startswith("F.") for name in called)
    if "OrderedDict" in called:
        yield "from collections import OrderedDict"
    if is_frozen:
        yield "from typing import Self"
    if "OrderedDict" in called or is_frozen:
        yield ""
    if "Scale" in called or any(name.startswith("torch.") for name in called):
        yield "import torch"
    yield "from torch import Tensor, nn"
    if functional or called & _FUNCTIONAL:
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
