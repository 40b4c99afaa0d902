"""The names of classes and the order in which a file has them."""

from collections import Counter

from archdsl.emit.classes import Group
from archdsl.emit.naming import Names
from archdsl.emit.runs import item_lists
from archdsl.emit.units import Unit
from archdsl.ir.names import class_name
from archdsl.ir.network import Block, Network, Part, Stage


def name_classes(root: Unit, order: list[Group], name: str) -> None:
    """Give each class its name; `name` is the network's.

    Of classes made from one declaration that with the most instances has its plain name, and the
    others say what is different in them, or have a number.
    """
    names = Names()
    root.group.name = names.unique_class(name, "Network")
    copies = Counter({root.group.number: 1})
    _count(root, 1, copies)
    alike: dict[str, list[Group]] = {}
    for group in sorted(order, key=lambda group: -copies[group.number]):
        if group is not root.group:
            alike.setdefault(_wish(group.first), []).append(group)
    bases = {group.base.number for group in order if group.base is not None}
    for wish, groups in alike.items():
        for group in sorted(groups, key=lambda group: group.number in bases):
            others = [other for other in groups if other is not group]
            is_plain = group is groups[0] and group.number not in bases
            if group.number in bases and others:
                group.name = names.unique_class(f"Innermost{wish}")
            else:
                group.name = names.unique_class(wish if is_plain else _distinct(group, others))


def _count(unit: Unit, times: int, copies: Counter[int]) -> None:
    counts = {id(item.site): item.count for items in item_lists(unit) for item in items}
    for inner in unit.inner:
        number = times * counts.get(id(inner), 1)
        copies[inner.group.number] += number
        _count(inner, number, copies)


def _distinct(group: Group, others: list[Group]) -> str:
    """Return a name that says what none of the other classes of a declaration has.

    What takes the fewest values in all of them is what they were made different for.
    """
    own = [_marks(unit) for unit in group.units]
    foreign = [_marks(unit) for other in others for unit in other.units]
    told = [
        (len({marks.get(what) for marks in (*own, *foreign)}), mark)
        for what, mark in own[0].items()
        if all(marks.get(what) == mark for marks in own)
        and not any(marks.get(what) == mark for marks in foreign)
    ]
    prefix, suffix = min(told, key=lambda pair: pair[0])[1] if told else ("", "")
    return prefix + _wish(group.first) + suffix


def _marks(unit: Unit) -> dict[str, tuple[str, str]]:
    """Return what may tell a class: arguments and the stride of a block, the name of a stage.

    Each is what stands before and after the plain name.
    """
    match unit.node:
        case Block(arguments=arguments, stride=stride):
            numbers = [*arguments, ("stride", stride)]
            return {
                name: ("", f"{class_name(name)}{number.value}")
                for name, number in numbers
                if isinstance(number.value, int) and number.value >= 0
            }
        case Stage(label=str(label)):
            return {"": (class_name(label), "")}
        case _:
            return {}


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


def reading_order(root: Unit) -> list[Group]:
    """Return the classes, each after those it uses, otherwise in the order of the network."""
    order: dict[int, Group] = {}
    _visit(root.group, order, set())
    return list(order.values())


def _visit(group: Group, order: dict[int, Group], entered: set[int]) -> None:
    if group.number in entered:
        return
    entered.add(group.number)
    for user in group.units:
        for inner in user.inner:
            _visit(inner.group, order, entered)
    order[group.number] = group
