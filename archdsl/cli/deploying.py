"""The command `deploy`: a spec and a checkpoint in, plain PyTorch and a file of weights out."""

import argparse
import sys
from pathlib import Path

from archdsl.cli.terminal import progress
from archdsl.pipeline import Compilation
from archdsl.report.deployed import deployed_table, deployment, summary
from archdsl.report.document import to_json
from archdsl.report.table import Format, show
from archdsl.report.tables import heading


def deploy_checkpoint(compilation: Compilation, arguments: argparse.Namespace) -> int:
    """Write the files and print a table; raise OSError, DeployError before anything is written."""
    name = arguments.name or compilation.name
    folder = Path(arguments.out) / name
    with progress() as say:
        model, weights = compilation.deploy(name, folder, arguments.checkpoint, say)
    network, deployed, size = compilation.network, compilation.deployed, weights.stat().st_size
    if arguments.format == "json":
        files = {"model": model.as_posix(), "weights": weights.as_posix()}
        members = {"files": files, "class": compilation.class_name(name)}
        sys.stdout.write(to_json(deployment(network, deployed, size) | members))
        return 0
    table = show(deployed_table(deployed), Format.TEXT)
    sys.stdout.write("\n".join((heading(network), table, summary(deployed, size))))
    sys.stdout.write(f"{model.as_posix()}\n{weights.as_posix()}\n")
    return 0
