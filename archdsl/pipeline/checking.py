"""Checks a spec: each network at its defaults and at all that its `expect`s are about."""

import json
from collections.abc import Callable, Iterator, Sequence

from archdsl.diagnostics import Diagnostic, Diagnostics, Note, SpecError
from archdsl.ir.rebuild import replace
from archdsl.limits import MAX_WORK
from archdsl.pipeline.compiling import built, chosen, split_target
from archdsl.pipeline.expectations import Subject, failed, subject
from archdsl.record import Record
from archdsl.recursion import deep_recursion
from archdsl.semantics.declarations import check_declarations
from archdsl.semantics.elaborate import elaborate
from archdsl.syntax import tree
from archdsl.syntax.files import SpecFile, load


class CheckReport(Record):
    """What `archdsl check` found right."""

    networks: int  # built
    expects: int  # that hold
    warnings: tuple[Diagnostic, ...]


def check_spec(
    path: str, network: str | None = None, progress: Callable[[str], None] = lambda _: None
) -> CheckReport:
    """Build each network of a spec at its defaults and at what its `expect`s are about.

    Raises SpecError.
    """
    path, named = split_target(path)
    return check_file(load(path), network or named, progress)


@deep_recursion()
def check_file(
    file: SpecFile, network: str | None = None, progress: Callable[[str], None] = lambda _: None
) -> CheckReport:
    """Do what `check_spec` does for a file that is loaded."""
    declarations = [chosen(file, network)] if network else list(file.networks.values())
    found = Diagnostics()  # the same mistake in several networks is one
    check_declarations(file, found)
    networks, expects = 0, 0
    for declaration in declarations:
        if found.full or file.work.done > MAX_WORK:
            break
        built_, held = _check_network(file, declaration, found, progress)
        networks, expects = networks + built_, expects + held
    found.raise_if_errors()
    return CheckReport(networks, expects, found.found)


class _Case:
    """A network that is to be built, and the expectations about it."""

    def __init__(self, about: Subject) -> None:
        self.about = about
        self.expects: list[tuple[tree.Expect, Subject]] = []


def _check_network(
    file: SpecFile,
    declaration: tree.NetworkDeclaration,
    found: Diagnostics,
    progress: Callable[[str], None],
) -> tuple[int, int]:
    """Return how many networks were built and how many expectations they had."""
    expects = [item for item in declaration.body.items if isinstance(item, tree.Expect)]
    cases = _cases(file, declaration, expects, found)
    for key, case in cases.items():
        if found.full or file.work.done > MAX_WORK:
            break
        progress(f"{declaration.name.text} {key}")
        try:
            sizes = not found.has_errors  # else there is enough to do
            given = case.about.given
            elaborated = elaborate(file, declaration, given, sizes=sizes)
            compilation = built(file, declaration, given, elaborated)
        except SpecError as error:
            about = [expect for expect, _ in case.expects]
            found.extend(_asked(error, about if case.about.given else ()))
            continue
        found.extend(compilation.warnings)
        for expect, about in case.expects:
            found.extend(failed(expect, compilation, about))
    return len(cases), len(expects)


def _cases(
    file: SpecFile,
    declaration: tree.NetworkDeclaration,
    expects: Sequence[tree.Expect],
    found: Diagnostics,
) -> dict[str, _Case]:
    """Return the networks to build by their arguments."""
    cases: dict[str, _Case] = {}
    wanted: list[tree.Expect | None] = list(expects)
    if all(p.default is not None for p in declaration.parameters):
        wanted.insert(0, None)  # the network at its defaults, with no expectation
    for expect in wanted:
        if found.full or file.work.done > MAX_WORK:
            break
        try:
            about = subject(file, declaration, expect)
            key = json.dumps(dict(about.arguments))
            case = cases.setdefault(key, _Case(about))
            case.expects += [] if expect is None else [(expect, about)]
        except SpecError as error:
            found.extend(error.diagnostics)
    return cases


def _asked(error: SpecError, group: Sequence[tree.Expect]) -> Iterator[Diagnostic]:
    """Yield the errors of a network with the `expect` that it was built for."""
    notes = tuple(Note("built for this `expect`", e.condition.span) for e in group[:1])
    for found in error.diagnostics:
        yield replace(found, notes=(*found.notes, *notes))
