"""Reads a spec and what it imports: `.arch` files in or below its folder, and nothing else."""

import os
from itertools import islice
from typing import BinaryIO

from archdsl.diagnostics import Diagnostic, Diagnostics, Note, SpecError
from archdsl.limits import MAX_FILE_BYTES, MAX_IMPORTS
from archdsl.source import SourceFile, Span
from archdsl.suggest import closest, did_you_mean
from archdsl.syntax import tree
from archdsl.syntax.parse import parse


class Work:
    """What was looked at so far to build the networks of a spec: limits.py says how much may be."""

    def __init__(self) -> None:
        self.done = 0


class SpecFile:
    """A parsed file with its declarations by name, imported ones among them."""

    def __init__(self, spec: tree.Spec, work: Work) -> None:
        self.spec = spec
        self.work = work  # one for a spec and all that it imports
        self.name = spec.source.name
        self.networks: dict[str, tree.NetworkDeclaration] = {}
        self.blocks: dict[str, tuple[tree.BlockDeclaration, SpecFile]] = {}
        self.recipes: dict[str, tuple[tree.RecipeDeclaration, SpecFile]] = {}
        self.mistakes: tuple[Diagnostic, ...] | None = None  # of the declarations, once found
        self.doubts: tuple[Diagnostic, ...] | None = None
        self.places: dict[str, Span] = {}  # where each name of this file was declared or imported

    def declare(self) -> None:
        """Enter the file's own declarations; raise SpecError where two have one name."""
        for declaration in self.spec.declarations:
            match declaration:
                case tree.NetworkDeclaration(name=name):
                    self._claim(name)
                    self.networks[name.text] = declaration
                case tree.BlockDeclaration(name=name):
                    self._claim(name)
                    self.blocks[name.text] = (declaration, self)
                case tree.RecipeDeclaration(name=name):
                    self._claim(name)
                    self.recipes[name.text] = (declaration, self)
                case tree.Import():
                    pass

    def bring(self, name: tree.Name, other: "SpecFile") -> None:
        """Enter a name of another file."""
        self._claim(name)
        if name.text in other.blocks:
            self.blocks[name.text] = other.blocks[name.text]
        elif name.text in other.recipes:
            self.recipes[name.text] = other.recipes[name.text]
        else:
            known = [*other.blocks, *other.recipes]
            message = f"`{other.name}` declares no block and no recipe `{name.text}`"
            help_ = did_you_mean(name.text, known)
            raise SpecError([Diagnostic(code="E203", message=message, span=name.span, help=help_)])

    def _claim(self, name: tree.Name) -> None:
        if name.text in self.places:
            message = f"`{name.text}` is declared twice"
            note = Note("first declared here", self.places[name.text])
            raise SpecError(
                [Diagnostic(code="E202", message=message, span=name.span, notes=(note,))]
            )
        self.places[name.text] = name.span


def load(path: str) -> SpecFile:
    """Read, parse and link a spec and its imports; raise SpecError."""
    return _Loader(os.path.dirname(path)).load(path, path, None)


def link_text(text: str, name: str = "<text>", folder: str | None = None) -> SpecFile:
    """Return a spec that is not in a file; without a folder to be in, it imports nothing."""
    return _Loader(folder).link(SourceFile(name, text), os.path.join(folder or "", name))


