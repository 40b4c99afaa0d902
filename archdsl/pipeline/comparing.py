"""Networks that are compared: of files, of text, whether what their specs expect holds or not."""

from collections.abc import Mapping
from pathlib import Path

from archdsl.analyses.differences import NetworkDifference, difference
from archdsl.analyses.tensors import entries
from archdsl.pipeline.compilation import Compilation
from archdsl.pipeline.compiling import arguments_of, built, chosen
from archdsl.recursion import deep_recursion
from archdsl.report.tables import rows
from archdsl.semantics.elaborate import elaborate
from archdsl.syntax.files import link_text, load


@deep_recursion()
def compared(
    target: str, network: str | None, arguments: Mapping[str, str], text: str | None, folder: str
) -> Compilation:
    """Compile a spec of a file, or of a text whose imports are in a folder; raise SpecError.

    An `expect` that does not hold is no error: a change of the network is what is looked at.
    """
    file = load(target) if text is None else link_text(text, Path(target).name, folder)
    declaration = chosen(file, network)
    given = arguments_of(arguments)
    return built(file, declaration, given, elaborate(file, declaration, given))


def differing(old: Compilation, new: Compilation, by: str) -> NetworkDifference:
    """Return what differs between two networks, with rows by "part", "block" or "layer"."""
    return difference(
        rows(old.network, old.counts, by),
        rows(new.network, new.counts, by),
        entries(old.network),
        entries(new.network),
    )
