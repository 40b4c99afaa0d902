"""The command `completion`: what a shell reads to complete the words of a command."""

from pathlib import Path

from archdsl.pipeline import split_target
from archdsl.syntax.files import load


def script(shell: str) -> str:
    """Return the script that a shell of this name reads."""
    folder = Path(__file__).parent / "completions"
    return (folder / f"archdsl.{shell}").read_text(encoding="utf-8")


def settable(spec: str) -> list[str]:
    """Return `NAME=` for each parameter of a spec's networks; raise SpecError."""
    path, network = split_target(spec)
    declarations = load(path).networks.values()
    names = [
        parameter.name.text
        for declaration in declarations
        if network in (None, declaration.name.text)
        for parameter in declaration.parameters
    ]
    return [f"{name}=" for name in dict.fromkeys(names)]
