"""`grow width = [4, 8, 16]`: which members of its family a network is, phase by phase."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from archdsl.diagnostics import Diagnostic, Diagnostics, Note
from archdsl.ir.network import Phases
from archdsl.ir.numbers import Number, Value
from archdsl.ir.showing import show_value
from archdsl.limits import MAX_PHASES
from archdsl.semantics.checks import fail
from archdsl.semantics.evaluate import evaluate
from archdsl.semantics.values import ListValue, Scope, type_name
from archdsl.source import Span
from archdsl.suggest import did_you_mean
from archdsl.syntax import tree

PHASE = "phase"  # what generated classes and an `expect` call the number of a phase


def read_phases(
    item: tree.Grow,
    declaration: tree.NetworkDeclaration,
    arguments: Mapping[str, tree.Argument],
    scope: Scope,
) -> Phases | None:
    """Return the phases that `grow` means; raise SpecError.

    None where an argument that would grow is given: then the network is that member of its family.
    `scope` has the network's arguments.
    """
    _check_names(item, declaration)
    if is_member(declaration, arguments):
        return None
    columns = [_column(growing, declaration, scope) for growing in item.growing]
    _check_lengths(item, columns)
    phases = tuple(zip(*columns, strict=True))
    names = tuple(growing.name.text for growing in item.growing)
    for number, (before, after) in enumerate(pairwise(phases), 1):
        if before == after:
            said = ", ".join(f"{n} = {show_value(v)}" for n, v in zip(names, after, strict=True))
            message = f"phase {number} is phase {number - 1} again: {said}"
            fail("E802", message, item.growing[0].values.span, "leave it out")
    return Phases(names=names, values=phases, nested=item.nested, span=item.span)


def check_grown(
    spans: Sequence[Span], declaration: tree.NetworkDeclaration, diagnostics: Diagnostics
) -> None:
    """Report each `freeze(grown)` of a network that has no `grow`."""
    name = declaration.name
    for span in spans:
        message = f"network `{name.text}` does not grow, so nothing here is from before a growth"
        help_ = "write `grow NAME = [..]` in the network, or `freeze` for what never learns"
        notes = (Note("it is declared here", name.span),)
        found = Diagnostic(code="E807", message=message, span=span, help=help_, notes=notes)
        diagnostics.add(found)


def is_member(declaration: tree.NetworkDeclaration, arguments: Mapping[str, tree.Argument]) -> bool:
    """Say whether an argument is given that would grow."""
    grows = [item for item in declaration.body.items if isinstance(item, tree.Grow)]
    return any(growing.name.text in arguments for item in grows for growing in item.growing)


def _check_names(item: tree.Grow, declaration: tree.NetworkDeclaration) -> None:
    known = {parameter.name.text: parameter for parameter in declaration.parameters}
    seen: dict[str, tree.Name] = {}
    for growing in item.growing:
        name = growing.name
        if name.text not in known:
            message = f"`grow` is of parameters, and network `{declaration.name.text}` has no"
            note = Note("its parameters are declared here", declaration.name.span)
            help_ = did_you_mean(name.text, known) or (
                f"declare it: `network {declaration.name.text}({name.text} = ..)`"
            )
            fail("E801", f"{message} `{name.text}`", name.span, help_, (note,))
        if name.text in seen:
            note = Note("the first list is here", seen[name.text].span)
            fail("E801", f"`{name.text}` grows twice", name.span, notes=(note,))
        seen[name.text] = name
        if known[name.text].default is None:
            message = f"`{name.text}` has no default, which is its last phase"
            note = Note("it is declared here", known[name.text].name.span)
            help_ = f"write `{name.text} = 16` there, where the list ends in 16"
            fail("E802", message, name.span, help_, (note,))
    if PHASE in known:
        message = "a growing network has phases by number, and so no parameter `phase`"
        note = Note("it grows here", item.span)
        fail("E801", message, known[PHASE].name.span, "rename the parameter", (note,))


def _column(
    growing: tree.Growing, declaration: tree.NetworkDeclaration, scope: Scope
) -> tuple[Value, ...]:
    """Return the values of an argument, phase by phase."""
    name, node = growing.name.text, growing.values
    value = evaluate(node, scope)
    if not isinstance(value, ListValue):
        help_ = f"write `grow {name} = [4, 8, 16]`"
        fail("E302", f"`grow` takes a list, not {type_name(value)}", node.span, help_)
    found = [_number(item, name, node) for item in value.items]
    if not 2 <= len(found) <= MAX_PHASES:
        message = f"a network that grows has 2 to {MAX_PHASES} phases, not {len(found)}"
        help_ = f"list them, the default last: `grow {name} = [4, 8, 16]`"
        fail("E802", message, node.span, help_)
    for before, after in pairwise(found):
        if after < before:
            message = f"`{name}` falls from {show_value(before)} to {show_value(after)}"
            help_ = "a phase holds all of the one before it: let the list rise"
            fail("E802", message, node.span, help_)
    _check_end(growing, found[-1], declaration, scope)
    return tuple(found)


def _number(value: object, name: str, node: tree.Expression) -> Value:
    if not isinstance(value, Number):
        help_ = f"write `grow {name} = [4, 8, 16]`"
        fail("E302", f"`{name}` grows by numbers", node.span, help_)
    return value.value


def _check_end(
    growing: tree.Growing, last: Value, declaration: tree.NetworkDeclaration, scope: Scope
) -> None:
    """Raise SpecError where a list does not end in the default."""
    name = growing.name.text
    default = scope.find(name)
    if isinstance(default, Number) and default.value == last:
        return
    parameter = next(p for p in declaration.parameters if p.name.text == name)
    said = f" {show_value(default.value)}" if isinstance(default, Number) else ""
    message = f"the last phase is the network at its defaults: `{name}` ends in {show_value(last)}"
    note = Note(f"its default is{said} here", parameter.name.span)
    help_ = f"let the list end in{said}, or write `{name} = {show_value(last)}` here"
    fail("E802", message, growing.values.span, help_ if said else None, (note,))


def _check_lengths(item: tree.Grow, columns: list[tuple[Value, ...]]) -> None:
    for growing, column in zip(item.growing[1:], columns[1:], strict=True):
        if len(column) != len(columns[0]):
            first = item.growing[0]
            message = f"`{growing.name.text}` has {len(column)} phases"
            note = Note(f"`{first.name.text}` has {len(columns[0])}", first.values.span)
            help_ = "give both as many values; one may stay the same from a phase to the next"
            fail("E802", message, growing.values.span, help_, (note,))
