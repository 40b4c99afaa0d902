"""What the docstrings of generated code say."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from archdsl.emit.classes.grouping import GeneratedClass
from archdsl.emit.classes.instances import Instance, Owner
from archdsl.emit.expressions.scope import ClassScope
from archdsl.emit.expressions.slots import WrittenNumber
from archdsl.emit.prose.descriptions import description
from archdsl.emit.python.printer import INDENT, WIDTH, docstring_text
from archdsl.ir.network import Block, FeatureMap, Item, LayerNode, Network, Node, Part, Stage
from archdsl.ir.numbers import Expr, Symbol
from archdsl.record import Record

FACTORS = range(2, 9)


class Header(Record, kw_only=True):
    """What the head of a generated model says of the network beside its name."""

    spec: str  # where the network is declared
    command: str  # that regenerates the file
    arguments: tuple[tuple[str, str], ...]  # as the language writes them
    parameters: int
    unshared: int  # if nothing were shared
    open: tuple[str, ...] = ()  # arguments that the network's class takes
    grown: tuple[str, ...] = ()  # and those that differ from phase to phase
    phases: tuple[str, ...] = ()  # lines of a table of phases


def module_docstring(network: Network, header: Header) -> tuple[str, ...]:
    """Return the lines of the docstring of a file."""
    arguments = header.arguments
    count = f"{header.parameters:,} parameters"
    sharing = f" ({header.unshared:,} without sharing)"
    if header.unshared == header.parameters:
        sharing = ""
    return (
        docstring_text(f"{network.name}, compiled by archdsl from {header.spec}."),
        "",
        *((*_paragraph(_compiled_for(header), 0), "") if arguments else ()),
        "Change the spec, not this file, and run",
        *_command(header.command),
        "",
        f"{count}{sharing} for inputs {_inputs(network)}.",
        *(("", *header.phases) if header.phases else ()),
    )


def _inputs(network: Network) -> str:
    """Return the shapes of what a network takes."""
    if len(network.inputs) < 2:
        return str(network.input.shape)
    return ", ".join(f"{each.label} {each.shape.shape}" for each in network.inputs)


def _compiled_for(header: Header) -> str:
    """Return what the network was compiled for, and which arguments its class takes."""
    told = (*header.open, *header.grown)
    given = ", ".join(f"{n} = {value}" for n, value in header.arguments if n not in told)
    if header.grown:
        given = f"{given}; " if given else ""
        given += f"{' and '.join(header.grown)} grow{'s' if len(header.grown) == 1 else ''}"
    if not header.open:
        return f"Compiled for {given}." if not header.grown else f"{_sentence(given)}."
    *names, last = header.open
    may = f"{', '.join(names)} and {last}" if names else last
    if header.grown:
        return f"{_sentence(given)}; {may} may be given."
    if given:
        return f"Compiled for {given}; {may} may be given."
    return f"Its {'arguments' if names else 'argument'} {may} may be given."


def _sentence(given: str) -> str:
    """Return what is said of arguments as the beginning of a sentence."""
    return f"Compiled for {given}" if ";" in given else f"Its {given}"


def _command(command: str) -> Iterator[str]:
    """Yield the lines of a command; one that is continued can be pasted as it stands."""
    line, indent = "", " " * INDENT
    for index, word in enumerate(docstring_text(command).split(" --")):
        option = f" --{word}" if index else word
        if line and len(indent) + len(line) + len(option) + len(" \\") > WIDTH:
            yield f"{indent}{line} \\"
            line, indent = option.lstrip(), " " * 2 * INDENT
        else:
            line += option
    yield f"{indent}{line}"


def letters(dimensions: int) -> tuple[str, ...]:
    """Return what the sizes of a map are called in shapes; none for a vector."""
    return ((), ("L",), ("H", "W"), ("D", "H", "W"))[dimensions]


def batch(shape: Iterable[object]) -> str:
    """Return the shape of a batch."""
    return f"({', '.join(('N', *map(str, shape)))})"


def _paragraph(text: str, indent: int) -> tuple[str, ...]:
    """Return text as lines that fit, the first after three quotes."""
    lines = textwrap.wrap(docstring_text(text), WIDTH - indent - len('"""'), break_on_hyphens=False)
    return tuple(lines)


# ---------------------------------------------------------------- classes


def class_docstring(kind: GeneratedClass, scope: ClassScope, returns: str) -> tuple[str, ...]:
    """Return the lines of the docstring of a class: what it is, its shapes, or what it returns."""
    nodes = [instance.node for instance in kind.instances]
    inputs, outputs = [n.input for n in nodes], [n.output for n in nodes]
    if isinstance(kind.first.node, Network):
        networks = [node for node in nodes if isinstance(node, Network)]
        return _network_docstring(networks, scope, returns)
    given = _channels(kind.instances, inputs, [Symbol("in_channels")] * len(nodes), scope) or "C"
    made = _channels(kind.instances, outputs, list(map(_inner, nodes)), scope) or "C'"
    sizes = _sizes(kind.instances, scope)
    one = batch((given, *letters(inputs[0].dimensions)))
    other = batch((made, *(sizes if outputs[0].size else ())))
    return (f"{description(kind)}.", "", f"{one} -> {other}")


