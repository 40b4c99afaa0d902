"""The compilation: spec -> tree -> network -> counts -> files, each computed once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from archdsl.analyses.counts import Counts, Row, count
from archdsl.diagnostics import Diagnostic, Diagnostics, Note, SpecError
from archdsl.ir.family import Family
from archdsl.ir.network import ArgumentValue, Network
from archdsl.ir.rebuild import replace
from archdsl.limits import MAX_WORK
from archdsl.record import Record
from archdsl.recursion import deep_recursion
from archdsl.report.literal import written
from archdsl.semantics.declarations import check_declarations
from archdsl.semantics.elaborate import Elaborated, bind_network, elaborate
from archdsl.semantics.expects import Quantity, about, check_expect
from archdsl.semantics.values import Scope
from archdsl.source import SourceFile
from archdsl.suggest import did_you_mean
from archdsl.syntax import tree
from archdsl.syntax.files import SpecFile, link_text, load
from archdsl.syntax.parse import parse_expression

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from archdsl.analyses.deployed import Deployed
    from archdsl.emit.files import Files


class Compilation:
    """A network that a spec gave, what it costs, and the files that it becomes."""

    def __init__(self, elaborated: Elaborated, family: Callable[[], Family]) -> None:
        self.elaborated = elaborated
        self._family = family
        self.network: Network = elaborated.network
        self.warnings: tuple[Diagnostic, ...] = elaborated.warnings

    @cached_property
    @deep_recursion()
    def counts(self) -> Counts:
        """What the network holds and costs."""
        return count(self.network)

    @cached_property
    def rows(self) -> Mapping[str, Row]:
        """The rows of the table by name."""
        return {row.name: row for row in self.counts.parts}

    def other_counts(self, quantity: str) -> Iterator[tuple[str, int]]:
        """Yield what else a figure for this quantity could be, in words and numbers."""
        from archdsl.analyses.other_counts import other_counts

        return other_counts(self.network, self.counts, quantity)

    @property
    def name(self) -> str:
        """The default name of the output: the network and the arguments that are not defaults."""
        changed = [f"{name}{_as_name(value)}" for name, value in self._changed()]
        return "_".join((self.network.name, *changed))

    def class_name(self, name: str) -> str:
        """Return the name of the network's class: NAME in CapWords; `TensorNetwork` of `tensor`."""
        from archdsl.emit.python.names import Names
        from archdsl.ir.names import class_name

        return Names().unique_class(class_name(name), "Network")

    @deep_recursion()
    def files(self, name: str) -> dict[str, str]:
        """Return the text of `model.py`; of `train.py` and what it imports if there is a recipe."""
        return self.written(name).texts

    @deep_recursion()
    def written(self, name: str) -> "Files":
        """Return the files, and which arguments the network's class takes."""
        from archdsl.emit.files import render_files  # imports jinja2
        from archdsl.emit.prose.docstrings import Header

        header = Header(
            command=self.command(name),
            arguments=tuple((n, written(value)) for n, value in self.network.arguments),
            parameters=self.counts.sums.total,
            unshared=self.counts.sums.unshared,
        )
        return render_files(self.family, self.class_name(name), header)

    @cached_property
    def family(self) -> Family:
        """The network, and others of its spec that tell which arguments may be given."""
        return self._family()

    @cached_property
    def deployed(self) -> "Deployed":
        """The network as it is deployed."""
        from archdsl.analyses.deployed import deployed

        return deployed(self.network)

    @deep_recursion()
    def deployed_files(
        self,
        name: str,
        checkpoint: "str | Mapping[str, Tensor]",
        progress: Callable[[str], None] = lambda _: None,
    ) -> dict[str, str | bytes]:
        """Return `model.py` and `weights.safetensors` of the deployed network; import torch.

        `checkpoint` is the path of a file or a state. Raises OSError, and DeployError where it is
        not one of this network.
        """
        from archdsl.deploy.files import weights_file
        from archdsl.emit.deployed import render_deployed
        from archdsl.emit.prose.docstrings import Header

        weights = weights_file(self.network, self.deployed, checkpoint, progress)
        counts = count(self.deployed.network).sums
        header = Header(
            command=self.command(name, "deploy", "CHECKPOINT", "--out DIR"),
            arguments=tuple((n, written(value)) for n, value in self.network.arguments),
            parameters=counts.total,
            unshared=counts.unshared,
        )
        model = render_deployed(self.deployed, self.class_name(name), header)
        return {"model.py": model, "weights.safetensors": weights}

    def deploy(
        self,
        name: str,
        folder: "Path",
        checkpoint: "str | Mapping[str, Tensor]",
        progress: Callable[[str], None] = lambda _: None,
    ) -> "tuple[Path, ...]":
        """Write what `deployed_files` returns, both or neither; return the paths.

        Raises OSError, and DeployError where a `model.py` is there that was not deployed.
        """
        from archdsl.deploy.errors import DeployError
        from archdsl.write import read, write_files

        there = (read(folder / "model.py") or "").partition("\n")[0]
        if there and " as deployed, compiled by archdsl" not in there:
            message = f"{folder.as_posix()}/model.py is no deployed network; choose another folder"
            raise DeployError(message)
        found = self.deployed_files(name, checkpoint, progress)
        files = {folder / file: content for file, content in found.items()}
        progress("writing")
        write_files(files)
        return tuple(files)

    def command(self, name: str, verb: str = "compile", *more: str) -> str:
        """Return what to type to compile, or to deploy, this network again."""
        import shlex

        target = self.network.file
        if target.startswith("-"):
            target = f"./{target}"  # no option
        if self.elaborated.networks > 1:
            target = f"{target}:{self.network.name}"
        words = ["archdsl", verb, target, *(word for words in more for word in words.split())]
        for argument, value in self._changed():
            words += ["--set", f"{argument}={written(value)}"]
        if name != self.name:
            words += ["--name", name]
        return shlex.join(words)

    def _changed(self) -> Iterator[tuple[str, ArgumentValue]]:
        """Yield the arguments that are not defaults."""
        defaults = dict(self.network.defaults)
        for name, value in self.network.arguments:
            if name not in defaults or value != defaults[name]:
                yield name, value