class _Loader:
    """Loads each file once; `folder` is the one that imports may not leave."""

    def __init__(self, folder: str | None) -> None:
        self.folder = folder
        self.work = Work()
        self.files: dict[str, SpecFile] = {}
        self.failed: set[str] = set()  # files whose mistakes are reported
        self.open: list[tuple[str, str, Span | None]] = []  # files whose imports are being read

    def load(self, path: str, shown: str, span: Span | None) -> SpecFile:
        key = os.path.normpath(path)
        if key in self.failed:
            raise SpecError(())
        if any(key == each for each, _, _ in self.open):
            raise SpecError([self._circle(key, shown, span)])
        if key not in self.files:
            if len(self.files) + len(self.failed) + len(self.open) > MAX_IMPORTS:
                message = f"a spec imports at most {MAX_IMPORTS} files"
                raise SpecError([Diagnostic(code="E207", message=message, span=span)])
            self.open.append((key, shown, span))
            try:
                self.files[key] = self.link(SourceFile(shown, read_text(path, shown, span)), path)
            except SpecError:
                self.failed.add(key)
                raise
            finally:
                self.open.pop()
        return self.files[key]

    def _circle(self, key: str, shown: str, span: Span | None) -> Diagnostic:
        """Return the error of a file that is imported while its own imports are read."""
        start = [each for each, _, _ in self.open].index(key)
        way = self.open[start:]
        names = " -> ".join(f"`{name}`" for name in (*(name for _, name, _ in way), shown))
        notes = tuple(Note("by way of this import", s) for _, _, s in way[1:4] if s is not None)
        help_ = "put what both need into a file of its own"
        message = (
            f"`{shown}` imports itself: {names}" if len(way) < 8 else f"`{shown}` imports itself"
        )
        return Diagnostic(code="E206", message=message, span=span, notes=notes, help=help_)

    def link(self, source: SourceFile, path: str) -> SpecFile:
        file = SpecFile(parse(source), self.work)
        file.declare()
        mistakes, is_broken = Diagnostics(), False
        for declaration in file.spec.declarations:
            if isinstance(declaration, tree.Import):
                try:
                    other = self._import(declaration, path)
                    for name in declaration.names:
                        file.bring(name, other)
                except SpecError as error:
                    mistakes.extend(error.diagnostics)
                    is_broken = True
        if is_broken:
            raise SpecError(mistakes.found)
        return file

    def _import(self, declaration: tree.Import, importer: str) -> SpecFile:
        relative, span = declaration.path.value, declaration.path.span
        parts = relative.split("/")
        problem = help_ = None
        if self.folder is None:
            problem = "a spec that is not in a file imports nothing"
        elif not relative.endswith(".arch"):
            problem = f"an import is a `.arch` file, not `{relative}`"
            help_ = f'write `"{os.path.splitext(relative)[0]}.arch"`'
        elif (
            relative.startswith(("/", "~")) or "\\" in relative or ".." in parts or "\0" in relative
        ):
            problem = (
                "an import is a relative path in or below the folder of the spec, without `..`"
            )
            help_ = f'put the file beside the spec: `"{_last_part(relative)}"`'
        elif _passes_link(os.path.dirname(importer), parts):
            problem = f"`{relative}` leads through a link"
        if problem is not None:
            raise SpecError([Diagnostic(code="E205", message=problem, span=span, help=help_)])
        path = os.path.normpath(os.path.join(os.path.dirname(importer), relative))
        return self.load(path, path, span)


def _last_part(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2] or "blocks.arch"


def _beside(path: str) -> tuple[str, ...]:
    """Return the specs in a file's folder."""
    try:
        with os.scandir(os.path.dirname(path) or ".") as found:
            names = (entry.name for entry in islice(found, 1000))
            return tuple(name for name in names if name.endswith(".arch"))
    except OSError:
        return ()


def _passes_link(folder: str, parts: list[str]) -> bool:
    for part in parts:
        folder = os.path.join(folder, part)
        if os.path.islink(folder):
            return True
    return False


def read_text(path: str, shown: str, span: Span | None) -> str:
    """Return a file's text; raise SpecError where it is too large, unreadable or not UTF-8."""
    try:
        if os.path.isfile(path):
            with open(path, "rb") as stream:
                return text_of(stream, shown, span)
        what = "is a folder, not a spec" if os.path.isdir(path) else "does not exist"
        problem = f"`{shown}` {what}"
    except (OSError, ValueError) as error:
        problem = f"`{shown}` cannot be read: {getattr(error, 'strerror', None) or error}"
    near = closest(os.path.basename(path), _beside(path))
    help_ = f"did you mean `{near}`?" if near else None
    raise SpecError([Diagnostic(code="E201", message=problem, span=span, help=help_)])


def text_of(stream: BinaryIO, shown: str, span: Span | None = None) -> str:
    """Return the text of an open file; raise SpecError where it is too large or not UTF-8."""
    raw = stream.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        problem = f"`{shown}` is larger than {MAX_FILE_BYTES // 1024} KiB"
        raise SpecError([Diagnostic(code="E201", message=problem, span=span)])
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        problem = f"`{shown}` is not UTF-8 text"
        raise SpecError([Diagnostic(code="E201", message=problem, span=span)]) from None
