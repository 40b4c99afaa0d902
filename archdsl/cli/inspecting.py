"""The command `inspect`: a spec and checkpoints in, what they hold by layer out."""

import argparse
import sys
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path

from archdsl.analyses.weights import KeptLayer, Measured, kept_layers
from archdsl.cli.terminal import progress
from archdsl.deploy.checkpoint import check_size
from archdsl.deploy.errors import DeployError
from archdsl.deploy.measuring import measure
from archdsl.ir.network import Network
from archdsl.pipeline import Compilation
from archdsl.report.document import to_json
from archdsl.report.table import Format, show
from archdsl.report.tables import heading
from archdsl.report.weights import ASCII, BLOCKS, said, weights_document, weights_table
from archdsl.report.weights_plot import MAX_PANELS, can_plot, panels, plot
from archdsl.write import write_files


def inspect_checkpoints(compilation: Compilation, arguments: argparse.Namespace) -> None:
    """Print what checkpoints hold, and plot it; raise OSError, DeployError before anything."""
    network = compilation.network
    check_size(network, "inspected")
    layers = _chosen(network, arguments.layer)
    if arguments.plot is not None and find_spec("matplotlib") is None:
        raise DeployError("plots need matplotlib: pip install 'archdsl[plots]'")
    with progress() as say:
        found = [
            list(measure(network, layers, path, say, compilation.among))
            for path in arguments.checkpoints
        ]
    # the rows of a tensor stand beside each other
    rows = [row for beside in zip(*found, strict=True) for row in beside]
    if arguments.plot is not None:
        write_files({Path(arguments.plot): _plotted(rows)})
    _print(network, rows, arguments.format)


def _chosen(network: Network, pattern: str | None) -> list[KeptLayer]:
    layers = list(kept_layers(network))
    if pattern is None:
        return layers
    chosen = [layer for layer in layers if fnmatchcase(layer.name, pattern)]
    if not chosen:
        raise DeployError(
            f"no layer of `{network.name}` that keeps tensors is named `{pattern}`; "
            "`archdsl params --tensors` lists them"
        )
    return chosen


def _plotted(rows: list[Measured]) -> bytes:
    if not can_plot(rows):
        raise DeployError("there is nothing to plot: no tensor of these layers has two numbers")
    number = len(panels(rows))
    if number > MAX_PANELS:
        raise DeployError(
            f"{number:,} weights are more than the {MAX_PANELS} that are plotted; "
            "choose layers with --layer"
        )
    return plot(rows)


def _print(network: Network, rows: list[Measured], format: str) -> None:
    if format == "json":
        sys.stdout.write(to_json(weights_document(network, rows)))
        return
    chosen = Format(format)
    table = weights_table(rows, chosen, complete=chosen is Format.CSV, marks=_marks())
    text = show(table, chosen)
    if chosen is Format.TEXT:
        text = "\n".join((heading(network), text, _said(rows)))
    sys.stdout.write(text)


def _said(rows: list[Measured]) -> str:
    checkpoints = dict.fromkeys(row.checkpoint for row in rows)
    lines = (
        f"{checkpoint}: {said(row for row in rows if row.checkpoint == checkpoint)}"
        for checkpoint in checkpoints
    )
    return "".join(lines)


def _marks() -> str:
    """Return what histograms are drawn with: blocks where stdout can write them."""
    try:
        BLOCKS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return ASCII
    return BLOCKS
