"""The classes of weight schemes: convolutions that compute the weight they apply."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from archdsl.analyses.walk import leaves
from archdsl.emit.calls.layers import SchemeKey, Schemes
from archdsl.emit.python.names import scheme_class
from archdsl.emit.python.nodes import (
    ClassPlan,
    Evaluate,
    FormalParameter,
    Invocation,
    Keyword,
    SchemePlan,
    Text,
)
from archdsl.ir.layers import Conv, Size, dimensions
from archdsl.ir.network import Network
from archdsl.record import Record

Convolutions: TypeAlias = dict[SchemeKey, list[Conv]]


def convolutions_of(network: Network) -> Convolutions:
    """Return the convolutions of each scheme, by dimensions, in the order of the layers."""
    found: Convolutions = {}
    for leaf in leaves(network):
        if isinstance(leaf.layer, Conv) and leaf.layer.scheme is not None:
            key = leaf.layer.scheme, dimensions(leaf.layer)
            found.setdefault(key, []).append(leaf.layer)
    return found


def scheme_names(convolutions: Convolutions) -> Schemes:
    """Return the class of each scheme; a second one of a kind has a number after its name."""
    counts: dict[str, int] = {}
    found: dict[SchemeKey, str] = {}
    for scheme, count in convolutions:
        base = scheme_class(type(scheme).__name__, count)
        counts[base] = counts.get(base, 0) + 1
        found[scheme, count] = base if counts[base] == 1 else f"{base}{counts[base]}"
    return found


def plan_schemes(
    convolutions: Convolutions, classes: tuple[ClassPlan, ...]
) -> tuple[SchemePlan, ...]:
    """Return a class for each scheme, with the parameters that `classes` give."""
    names = scheme_names(convolutions)
    if not names:
        return ()
    given: dict[str, set[str]] = {}
    for call in _calls(classes):
        keywords = (a.name for a in call.arguments if isinstance(a, Keyword))
        given.setdefault(call.function, set()).update(keywords)
    return tuple(
        _plan(name, key, convolutions[key], given.get(name, set())) for key, name in names.items()
    )


def _calls(value: object) -> Iterator[Invocation]:
    """Yield every call in a plan or a part of one."""
    match value:
        case tuple():
            for item in value:  # pyright: ignore[reportUnknownVariableType]
                yield from _calls(item)  # pyright: ignore[reportUnknownArgumentType]
        case Record():
            if isinstance(value, Invocation):
                yield value
            for name in _fields(value):
                yield from _calls(getattr(value, name))
        case _:
            pass


def _plan(name: str, key: SchemeKey, layers: list[Conv], given: set[str]) -> SchemePlan:
    scheme, count = key
    parameters = tuple(_parameters(layers, given))
    arguments = tuple(_keyword(p.name) for p in parameters)
    if "bias" not in {p.name for p in parameters}:
        arguments = (*arguments, Text("bias=False"))
    return SchemePlan(
        name=name,
        template=type(scheme).__name__,
        scheme=scheme,
        dimensions=count,
        parameters=parameters,
        construct=Evaluate(Invocation("super().__init__", arguments)),
        has_groups=any(layer.groups != 1 for layer in layers),
    )


_POSITIONAL = ("in_channels", "out_channels", "kernel_size")


def _keyword(name: str) -> Text:
    return Text(name if name in _POSITIONAL else f"{name}={name}")


def _parameters(layers: list[Conv], given: set[str]) -> Iterable[FormalParameter]:
    """Yield those parameters of a convolution that are given, if only as a name for the default."""
    yield FormalParameter("in_channels", "int")
    yield FormalParameter("out_channels", "int")
    yield FormalParameter("kernel_size", _size_type(layer.kernel_size for layer in layers))
    for name, default in (("stride", 1), ("padding", 0), ("dilation", 1)):
        sizes: list[Size] = [getattr(layer, name) for layer in layers]
        if name in given:
            yield FormalParameter(name, _size_type(sizes), str(default))
    if "groups" in given:
        yield FormalParameter("groups", "int", "1")
    if "bias" in given:
        yield FormalParameter("bias", "bool", "False")


def _size_type(sizes: Iterable[Size]) -> str:
    shapes = {len(size) for size in sizes if len(set(size)) > 1}
    return " | ".join(("int", *(f"tuple[{', '.join(['int'] * n)}]" for n in sorted(shapes))))


def _fields(value: Record) -> tuple[str, ...]:
    return value.__struct_fields__