class CheckReport(Record):
    """What `archdsl check` found right."""

    networks: int  # built
    expects: int  # that hold
    warnings: tuple[Diagnostic, ...]


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
    declarations = [_chosen(file, network)] if network else list(file.networks.values())
    found = Diagnostics()  # the same mistake in several networks is one
    check_declarations(file, found)
    networks, expects = 0, 0
    for declaration in declarations:
        if found.full or file.work.done > MAX_WORK:
            break
        built, held = _check_network(file, declaration, found, progress)
        networks, expects = networks + built, expects + held
    found.raise_if_errors()
    return CheckReport(networks, expects, found.found)


def split_target(target: str) -> tuple[str, str | None]:
    """Return the path and the network of `PATH:NETWORK`."""
    path, separator, network = target.rpartition(":")
    return (path, network) if separator and network.isidentifier() else (target, None)


@deep_recursion()
def _compile(
    file: SpecFile, network: str | None, arguments: Mapping[str, str], *, fold: bool = True
) -> Compilation:
    declaration = _chosen(file, network)
    given = {name: _literal(name, text) for name, text in arguments.items()}
    compilation = _compilation(
        file, declaration, given, elaborate(file, declaration, given, fold=fold)
    )
    wanted = compilation.network.arguments
    failed: list[Diagnostic] = []
    for expect in compilation.elaborated.expects:
        if _arguments(file, declaration, expect) == wanted:
            failed += _failed(expect, compilation)
    if failed:
        raise SpecError(failed)
    return compilation


def _compilation(
    file: SpecFile,
    declaration: tree.NetworkDeclaration,
    given: Mapping[str, tree.Argument],
    elaborated: Elaborated,
) -> Compilation:
    def family() -> Family:
        from archdsl.semantics.family import family_of

        return family_of(elaborated.network, file, declaration, given)

    return Compilation(elaborated, family)


def _literal(name: str, text: str) -> tree.Argument:
    return tree.Argument(None, parse_expression(SourceFile(f"--set {name}", text)))


