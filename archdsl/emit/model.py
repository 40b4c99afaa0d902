"""A family -> the plan of model.py."""

from collections.abc import Mapping
from typing import NoReturn, TypeAlias

from archdsl.analyses.freezing import frozen_modules, frozen_parameters
from archdsl.analyses.looped import Looped
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.emit.body.blocks import Constructed
from archdsl.emit.build import Around, Built, build
from archdsl.emit.calls.schemes import convolutions_of, plan_schemes, scheme_names
from archdsl.emit.calls.signature import Signature
from archdsl.emit.classes.grouping import GeneratedClasses, classify
from archdsl.emit.classes.instances import ClassSource, instances
from archdsl.emit.classes.names import class_names
from archdsl.emit.classes.weights import Weights, shared_by_id, weights_of
from archdsl.emit.ending import ending, frozen_names
from archdsl.emit.prose.docstrings import Header, module_docstring
from archdsl.emit.python.nodes import Assign, ModulePlan, Statement
from archdsl.emit.python.printer import statement
from archdsl.ir.family import Family
from archdsl.ir.network import Network
from archdsl.ir.rebuild import replace
from archdsl.record import Record


class Model(Record):
    """The plan of model.py, and the arguments that the network's class takes."""

    plan: ModulePlan
    open: tuple[str, ...]


def plan_model(family: Family, name: str, header: Header, *, initialize: bool = True) -> Model:
    """Return the plan of model.py; `name` is what the network's class is called.

    Unless it is to `initialize`, convolutions begin as PyTorch has them: weights will be loaded.
    """
    while True:
        match _planned(family, name, initialize=initialize):
            case frozenset() as wrong if wrong & family.grown:
                wrong -= family.grown
                if not wrong:
                    _refuse(family)
                family = family.without(wrong)
            case frozenset() as wrong:  # arguments that are decided when the network is compiled
                family = _smaller(family, wrong, name, initialize=initialize)
            case tuple() as classes:
                return _model(family, classes, header)


def _refuse(family: Family) -> NoReturn:
    """Raise SpecError: what the phases differ in cannot be told from their arguments."""
    phases = family.network.phases
    assert phases is not None
    names = " and ".join(f"`{name}`" for name in phases.names)
    message = f"the phases cannot be written as one class: {names} chooses what there is"
    help_ = "let what grows be computed with: widths, and numbers of blocks in `n * block(..)`"
    raise SpecError([Diagnostic(code="E810", message=message, span=phases.span, help=help_)])


def _smaller(family: Family, wrong: "Wrong", name: str, *, initialize: bool) -> Family:
    """Return the family without arguments that are wrong, or where that will do without one."""
    if family.joint is not None and wrong == family.joint.changed:
        for each in sorted(wrong)[:_MOST]:
            fewer = family.without(frozenset((each,)))
            if isinstance(_planned(fewer, name, initialize=initialize), tuple):
                return fewer
    return family.without(wrong)


_MOST = 8  # arguments that are left out of all, one after the other
Wrong: TypeAlias = frozenset[str]


def _planned(family: Family, name: str, *, initialize: bool) -> tuple[Built, ...] | Wrong:
    """Return the classes, or the arguments for whose other values they would be wrong."""
    frozen = _frozen(family.network)
    others = enumerate(family.others, 1)
    thawed = frozenset(n for n, other in others if _frozen(other.network) != frozen)
    if thawed:
        return _blamed(family, thawed)
    found = _classes(family)
    if found[0].strangers:
        return _blamed(family, found[0].strangers)
    last = tuple(ending(family.network, initialize=initialize))
    built = _built(family, name, *found, last)
    root = built[-1]
    return _blamed(family, root.unsaid) if root.unsaid else built


def _frozen(network: Network) -> tuple[tuple[Looped, ...], ...]:
    return frozen_modules(network), frozen_parameters(network)


def _blamed(family: Family, members: frozenset[int]) -> Wrong:
    """Return the arguments that differ in members; of several at once those no other one clears."""
    changed = [family.others[member - 1].changed for member in sorted(members)]
    alone = frozenset[str]().union(*(names for names in changed if len(names) == 1))
    return alone or frozenset[str]().union(*changed)


def _classes(family: Family) -> tuple[GeneratedClasses, Mapping[int, Weights]]:
    """Return the classes of a family, and the shared weights of each."""
    every = instances(family.networks)
    shared = [shared_by_id(network) for network in family.networks]
    apart: set[ClassSource] = set()
    while True:
        classes = classify(every, apart)
        match weights_of(classes, shared, apart):
            case ClassSource() as origin:
                assert origin not in apart, "instances that are kept apart agree"
                apart.add(origin)
            case weights:
                return classes, weights


def _built(
    family: Family,
    name: str,
    classes: GeneratedClasses,
    weights: Mapping[int, Weights],
    last: tuple[Statement, ...],
) -> tuple[Built, ...]:
    names = class_names(classes, name)
    schemes = scheme_names(convolutions_of(family.network))
    inner = {i.number: weights[k.number] for k in classes.kinds for i in k.instances}
    of_instances = {i.number: names[k.number] for k in classes.kinds for i in k.instances}
    signatures = dict.fromkeys(of_instances, Signature())  # of instances, as far as known
    while True:
        before = dict(signatures)
        built: list[Built] = []
        for kind in classes.kinds:
            callees = Constructed(of_instances, signatures, schemes)
            around = Around(
                callees=callees,
                names=names,
                taken=frozenset(names.values()),
                weights=weights,
                inner=inner,
                opened=family.changed,
            )
            built.append(build(kind, around, last))
            signatures |= dict.fromkeys((i.number for i in kind.instances), built[-1].signature)
        if signatures == before or not _is_recursive(classes):
            return tuple(built)


def _is_recursive(classes: GeneratedClasses) -> bool:
    """Whether a class constructs one that stands behind it in the file, or itself."""
    return any(
        classes.of(inner).number >= kind.number
        for kind in classes.kinds
        for instance in kind.instances
        for inner in instance.inner.values()
    )


def _model(family: Family, built: tuple[Built, ...], header: Header) -> Model:
    network = family.network
    frozen = frozen_names(network)
    plans = tuple(each.plan for each in built)
    root = replace(plans[-1], keeps_frozen=frozen is not None)
    opened = tuple(p.symbol for p in built[-1].signature.parameters if p.symbol is not None)
    header = replace(header, open=opened)
    plan = ModulePlan(
        constants=tuple(statement(each, 0) for each in built[-1].constants),
        docstring=module_docstring(network, header),
        frozen=None if frozen is None else statement(Assign("FROZEN", frozen), 0),
        schemes=plan_schemes(convolutions_of(network), plans),
        outputs=built[-1].outputs,
        classes=(*plans[:-1], root),
    )
    return Model(plan, opened)
