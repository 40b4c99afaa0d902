"""The command `fit`: a spec and a budget in, the members that come nearest to it out."""

import argparse
import sys
from collections.abc import Mapping
from fractions import Fraction

from archdsl.analyses.fitted import Fitted
from archdsl.analyses.measures import are_closed, numbers_of, title_of
from archdsl.cli.commands import FAILED, OK, UsageError
from archdsl.cli.ranges import axis
from archdsl.cli.sweeping import column_of, settings
from archdsl.cli.terminal import fail
from archdsl.ir.network import Network
from archdsl.ir.numbers import Value
from archdsl.pipeline.compiling import compile_spec, family
from archdsl.pipeline.fitting import FitError, fit
from archdsl.pipeline.members import Members
from archdsl.report.document import to_json
from archdsl.report.fits import fit_document, fit_table, fit_text, off_by
from archdsl.report.literal import written
from archdsl.report.sweeps import plain
from archdsl.report.table import Format, show
from archdsl.source import SourceFile
from archdsl.suggest import did_you_mean
from archdsl.syntax import tree
from archdsl.syntax.parse import parse_expression

BUDGETS = ("parameters", "macs", "memory", "deployed_bits")


def fit_members(arguments: argparse.Namespace) -> int:
    """Print the nearest members; return the exit status. Raises UsageError, SpecError."""
    is_closed = arguments.memory is None and are_closed(_measures(arguments))
    members = family(arguments.spec, keeps_recipe=not is_closed)
    vary = [_varied(each, members) for each in arguments.vary]
    names = [name for name, _ in vary]
    settled = dict(settings(arguments.set))
    for name in names:
        if names.count(name) > 1 or name in settled:
            raise UsageError(f"`{name}` is varied, and said once more: take one off")
    wanted = _wanted(arguments)
    if arguments.match is not None:
        other = _other(arguments)
        names_ = _measures(arguments)
        wanted |= dict(zip(names_, numbers_of(other, names_, arguments.batch), strict=True))
        # what both have is the same in both
        shared = {n: written(v) for n, v in other.arguments if n in members.names}
        settled = {n: text for n, text in shared.items() if n not in names} | settled
    if not wanted:
        raise UsageError("nothing is wanted: write `--parameters 5.85e6`, or `--match SPEC`")
    for name, goal in wanted.items():
        if goal < 1:
            raise UsageError(f"the other network has no {title_of(name)} to match")
    members = members.changed(_chosen(settled, members))
    try:
        found = fit(members, dict(vary), wanted, arguments.top or 5, arguments.batch)
    except FitError as error:
        return fail(str(error), FAILED)
    _print(found, arguments.format)
    return _within(found, arguments.within)


def _varied(text: str, members: Members) -> tuple[str, tuple[Value | bool, ...]]:
    """Return an argument that varies, and its values where they are given."""
    name, equals, values = (each.strip() for each in text.partition("="))
    if not equals:
        if name not in members.names:
            hint = did_you_mean(name, members.names)
            message = f"network `{members.name}` has no parameter `{name}`"
            raise UsageError(f"{message}; {hint}" if hint else message)
        return name, ()
    numbers = axis(name, values, members).numbers
    if not numbers:
        raise UsageError(f"`{text}`: what varies is a number, or true or false")
    return name, numbers


def _wanted(arguments: argparse.Namespace) -> dict[str, int]:
    """Return the numbers that are given, by measure."""
    given = {name: getattr(arguments, name) for name in BUDGETS}
    return {name: goal for name, goal in given.items() if goal is not None}


def _measures(arguments: argparse.Namespace) -> tuple[str, ...]:
    return tuple(map(column_of, arguments.columns or ("parameters",)))


def _other(arguments: argparse.Namespace) -> Network:
    """Return the network that is to be matched."""
    chosen = dict(settings(arguments.match_set))
    return compile_spec(arguments.match, arguments=chosen).network


def _chosen(texts: Mapping[str, str], members: Members) -> dict[str, tree.Expression]:
    """Return arguments that are set; raise UsageError, SpecError."""
    return {
        name: members.expression(axis(name, text, members).values[0])
        if not _is_list(text)
        else parse_expression(SourceFile(f"--set {name}", text))
        for name, text in texts.items()
    }


def _is_list(text: str) -> bool:
    return text.startswith("[")


def _print(found: Fitted, format: str) -> None:
    match format:
        case "json":
            text = to_json(fit_document(found))
        case "text":
            text = fit_text(found)
        case _:
            text = show(fit_table(found), Format(format))
    sys.stdout.write(text)


def _within(found: Fitted, percent: Fraction | None) -> int:
    """Return the exit status; say which members are nearest where none is near enough."""
    nearest = found.members[0]
    if percent is None or 100 * nearest.error <= percent:
        return OK
    pairs = zip(found.varied, map(plain, nearest.values), strict=True)
    said = ", ".join(f"{name} = {value}" for name, value in pairs)
    bound = f"{float(percent):g} %"
    message = f"no member is within {bound}: the nearest is {said}, {off_by(found, nearest)}"
    return fail(message, FAILED)
