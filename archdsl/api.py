"""archdsl from Python: `archdsl.compile("wrn.arch", depth=40, k=4).build()`."""

import builtins
import linecache
import sys
from collections.abc import Mapping
from os import PathLike, fspath
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast
from zlib import crc32

from archdsl.analyses.tensors import Entry, entries
from archdsl.ir.network import ArgumentValue
from archdsl.pipeline import Compilation, compile_spec
from archdsl.recursion import deep_recursion
from archdsl.report.document import Report, to_json
from archdsl.report.literal import written
from archdsl.report.phases import phases_table, phases_text
from archdsl.report.table import Format, show
from archdsl.report.tables import counts_table, heading, sizes, summary

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from archdsl.report.memory import MemoryReport
    from archdsl.symbolic import SymbolicNetwork


class CompiledNetwork:
    """A compiled network: its numbers as in the JSON object, its table as text, its module."""

    def __init__(self, compilation: Compilation) -> None:
        self.compilation = compilation
        self.report: Report = compilation.report
        self.name = compilation.name
        self.arguments = self.report.arguments
        self.input = self.report.input
        self.output = self.report.output
        self.inputs = self.report.inputs
        self.outputs = self.report.outputs
        self.parameters = self.report.parameters
        self.buffers = self.report.buffers
        self.convolutions = self.report.convolutions
        self.macs = self.report.macs
        self.training_macs = self.report.training_macs
        self.deployed_bits = self.report.deployed_bits
        self.parts = self.report.parts

    def __repr__(self) -> str:
        return (
            f"<{heading(self.compilation.network).strip()}, {self.parameters.total:,} parameters>"
        )

    def __str__(self) -> str:
        counts = self.compilation.counts
        table = show(counts_table(counts.parts, "part"), Format.TEXT)
        pieces = (heading(self.compilation.network), table, self._summary())
        return "\n".join((*pieces, *phases_text(self.report)))

    @property
    def phases(self) -> "tuple[CompiledNetwork, ...]":
        """The networks that this one is while it grows, the last one its whole; else none.

        Each is a member of the family, whose counts say what is fixed in its phase.
        """
        return tuple(CompiledNetwork(phase) for phase in self.compilation.phases)

    def _summary(self) -> str:
        compilation = self.compilation
        return summary(compilation.counts.sums) + sizes(compilation.network)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print the table where IPython has a terminal and no page."""
        assert not cycle
        printer.text(str(self))

    def _repr_html_(self) -> str:
        """Return the table as a notebook shows it; `$` is no mathematics there."""
        from html import escape

        counts = self.compilation.counts
        table = show(counts_table(counts.parts, "part"), Format.HTML)
        lines = (escape(line) for line in self._summary().splitlines())
        title = escape(heading(self.compilation.network).strip())
        phases = show(phases_table(self.report.phases), Format.HTML) if self.report.phases else ""
        return (
            '<div class="tex2jax_ignore mathjax_ignore">\n'
            f"<p><code>{title}</code></p>\n{table}<p>{'<br>'.join(lines)}</p>\n{phases}</div>\n"
        )

    def symbolic(self, *names: str) -> "SymbolicNetwork":
        """Return what the network's family costs as exact polynomials of some arguments.

        The other arguments are as here. Raises ValueError where there is no closed form.
        """
        from archdsl.pipeline.closed import SymbolicError
        from archdsl.symbolic import SymbolicNetwork

        try:
            return SymbolicNetwork(self.compilation.symbolic(names))
        except SymbolicError as error:
            raise ValueError(str(error)) from None

    def tensors(self) -> tuple[Entry, ...]:
        """Return the entries of `state_dict`, in order."""
        return tuple(entries(self.compilation.network))

    def memory(
        self,
        batch: int | None = None,
        precision: str = "float32",
        device: str | None = None,
        by: str = "part",
    ) -> "MemoryReport":
        """Return what a training step takes of memory, in bytes, and a forward pass of time.

        `batch` is by default that of the recipe, else 1; `precision` is "float32" or "bfloat16", as
        autocast has it; `device` a name or numbers as for `archdsl params --device`; `rows` of what
        is returned are those of the table by "part", "block" or "layer". Raises ValueError.
        """
        from archdsl.analyses.memory.devices import device_of
        from archdsl.analyses.memory.tape import Precision
        from archdsl.limits import MAX_BATCH
        from archdsl.pipeline.measuring import measured

        if batch is not None and not 1 <= batch <= MAX_BATCH:
            message = f"a batch is 1 to {MAX_BATCH:,}, not {batch:,}"
            raise ValueError(message)
        if by not in ("part", "block", "layer"):
            message = f"rows are by part, block or layer, not by {by}"
            raise ValueError(message)
        found = None if device is None else device_of(device)
        return measured(
            self.compilation, batch=batch, precision=Precision(precision), device=found, by=by
        ).report

    def to_json(self) -> str:
        """Return the object that `archdsl params --format json` prints."""
        return to_json(self.report)

    def files(self) -> Mapping[str, str]:
        """Return the text of `model.py`; of `train.py` and what it imports if there is a recipe."""
        return self.compilation.files(self.name)

    @deep_recursion()
    def build(self) -> "nn.Module":
        """Return the network as a new module with fresh weights; this imports torch.

        The class is the generated one. It lives in a module of this process, so a whole instance
        can be copied and pickled here but unpickled elsewhere only from its `state_dict`.
        """
        module = _load(f"archdsl_{self.name}", self.files()["model.py"])
        network = getattr(module, self.compilation.class_name(self.name))
        return cast("nn.Module", network())

    def deploy(
        self,
        checkpoint: "str | PathLike[str] | Mapping[str, Tensor]",
        out: str | PathLike[str],
        name: str | None = None,
    ) -> "Path":
        """Write `model.py` and `weights.safetensors` of the deployed network; return their folder.

        `checkpoint` is a trained state or the path of one, as for `archdsl deploy`, and the folder
        is `out/name`. Raises OSError, and DeployError where the state is not of this network.
        """
        from pathlib import Path

        name = name or self.name
        given = fspath(checkpoint) if isinstance(checkpoint, str | PathLike) else checkpoint
        folder = Path(out) / name
        self.compilation.deploy(name, folder, given)
        return folder


def compile(spec: str | PathLike[str], /, **arguments: ArgumentValue) -> CompiledNetwork:  # noqa: A001
    """Compile a spec, `PATH` or `PATH:NETWORK`, with these arguments of its network.

    A str is text of the language, as after `--set`: `"bottleneck"` is a block, `'"same"'` a string.
    Raises SpecError with everything that is wrong with it.
    """
    texts = {name: written(value) for name, value in arguments.items()}
    return CompiledNetwork(compile_spec(fspath(spec), arguments=texts))


def _load(name: str, source: str) -> ModuleType:
    """Return the module of a source text, the same one for the same text.

    It is registered under its name, which pickling needs, and its lines are kept for tracebacks
    and for tools that read the source of what they compile.
    """
    name = f"{name}_{crc32(source.encode()):08x}"
    if name in sys.modules:
        return sys.modules[name]
    module, path = ModuleType(name), f"<{name}>"
    module.__file__ = path
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    exec(builtins.compile(source, path, "exec"), module.__dict__)  # noqa: S102 - emit's own text
    sys.modules[name] = module
    return module