def _network_docstring(
    networks: Sequence[Network], scope: ClassScope, returns: str
) -> tuple[str, ...]:
    """Return the lines of the docstring of a network: what it takes and gives."""
    inputs = [
        f"{each.label} {shape_in(scope, [n.inputs[i].shape for n in networks])}"
        for i, each in enumerate(networks[0].inputs)
    ]
    if len(inputs) < 2:
        inputs = [shape_in(scope, [each.input for each in networks])]
    made = returns
    if len(networks[0].outputs) < 2:
        made = shape_in(scope, [each.output for each in networks])
    return _paragraph(f"The network: {', '.join(inputs)} -> {made}.", INDENT)


def shape_of(nodes: Sequence[Node | Network], scope: ClassScope) -> str:
    """Return the shape of what a row of a network gives, for a comment; "" if it is not known."""
    shapes = [node.output.shape for node in nodes]
    if len({shape[1:] for shape in shapes}) > 1:
        return ""
    slot = [WrittenNumber(s[0], _made(node)) for s, node in zip(shapes, nodes, strict=True)]
    channels = scope.mention(slot)
    return "" if channels is None else batch((channels, *shapes[0][1:]))


def shape_in(
    scope: ClassScope, maps: Sequence[FeatureMap], exprs: Sequence[Expr | None] | None = None
) -> str:
    """Return the shape of what a network takes or gives, sizes that are its arguments by name.

    `exprs` are its channels over the names of the network.
    """
    columns = [
        [WrittenNumber(size) for size in column]
        for column in zip(*(each.shape for each in maps), strict=True)
    ]
    if exprs is not None:
        columns[0] = [
            WrittenNumber(each.channels, expr) for each, expr in zip(maps, exprs, strict=True)
        ]
    axes = ("C", *letters(maps[0].dimensions))
    sizes = map(scope.mention, columns)
    return batch(size or letter for size, letter in zip(sizes, axes, strict=True))


def _channels(
    instances: Sequence[Instance],
    maps: Sequence[FeatureMap],
    exprs: Sequence[Expr | None],
    scope: ClassScope,
) -> str | None:
    assert len(instances) == len(maps)
    slot = [WrittenNumber(m.channels, expr) for m, expr in zip(maps, exprs, strict=True)]
    found = scope.mention(slot)
    if found is not None:
        return found
    return next((t for f in FACTORS if (t := _multiple(maps, f, scope))), None)


def _multiple(maps: Sequence[FeatureMap], factor: int, scope: ClassScope) -> str | None:
    if any(m.channels % factor for m in maps):
        return None
    found = scope.mention([WrittenNumber(m.channels // factor) for m in maps])
    return None if found is None else f"{factor} * {found}"


def _inner(node: Owner) -> Expr | None:
    """Return the channels that a class gives, over the symbols of its text."""
    match node:
        case Block(makes=makes) | Stage(items=(*_, Item(node=Block(makes=makes)))):
            return makes.expr
        case _:
            return None


def _made(node: Node | Network) -> Expr | None:
    """Return the channels that a node gives, over the symbols of the text that it stands in."""
    match node:
        case Block(out_channels=channels):
            return channels.expr
        case Stage(items=(*_, item)):
            return _made(item.node)
        case Part(body=(*_, step)):
            return _made(step.node)
        case LayerNode(written=written):
            fields = ("out_channels", "out_features", "num_features")
            return next((w.exprs[0] for w in written if w.field in fields), None)
        case _:
            return None


def _sizes(instances: Sequence[Instance], scope: ClassScope) -> tuple[str, ...]:
    nodes = [instance.node for instance in instances]
    axes = letters(nodes[0].output.dimensions)
    if all(n.input.size == n.output.size for n in nodes):
        return axes
    strides = [instance.values.get("stride", 1) for instance in instances]
    if "stride" in scope.used and all(map(_is_divided, instances, strides)):
        return tuple(f"{axis} / stride" for axis in axes)
    for factor in FACTORS:
        if all(_is_divided(instance, factor) for instance in instances):
            return tuple(f"{axis} / {factor}" for axis in axes)
    return tuple(f"{axis}'" for axis in axes)


def _is_divided(instance: Instance, stride: object) -> bool:
    given, made = instance.node.input.size, instance.node.output.size
    if given is None or made is None or not isinstance(stride, int):
        return False
    return all(-(-a // stride) == b for a, b in zip(given, made, strict=True))
