"""What the docstrings of generated code say."""

import textwrap
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import PurePath

from archdsl.emit.classes import Group
from archdsl.emit.descriptions import description
from archdsl.emit.plan import Constant
from archdsl.emit.python import INDENT, WIDTH, docstring_text
from archdsl.emit.resolve import Resolved
from archdsl.emit.units import Unit
from archdsl.ir.network import FeatureMap, Network
from archdsl.record import Record

FACTORS = range(2, 9)
TERMS = range(2, 6)


class Header(Record, kw_only=True):
    """What the head of a generated model says of the network beside its name."""

    command: str  # that regenerates the file
    arguments: tuple[tuple[str, str], ...]  # as the language writes them
    parameters: int
    unshared: int  # if nothing were shared


def module_docstring(network: Network, header: Header) -> tuple[str, ...]:
    """Return the lines of the docstring of a file."""
    arguments = ", ".join(f"{name} = {value}" for name, value in header.arguments)
    count = f"{header.parameters:,} parameters"
    sharing = f" ({header.unshared:,} without sharing)"
    if header.unshared == header.parameters:
        sharing = ""
    return (
        docstring_text(f"{network.name}, compiled by archdsl from {_file(network)}."),
        "",
        *((*_paragraph(f"Arguments: {arguments}.", 0), "") if arguments else ()),
        "Change the spec, not this file, and run",
        *_command(header.command),
        "",
        f"{count}{sharing} for inputs {shape_of(network.input)}.",
    )


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


def _file(network: Network) -> str:
    """Return the spec's path as given; of one that holds on one machine only, the file's name."""
    path = PurePath(network.file)
    return path.name if path.is_absolute() else path.as_posix()


def shape_of(given: FeatureMap) -> str:
    """Return a shape as Python writes it: `(3, 32, 32)`, `(10,)`."""
    return str(given.shape)


def class_docstring(group: Group, resolved: Resolved) -> tuple[str, ...]:
    """Return the lines of the docstring of a class: what it is and its shapes."""
    unit = group.first
    if isinstance(unit.node, Network):
        given, made = batch(unit.node.input.shape), batch(unit.node.output.shape)
        return (f"The network: {given} -> {made}.",)
    return (f"{description(group)}.", "", shapes(group, resolved))


def batch(shape: Iterable[object]) -> str:
    """Return the shape of a batch."""
    return f"({', '.join(('N', *map(str, shape)))})"


def _paragraph(text: str, indent: int) -> tuple[str, ...]:
    """Return text as lines that fit, the first after three quotes."""
    lines = textwrap.wrap(docstring_text(text), WIDTH - indent - len('"""'), break_on_hyphens=False)
    return tuple(lines)


# ---------------------------------------------------------------- shapes


def shapes(group: Group, resolved: Resolved) -> str:
    """Return `(N, in_channels, H, W) -> (N, width, H / stride, W / stride)`."""
    nodes = [unit.node for unit in group.units]
    inputs, outputs = [n.input for n in nodes], [n.output for n in nodes]
    given, made = _channels(inputs, resolved), _channels(outputs, resolved)
    if made is None:
        made = _sum(inputs, outputs, given, resolved) or "C'"
    size = _sizes(group, resolved)
    one = batch((given or "C", *(("H", "W") if inputs[0].size else ())))
    return f"{one} -> {batch((made, *(size if outputs[0].size else ())))}"


def _channels(maps: list[FeatureMap], resolved: Resolved) -> str | None:
    numbers = tuple(m.channels for m in maps)
    if numbers == resolved.outputs and resolved.output is not None:
        return resolved.output
    if numbers in resolved.values.values():
        return next(name for name, values in resolved.values.items() if values == numbers)
    if len(set(numbers)) == 1:
        return str(numbers[0])
    return next(
        (
            f"{factor} * {name}"
            for name, values in resolved.values.items()
            for factor in FACTORS
            if numbers == tuple(factor * v if isinstance(v, int) else v for v in values)
        ),
        None,
    )


def _sum(
    inputs: list[FeatureMap], outputs: list[FeatureMap], given: str | None, resolved: Resolved
) -> str | None:
    """Return `in_channels + growth`, where that is what a concatenation gives."""
    more = tuple(b.channels - a.channels for a, b in zip(inputs, outputs, strict=True))
    for name, values in resolved.values.items():
        if values == more and given:
            return f"{given} + {name}"
    return _sum_of_arguments(tuple(m.channels for m in outputs), resolved)


def _sum_of_arguments(numbers: tuple[int, ...], resolved: Resolved) -> str | None:
    """Return `one + three + five`, where enough instances leave no doubt."""
    whole = {
        name: [v for v in values if isinstance(v, int)]
        for name, values in resolved.values.items()
        if name not in {"in_channels", "stride"}
    }
    columns = {name: values for name, values in whole.items() if len(values) == len(numbers)}
    for terms in TERMS:
        if len(set(numbers)) > terms and len(columns) <= MOST_ARGUMENTS:
            for names in combinations(columns, terms):
                sums = zip(*(columns[name] for name in names), strict=True)
                if tuple(map(sum, sums)) == numbers:
                    return " + ".join(names)
    return None


MOST_ARGUMENTS = 10  # of a class whose output is looked for among their sums


def _sizes(group: Group, resolved: Resolved) -> tuple[str, str]:
    nodes = [unit.node for unit in group.units]
    if all(n.input.size == n.output.size for n in nodes):
        return "H", "W"
    strides = resolved.values.get("stride", (1,) * len(group.units))
    if all(_is_divided(*pair) for pair in zip(group.units, strides, strict=True)):
        return "H / stride", "W / stride"
    for factor in FACTORS:
        if all(_is_divided(unit, factor) for unit in group.units):
            return f"H / {factor}", f"W / {factor}"
    return "H'", "W'"


def _is_divided(unit: Unit, stride: Constant | None) -> bool:
    given, made = unit.node.input.size, unit.node.output.size
    if given is None or made is None or not isinstance(stride, int):
        return False
    return all(-(-a // stride) == b for a, b in zip(given, made, strict=True))
