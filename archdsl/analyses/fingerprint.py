"""A short name for what is trained: a checkpoint of another network or recipe has another one."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import TypeAlias, assert_never, cast

import msgspec

from archdsl.ir.network import (
    Block,
    Crossing,
    Join,
    LayerNode,
    Network,
    Node,
    Part,
    Shared,
    Stage,
    Step,
)
from archdsl.ir.recipe import Recipe
from archdsl.record import Record
from archdsl.recursion import deep_recursion

DIGITS = 16  # 64 bits: two of a million networks are alike once in 40 million times

_Value: TypeAlias = "str | int | float | bool | Sequence[_Value] | None"


@deep_recursion()
def fingerprint(network: Network, recipe: Recipe) -> str:
    """Return the fingerprint of a network and a recipe, in hexadecimal.

    Names, layers and what flows between them count, and everything in the recipe but how long it
    lasts and what it is called; how the spec is written, and where it lies, does not.
    """
    lasting = msgspec.structs.replace(recipe, name="", epochs=0)
    drops = [[float(run.rate), run.total] for run in network.drop_runs]
    init = network.init
    found = [
        list(network.input.shape),
        _owned(network.owned),
        _steps(network.body),
        drops,
        _value(init),
        _record(lasting),
    ]
    if network.inputs or network.outputs:
        found.append([[each.label, *each.shape.shape] for each in network.inputs])
        found.append([[o.label, o.in_training, *o.shape.shape] for o in network.outputs])
    return hashlib.sha256(msgspec.json.encode(found)).hexdigest()[:DIGITS]


def _steps(body: Sequence[Step], beside: Sequence[Crossing] = ()) -> list[_Value]:
    """Return what is done in a body, its maps numbered as they come.

    First are those that it is handed, or gives, beside the one that flows.
    """
    maps = {each.map: number for number, each in enumerate(beside)}
    return [
        [
            [maps.setdefault(map_, len(maps)) for map_ in step.takes],
            [maps.setdefault(map_, len(maps)) for map_ in step.gives],
            _node(step.node),
        ]
        for step in body
    ]


def _node(node: Node) -> list[_Value]:
    match node:
        case LayerNode(name=name, layer=layer, shared=shared, frozen=frozen):
            return [name, _record(layer), _value(shared), frozen]
        case Block(name=name, drop=drop, body=body, owned=owned, given=given, made=made):
            return [name, _value(drop), _owned(owned), _steps(body, (*given, *made))]
        case Part(name=name, body=body, owned=owned, given=given, made=made):
            return [name, _owned(owned), _steps(body, (*given, *made))]
        case Stage(name=name, form=form, items=items, owned=owned):
            members: list[_Value] = [[item.count, _node(item.node)] for item in items]
            return [name, form, _owned(owned), members]
        case Join(operator=operator):
            return [operator]
        case _:
            assert_never(node)


def _owned(owned: Sequence[Shared]) -> list[_Value]:
    return [[each.id, each.name, _record(each.layer), each.frozen] for each in owned]


def _record(record: Record) -> list[_Value]:
    """Return a record with the name of its class, which its fields do not tell."""
    return [type(record).__name__, *_fields(record)]


def _fields(record: Record) -> Iterator[_Value]:
    """Yield the fields but for those at their defaults: others may come with another version."""
    names, defaults = record.__struct_fields__, record.__struct_defaults__
    default_of = dict(zip(reversed(names), reversed(defaults), strict=False))
    for name in names:
        value = getattr(record, name)
        if name not in default_of or value != default_of[name]:
            yield from (name, _value(value))


def _value(value: object) -> _Value:
    match value:
        case Record():
            return _record(value)
        case tuple():
            return [_value(each) for each in cast("tuple[object, ...]", value)]
        case None | bool() | int() | float() | str():
            return value
        case _:
            raise AssertionError(f"no field of a layer or a recipe is a {type(value).__name__}")
