"""Writes generated/: every spec's files at its defaults, and those of some further arguments.

python -m scripts.generate            writes what changed
python -m scripts.generate --check    prints what is not current; exit status 1 if anything is
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir
from pathlib import Path

from archdsl.pipeline import compile_spec
from archdsl.write import check_files, write_files

ROOT = Path(__file__).resolve().parents[1]
GENERATED = Path("generated")

# shared by the others: no networks
RECIPES = ("specs/dilated.arch", "specs/imagenet.arch", "specs/recipes.arch")

FURTHER = (
    ("specs/preact_resnet.arch", {"depth": "110"}),
    ("specs/resnet.arch", {"depth": "18"}),
    ("specs/resnet.arch", {"depth": "152"}),
    ("specs/share_wrn.arch", {"depth": "28", "k": "10", "dropout": "0.3", "classes": "100"}),
    ("specs/sharesnet.arch", {"depth": "34"}),
    ("specs/sharesnet.arch", {"depth": "101"}),
    ("specs/sharesnet.arch", {"depth": "152"}),
    ("specs/wrn.arch", {"depth": "40", "k": "4"}),
    ("specs/wrn.arch", {"depth": "22", "k": "2", "kernels": "[3, 1, 3]"}),
)


def specs() -> list[str]:
    """Return the specs that hold a network, by their paths from the root."""
    return [path for path in map(str, sorted(Path("specs").glob("*.arch"))) if path not in RECIPES]


def files() -> Iterator[tuple[Path, str]]:
    """Yield every file of generated/ with its text; the working directory must be the root."""
    for spec, arguments in (*((spec, {}) for spec in specs()), *FURTHER):
        yield from _files_of(spec, arguments)


def _files_of(spec: str, arguments: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    compilation = compile_spec(spec, None, arguments)
    for name, text in compilation.files(compilation.name).items():
        yield GENERATED / compilation.name / name, text


def outdated() -> str:
    """Return what differs between generated/ and what the compiler writes; empty if nothing."""
    with chdir(ROOT):
        wanted = dict(files())
        strays = sorted(set(GENERATED.glob("*/*.py")) - set(wanted))
        return check_files(wanted) + "".join(f"{path} belongs to no spec\n" for path in strays)


def main() -> int:
    """Write the files, or with `--check` compare them; return the exit status."""
    if sys.argv[1:] == ["--check"]:
        difference = outdated()
        sys.stdout.write(difference)
        return 1 if difference else 0
    with chdir(ROOT):
        write_files(dict(files()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
