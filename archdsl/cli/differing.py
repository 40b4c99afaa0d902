"""The command `diff`: two networks in, what differs out; also as git asks for it."""

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

from archdsl.analyses.counts import Row, rows_by_layer
from archdsl.cli.commands import FAILED, OK, UsageError
from archdsl.diagnostics import SpecError
from archdsl.limits import MAX_FILE_BYTES, MAX_IMPORTS, MAX_TENSOR_ROWS
from archdsl.pipeline import Compilation
from archdsl.pipeline.comparing import compared, differing
from archdsl.pipeline.compiling import split_target
from archdsl.report.differences import differences_document, differences_table, weights_text
from archdsl.report.document import SCHEMA, to_json
from archdsl.report.table import Format, show
from archdsl.report.tables import heading

GIT_ARGUMENTS = (7, 9)  # path, old file, hash, mode, new file, hash, mode; of a move two more
Settings: TypeAlias = Sequence[tuple[str, str]]
NOTHING = os.devnull  # what git calls a file that is not there


def diff(arguments: argparse.Namespace) -> int:
    """Print what differs; with --exit-code return 1 where something does."""
    if arguments.textconv:
        return _textconv(arguments)
    if arguments.git:
        return _for_git(arguments)
    targets: list[str] = arguments.specs
    if len(targets) > 2:
        raise UsageError(f"`diff` takes one or two specs, not {len(targets)}")
    old_set = _settings(arguments.set, arguments.set_old)
    new_set = _settings(arguments.set, arguments.set_new)
    if len(targets) == 1 and old_set == new_set:
        raise UsageError("one spec differs from itself only with --set-old or --set-new")
    with _opened(targets[0]) as old_source, _opened(targets[-1]) as new_source:
        old, new = old_source.network(old_set), new_source.network(new_set)
        return _print(old, new, arguments)


def _settings(both: Settings, own: Settings) -> dict[str, str]:
    """Return the arguments of a side; its own word is before that of both."""
    for pairs in (both, own):
        names = [name for name, _ in pairs]
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"argument `{name}` is set twice")
    return {**dict(both), **dict(own)}


def _print(old: Compilation, new: Compilation, arguments: argparse.Namespace) -> int:
    _refuse_too_many(old, new)
    found = differing(old, new, arguments.by)
    if arguments.format == "json":
        about = {
            "schema": SCHEMA,
            "old": {"network": old.network.name, "arguments": dict(old.network.arguments)},
            "new": {"network": new.network.name, "arguments": dict(new.network.arguments)},
        }
        sys.stdout.write(to_json({**about, **differences_document(found)}))
    else:
        sums = old.counts.sums, new.counts.sums
        is_text = arguments.format == "text"
        table = differences_table(found, arguments.by, *sums, signs=is_text)
        text = show(table, Format(arguments.format))
        if is_text:
            heads = f"- {heading(old.network)}+ {heading(new.network)}"
            said = "nothing differs\n" if found.is_empty else text
            text = "\n".join((heads, said, weights_text(found.weights)))
        sys.stdout.write(text)
    return FAILED if arguments.exit_code and not found.is_empty else OK


def _refuse_too_many(*networks: Compilation) -> None:
    from archdsl.analyses.tensors import num_tensors

    for each in networks:
        number = num_tensors(each.network)
        if number > MAX_TENSOR_ROWS:
            raise UsageError(
                f"a network of {number:,} tensors is not compared: {MAX_TENSOR_ROWS:,} at most"
            )


# ---------------------------------------------------------------- files, and what git has


class SpecSource:
    """Where a spec is: its path, or its text and the folder of its imports."""

    def __init__(
        self, path: str, network: str | None, text: str | None = None, folder: str = ""
    ) -> None:
        self.path, self.of, self.text, self.folder = path, network, text, folder

    def network(self, arguments: dict[str, str]) -> Compilation:
        """Return the network with some arguments; raise SpecError."""
        return compared(self.path, self.of, arguments, self.text, self.folder)


