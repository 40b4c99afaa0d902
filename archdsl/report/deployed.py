"""What is said of a deployed network: bytes as trained and in the file, part by part."""

from archdsl.analyses.deployed import Deployed
from archdsl.ir.network import Network
from archdsl.report.document import SCHEMA
from archdsl.report.table import Column, Table

MEGA, MEBI = 10**6, 2**20


def deployed_table(deployed: Deployed) -> Table:
    """Return the parts that hold tensors, each with its bytes as trained and in the file."""
    numbers = ("bytes as trained", "bytes in the file")
    return Table(
        (Column("part"), Column("kind"), *(Column(title, is_number=True) for title in numbers)),
        tuple(
            (part.name, part.kind, part.trained_bytes, part.bytes)
            for part in deployed.parts
            if part.trained_bytes
        ),
        ("total", "", deployed.trained_bytes, deployed.bytes),
    )


def summary(deployed: Deployed, size: int) -> str:
    """Return what there is to say about a file of so many bytes, one sentence a line."""
    trained = deployed.trained_bytes
    return (
        f"{size:,} bytes with the names of the tensors: "
        f"{size / MEGA:,.3f} MB, {size / MEBI:,.3f} MiB\n"
        f"{trained:,} bytes as trained: {trained / MEGA:,.3f} MB, {trained / MEBI:,.3f} MiB\n"
    )


def deployment(network: Network, deployed: Deployed, size: int) -> dict[str, object]:
    """Return the numbers as `archdsl deploy --format json` prints them."""
    return {
        "schema": SCHEMA,
        "network": network.name,
        "arguments": dict(network.arguments),
        "bytes": {"trained": deployed.trained_bytes, "tensors": deployed.bytes, "file": size},
        "parts": [
            {"name": part.name, "trained_bytes": part.trained_bytes, "bytes": part.bytes}
            for part in deployed.parts
            if part.trained_bytes
        ],
    }
