"""Compiles a spec: its text, the arguments of a network, and the phases of one that grows."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from archdsl.diagnostics import Diagnostic, Note, SpecError
from archdsl.ir.family import Family
from archdsl.ir.network import Phases
from archdsl.ir.rebuild import replace
from archdsl.ir.showing import show_value
from archdsl.pipeline.compilation import Compilation
from archdsl.pipeline.expectations import failed, subject
from archdsl.recursion import deep_recursion
from archdsl.semantics.elaborate import Elaborated, elaborate
from archdsl.source import SourceFile
from archdsl.suggest import did_you_mean
from archdsl.syntax import tree
from archdsl.syntax.files import SpecFile, link_text, load
from archdsl.syntax.parse import parse_expression

if TYPE_CHECKING:
    from archdsl.pipeline.members import Members


def compile_spec(
    path: str, network: str | None = None, arguments: Mapping[str, str] | None = None
) -> Compilation:
    """Compile the network of a spec, PATH or PATH:NETWORK; raise SpecError.

    Values of `arguments` are literals of the language. Every `expect` about exactly these
    arguments must hold.
    """
    path, named = split_target(path)
    return _compile(load(path), network or named, arguments or {})


def compile_text(
    text: str,
    network: str | None = None,
    arguments: Mapping[str, str] | None = None,
    *,
    name: str = "<text>",
    folder: str | None = None,
    fold: bool = True,
) -> Compilation:
    """Compile a spec that is not in a file but as if it were in this folder; raise SpecError.

    `name` is what diagnostics call it. Without a folder it imports nothing.
    """
    file = link_text(text, name, folder)
    return _compile(file, network, arguments or {}, fold=fold)


def split_target(target: str) -> tuple[str, str | None]:
    """Return the path and the network of `PATH:NETWORK`."""
    path, separator, network = target.rpartition(":")
    return (path, network) if separator and network.isidentifier() else (target, None)


@deep_recursion()
def _compile(
    file: SpecFile, network: str | None, arguments: Mapping[str, str], *, fold: bool = True
) -> Compilation:
    declaration = chosen(file, network)
    given = arguments_of(arguments)
    elaborated = elaborate(file, declaration, given, fold=fold)
    compilation = built(file, declaration, given, elaborated, fold=fold)
    wanted = compilation.network.arguments
    wrong: list[Diagnostic] = []
    for expect in compilation.elaborated.expects:
        about = subject(file, declaration, expect)
        if about.arguments == wanted:
            wrong += failed(expect, compilation, about)
    if wrong:
        raise SpecError(wrong)
    return compilation


def built(
    file: SpecFile,
    declaration: tree.NetworkDeclaration,
    given: Mapping[str, tree.Argument],
    elaborated: Elaborated,
    *,
    fold: bool = True,
) -> Compilation:
    """Return the compilation of a network, with those of its phases where it grows."""
    family = partial(_family, file, declaration, given, elaborated)
    phases = elaborated.network.phases
    family_members = partial(_members, file, declaration, given, elaborated)
    if phases is None:
        return Compilation(elaborated, family, members=family_members)
    from archdsl.analyses.growth.growing import growing

    arguments = [{**given, **_of_phase(phases, phase)} for phase in range(len(phases.values))]
    members = [_member(file, declaration, each, phases, fold=fold) for each in arguments[:-1]]
    found = growing([*(m.network for m in members), elaborated.network], phases)
    every = zip(arguments, (*members, _last(elaborated)), found.networks, strict=True)
    compilations = tuple(
        Compilation(member, partial(_family, file, declaration, each, member), network, among=found)
        for each, member, network in every
    )
    last = found.networks[-1]
    return Compilation(elaborated, family, last, found, compilations, members=family_members)


def _family(
    file: SpecFile,
    declaration: tree.NetworkDeclaration,
    given: Mapping[str, tree.Argument],
    elaborated: Elaborated,
) -> Family:
    from archdsl.semantics.family import family_of

    return family_of(elaborated.network, file, declaration, given)


def _members(
    file: SpecFile,
    declaration: tree.NetworkDeclaration,
    given: Mapping[str, tree.Argument],
    elaborated: Elaborated,
) -> "Members":
    from archdsl.pipeline.members import Members

    return Members(file, declaration, given, elaborated.network)


def family(target: str, network: str | None = None, *, keeps_recipe: bool = False) -> "Members":
    """Return the members of the family of a spec, PATH or PATH:NETWORK; raise SpecError.

    They have no recipe unless they are to keep it.
    """
    from archdsl.pipeline.members import Members

    path, named = split_target(target)
    file = load(path)
    declaration = chosen(file, network or named)
    return Members(file, declaration, {}, keeps_recipe=keeps_recipe)


def _last(elaborated: Elaborated) -> Elaborated:
    """Return the last phase as the member of the family that it is."""
    return replace(elaborated, network=replace(elaborated.network, phases=None))


def _of_phase(phases: Phases, phase: int) -> dict[str, tree.Argument]:
    values = zip(phases.names, phases.values[phase], strict=True)
    return {name: _literal(name, show_value(value)) for name, value in values}


def _member(
    file: SpecFile,
    declaration: tree.NetworkDeclaration,
    given: Mapping[str, tree.Argument],
    phases: Phases,
    *,
    fold: bool,
) -> Elaborated:
    """Return a phase as a member of its family; raise SpecError, which says that it is one."""
    try:
        return elaborate(file, declaration, given, fold=fold, is_phase=True)
    except SpecError as error:
        note = Note("the network grows here, and this is of an earlier phase", phases.span)
        raise SpecError(_with_note(error.diagnostics, note)) from None


def _with_note(diagnostics: Sequence[Diagnostic], note: Note) -> list[Diagnostic]:
    return [replace(found, notes=(*found.notes, note)) for found in diagnostics]


def arguments_of(arguments: Mapping[str, str]) -> dict[str, tree.Argument]:
    """Return arguments that are given as text of the language; raise SpecError."""
    return {name: _literal(name, text) for name, text in arguments.items()}


def _literal(name: str, text: str) -> tree.Argument:
    return tree.Argument(None, parse_expression(SourceFile(f"--set {name}", text)))


def chosen(file: SpecFile, network: str | None) -> tree.NetworkDeclaration:
    """Return the network of this name, or the only one; raise SpecError."""
    known = list(file.networks)
    if network is None and len(known) == 1:
        return file.networks[known[0]]
    if network is None:
        some = ", ".join(f"`{n}`" for n in known) or "none"
        help_ = f"write `{file.name}:{known[0]}`" if known else "declare `network name { .. }`"
        message = f"`{file.name}` must have one network, or say which; it has {some}"
        raise SpecError([Diagnostic(code="E204", message=message, help=help_)])
    if network not in file.networks:
        message = f"`{file.name}` has no network `{network}`"
        raise SpecError(
            [Diagnostic(code="E204", message=message, help=did_you_mean(network, known))]
        )
    return file.networks[network]