@contextmanager
def _opened(target: str) -> Generator[SpecSource]:
    """Open `PATH`, `PATH:NETWORK`, or either behind `REVISION:` as git has it."""
    path, network = split_target(target)
    revision, colon, inside = path.partition(":")
    if not colon or revision.endswith(".arch") or Path(path).exists():
        yield SpecSource(path, network)
        return
    with tempfile.TemporaryDirectory(prefix="archdsl-") as folder:
        _extract(revision, inside, folder)
        there = Path(folder, inside)
        try:
            text = there.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise UsageError(f"git has no spec `{inside}` in `{revision}`") from None
        yield SpecSource(target, network, text, str(there.parent))


def _extract(revision: str, path: str, folder: str) -> None:
    """Write the specs of a revision that are in the folder of a spec, or below."""
    if not revision or revision.startswith("-"):
        raise UsageError(f"`{revision}` is no revision")
    around = Path(path).parent.as_posix()
    archive = _git("archive", "--format=tar", revision, "--", around)
    taken = 0
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        for member in tar:
            is_spec = member.isfile() and member.name.endswith(".arch")
            if is_spec and member.size <= MAX_FILE_BYTES and taken <= 10 * MAX_IMPORTS:
                tar.extract(member, folder, filter="data")
                taken += 1


def _git(*words: str) -> bytes:
    try:
        done = subprocess.run(("git", *words), capture_output=True, check=False)  # noqa: S603, S607
    except FileNotFoundError:
        raise UsageError("git is not here, which a revision needs") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise UsageError(said[0] if said else "git failed")
    return done.stdout


def _for_git(arguments: argparse.Namespace) -> int:
    """Do what git asks an external diff for: it is to end well, whatever the specs are."""
    words: list[str] = arguments.specs
    if len(words) not in GIT_ARGUMENTS:
        raise UsageError("`diff --git` is what git calls: see docs/command-line.md")
    path, old_file, new_file = words[0], words[1], words[4]
    folder = str(Path(path).resolve().parent)
    sys.stdout.write(f"diff --archdsl a/{path} b/{path}\n")
    if NOTHING in (old_file, new_file):
        sys.stdout.write("new spec\n" if old_file == NOTHING else "deleted spec\n")
        return OK
    try:
        old = SpecSource(path, None, _text(old_file), folder).network({})
        new = SpecSource(path, None, _text(new_file), folder).network({})
        _print(old, new, arguments)
    except SpecError as error:
        first = error.diagnostics[0]
        sys.stdout.write(f"not compared: {first.code} {first.message}\n")
        return _plain_diff(old_file, new_file)
    sys.stdout.write("\n")
    return OK


def _plain_diff(old: str, new: str) -> int:
    from difflib import unified_diff

    before, after = (_text(each).splitlines(keepends=True) for each in (old, new))
    sys.stdout.write("".join(unified_diff(before, after, "old", "new")))
    return OK


def _text(path: str) -> str:
    with Path(path).open(encoding="utf-8", errors="replace") as file:
        return file.read(MAX_FILE_BYTES + 1)


def _textconv(arguments: argparse.Namespace) -> int:
    """Print a spec as lines that git compares: a layer each; or its text, where it is wrong."""
    if len(arguments.specs) != 1:
        raise UsageError("`diff --textconv` takes one spec")
    path: str = arguments.specs[0]
    text = _text(path)
    try:
        found = SpecSource(path, None, text, _folder_of(path)).network({})
    except SpecError:
        sys.stdout.write(text)
        return OK
    lines = [heading(found.network), *map(_line, rows_by_layer(found.network))]
    sys.stdout.write("".join(lines))
    return OK


def _line(row: Row) -> str:
    output = "" if row.output is None else f" {list(row.output)}"
    sums = row.sums
    return f"{row.name} {row.kind}{output} {sums.total:,} parameters {sums.macs:,} MACs\n"


def _folder_of(path: str) -> str:
    """Return the folder of a spec's imports: of a copy that git made, that of the only namesake."""
    there = Path(path).resolve()
    if there.is_relative_to(Path.cwd()):
        return str(there.parent)
    try:
        listed = _git("ls-files", "--", f":(glob)**/{there.name}").decode().split()
    except UsageError:
        listed = []
    return str(Path(listed[0]).resolve().parent) if len(listed) == 1 else str(there.parent)
