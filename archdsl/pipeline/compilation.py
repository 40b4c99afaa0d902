"""A network that a spec gave: what it costs, and the files that it becomes; each computed once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from archdsl.analyses.counts import Counts, Row, add, count
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir.family import Family
from archdsl.ir.network import ArgumentValue, Network
from archdsl.ir.rebuild import replace
from archdsl.recursion import deep_recursion
from archdsl.report.literal import written
from archdsl.semantics.elaborate import Elaborated
from archdsl.source import Span

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from archdsl.analyses.closed.cases import ClosedForms
    from archdsl.analyses.deployed import Deployed
    from archdsl.analyses.growth.growing import GrowingNetwork
    from archdsl.emit.files import Files
    from archdsl.pipeline.members import Members
    from archdsl.report.document import Report


class Compilation:
    """A network that a spec gave, what it costs, and the files that it becomes."""

    def __init__(
        self,
        elaborated: Elaborated,
        family: Callable[[], Family],
        network: Network | None = None,
        growing: "GrowingNetwork | None" = None,
        phases: "tuple[Compilation, ...]" = (),
        among: "GrowingNetwork | None" = None,
        members: "Callable[[], Members] | None" = None,
    ) -> None:
        """Take a network, and how to build the others of its family: `members` are all of them.

        `network` is it with what is fixed in its phase. Of one that grows, `phases` are the members
        of its family that it grows through; of one of those, `among` is what grows.
        """
        self.elaborated = elaborated
        self._family = family
        self._members = members
        self.growing = growing
        self.phases = phases
        self.among = growing or among  # what the network is a phase of
        self.network: Network = network or elaborated.network
        self.warnings: tuple[Diagnostic, ...] = elaborated.warnings

    @cached_property
    @deep_recursion()
    def counts(self) -> Counts:
        """What the network holds and costs."""
        return count(self.network)

    def phase(self, number: int, span: Span | None = None) -> "Compilation":
        """Return one of the phases; raise SpecError, with a place of the spec, if there is none."""
        if 0 <= number < len(self.phases):
            return self.phases[number]
        message = f"there is no phase {number}: this network does not grow"
        help_ = "write `grow NAME = [..]` in it, and set no argument that grows"
        if self.phases:
            message = f"there is no phase {number}: phases are 0 to {len(self.phases) - 1}"
            help_ = f"phase {len(self.phases) - 1} is the network at its defaults"
        raise SpecError([Diagnostic(code="E809", message=message, span=span, help=help_)])

    @cached_property
    def report(self) -> "Report":
        """The network's numbers, and those of its phases."""
        from archdsl.report.document import report

        network, counts, warnings = self.network, self.counts, self.warnings
        if self.growing is None:
            return report(network, counts, warnings)
        from archdsl.report.phases import growth_report, phase_reports

        members = ((phase.network, phase.counts) for phase in self.phases)
        rows = phase_reports(self.growing.phases, members)
        return report(network, counts, warnings, rows, growth_report(network, rows))

    @cached_property
    def rows(self) -> Mapping[str, Row]:
        """The rows of the table by name; those of one name, as of a shared module, added up."""
        rows: dict[str, Row] = {}
        for row in self.counts.parts:
            found = rows.get(row.name)
            sums = row.sums if found is None else add((found.sums, row.sums))
            rows[row.name] = replace(row, sums=sums)
        return rows

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
            spec=self._location,
            command=self.command(name),
            arguments=tuple((n, written(value)) for n, value in self.network.arguments),
            parameters=self.counts.sums.total,
            unshared=self.counts.sums.unshared,
            grown=self.growing.phases.names if self.growing is not None else (),
            phases=self._phase_lines(),
        )
        return render_files(self.family, self.class_name(name), header, self.growing)

    def _phase_lines(self) -> tuple[str, ...]:
        """Return the table of the phases as lines."""
        if self.growing is None:
            return ()
        from archdsl.report.phases import phases_table
        from archdsl.report.table import Format, show

        return tuple(show(phases_table(self.report.phases), Format.TEXT).splitlines())

    @cached_property
    def family(self) -> Family:
        """The network, and others of its spec that tell which arguments may be given."""
        return self._family()

    @cached_property
    def members(self) -> "Members":
        """The members of the network's family, at any arguments; not of a phase of one."""
        assert self._members is not None, "a phase is a member itself"
        return self._members()

    def symbolic(self, names: Sequence[str]) -> "ClosedForms":
        """Return what the network's family costs as closed forms in some arguments.

        The other arguments are as here. Raises SymbolicError.
        """
        from archdsl.pipeline.closed import closed_forms

        return closed_forms(self.members, names)

    @cached_property
    def deployed(self) -> "Deployed":
        """The network as it is deployed."""
        from archdsl.analyses.deployed import deployed

        return deployed(self.elaborated.network)

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

        network = self.elaborated.network
        weights = weights_file(network, self.deployed, checkpoint, progress, self.among)
        counts = count(self.deployed.network).sums
        header = Header(
            spec=self._location,
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

        target = self._location
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

    @cached_property
    def _location(self) -> str:
        """The path of the spec in its project."""
        from archdsl.pipeline.location import location

        return location(self.network.file)

    def _changed(self) -> Iterator[tuple[str, ArgumentValue]]:
        """Yield the arguments that are not defaults."""
        defaults = dict(self.network.defaults)
        for name, value in self.network.arguments:
            if name not in defaults or value != defaults[name]:
                yield name, value


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