def _chosen(file: SpecFile, network: str | None) -> tree.NetworkDeclaration:
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


# ---------------------------------------------------------------- expectations


def _arguments(
    file: SpecFile, declaration: tree.NetworkDeclaration, expect: tree.Expect
) -> tuple[tuple[str, ArgumentValue], ...]:
    given, _ = bind_network(declaration, about(expect), Scope(file))
    return tuple(given.items())


def _check_network(
    file: SpecFile,
    declaration: tree.NetworkDeclaration,
    found: Diagnostics,
    progress: Callable[[str], None],
) -> tuple[int, int]:
    """Return how many networks were built and how many expectations they had."""
    import json

    name = declaration.name.text
    expects = [item for item in declaration.body.items if isinstance(item, tree.Expect)]
    cases: dict[str, tuple[dict[str, tree.Argument], list[tree.Expect]]] = {}
    wanted: list[tree.Expect | None] = list(expects)
    if all(p.default is not None for p in declaration.parameters):
        wanted.insert(0, None)  # the network at its defaults, with no expectation
    for expect in wanted:
        if found.full or file.work.done > MAX_WORK:
            break
        try:
            given = about(expect) if expect is not None else {}
            key = json.dumps(bind_network(declaration, given, Scope(file))[0])
            about_it = cases.setdefault(key, (given, []))[1]
            about_it += [expect] if expect is not None else []
        except SpecError as error:
            found.extend(error.diagnostics)
    for key, (given, group) in cases.items():
        if found.full or file.work.done > MAX_WORK:
            break
        progress(f"{name} {key}")
        try:
            sizes = not found.has_errors  # else there is enough to do
            elaborated = elaborate(file, declaration, given, sizes=sizes)
            compilation = _compilation(file, declaration, given, elaborated)
        except SpecError as error:
            found.extend(_asked(error, group if given else ()))
            continue
        found.extend(compilation.warnings)
        for expect in group:
            found.extend(_failed(expect, compilation))
    return len(cases), len(expects)


def _asked(error: SpecError, group: Sequence[tree.Expect]) -> Iterator[Diagnostic]:
    """Yield the errors of a network with the `expect` that it was built for."""
    notes = tuple(Note("built for this `expect`", e.condition.span) for e in group[:1])
    for found in error.diagnostics:
        yield replace(found, notes=(*found.notes, *notes))


def _failed(expect: tree.Expect, compilation: Compilation) -> list[Diagnostic]:
    rows = compilation.rows

    def quantity(part: str | None, name: str) -> Quantity | None:
        if part is None:
            return _network_quantity(compilation, name)
        match name:
            case "output":
                return rows[part].output
            case "parameters":
                return rows[part].sums.total
            case _:
                return rows[part].sums.macs

    try:
        scope = compilation.elaborated.scope
        found = check_expect(expect, scope, quantity, rows, compilation.other_counts)
    except SpecError as error:
        return list(error.diagnostics)
    return [] if found is None else [found]


def _network_quantity(compilation: Compilation, name: str) -> Quantity:
    match name:
        case "parameters":
            return compilation.counts.sums.total
        case "convolutions":
            return compilation.counts.sums.conv_tensors
        case "input":
            return compilation.network.input.shape
        case "output":
            return compilation.network.output.shape
        case _:
            value = getattr(compilation.counts.sums, name)
            assert isinstance(value, int)
            return value


# ---------------------------------------------------------------- names


def _as_name(value: ArgumentValue) -> str:
    """Return an argument's value as part of a file name: `0.3` -> `0_3`, `[3, 3]` -> `3_3`."""
    match value:
        case bool():
            return "_true" if value else "_false"
        case int() | float():
            return repr(value).replace("-", "m").replace(".", "_").replace("+", "")
        case list():
            return "_".join(_as_name(item) for item in value)
        case dict():
            return "_".join(f"{k}_{_as_name(v)}" for k, v in value.items())
        case None:
            return "_none"
        case str():
            kept = "".join(c if c.isascii() and c.isalnum() else "_" for c in value)
            return f"_{kept}"
