"""The names of classes."""

from collections import Counter
from collections.abc import Mapping, Sequence

from archdsl.emit.classes.grouping import GeneratedClass, GeneratedClasses
from archdsl.emit.classes.instances import Instance, owners
from archdsl.emit.python.names import Names
from archdsl.ir.names import class_name
from archdsl.ir.network import Block, Network, Part, Stage


def class_names(classes: GeneratedClasses, name: str) -> Mapping[int, str]:
    """Return the names of classes by number; `name` is the network's.

    Of classes made from one declaration that with the most instances has its plain name, and the
    others say what is different in them, or have a number.
    """
    names = Names()
    root = next(kind for kind in classes.kinds if isinstance(kind.first.node, Network))
    found = {root.number: names.unique_class(name, "Network")}
    copies = _copies(root.first, classes)
    runs = {kind.first.origin for kind in classes.kinds if kind.first.origin.kind == "run"}
    alike: dict[str, list[GeneratedClass]] = {}
    for kind in sorted(classes.kinds, key=lambda kind: -copies[kind.number]):
        if kind is not root:
            wish = _wish(kind.first, is_only_run=len(runs) == 1)
            alike.setdefault(wish, []).append(kind)
    for wish, kinds in alike.items():
        for kind in kinds:
            others = [other for other in kinds if other is not kind]
            distinct = wish if kind is kinds[0] else _distinct(wish, kind, others)
            found[kind.number] = names.unique_class(distinct)
    return found


def _copies(network: Instance, classes: GeneratedClasses) -> Counter[int]:
    """Return how many modules of each class the compiled network has."""
    found: Counter[int] = Counter()
    waiting = [(network, 1)]
    while waiting:
        instance, times = waiting.pop()
        found[classes.of(instance).number] += times
        for place, _, count in owners(instance.node):
            waiting.append((instance.inner[place], times * count))
    return found


def _distinct(wish: str, kind: GeneratedClass, others: Sequence[GeneratedClass]) -> str:
    """Return a name that says what none of the other classes of a declaration has."""
    own = [_marks(instance) for instance in kind.instances]
    rest = [_marks(instance) for other in others for instance in other.instances]
    told = [
        (len({marks.get(what) for marks in (*own, *rest)}), mark)
        for what, mark in own[0].items()
        if all(marks.get(what) == mark for marks in own)
        and not any(marks.get(what) == mark for marks in rest)
    ]
    return wish + (min(told)[1] if told else "")


def _marks(instance: Instance) -> dict[str, str]:
    """Return what may tell a class: the arguments and the stride of a block."""
    if not isinstance(instance.node, Block):
        return {}
    return {
        name: f"{class_name(name)}{value}"
        for name, value in instance.values.items()
        if isinstance(value, int) and value >= 0 and name not in instance.lets
    }


def _wish(instance: Instance, *, is_only_run: bool) -> str:
    match instance.node:
        case Block(declaration=declaration):
            return class_name(declaration)
        case Stage() if instance.origin.kind == "run":
            return "Stage" if is_only_run else f"{class_name(instance.origin.declaration)}Stage"
        case Stage(kind="stage", label=str(label)):
            return f"{class_name(label)}Stage"
        case Stage(kind=kind):
            return f"{class_name(kind)}Stage"
        case Part(name=name):
            home = class_name(instance.origin.declaration)
            return (home if "in_channels" in instance.values else "") + class_name(name)
        case Network(name=name):
            return class_name(name)
