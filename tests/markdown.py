"""Examples in Markdown: fenced ```arch blocks, compiled, with what is expected of them.

A block is a spec. Marks in its comments say which diagnostics belong on which line:

    linear(10, size = 3)   # error: 16 [E310] no argument `size`
    network a {}           # error: [E204] must have one network        (without a place in a file)

16 is the column; the words are a part of the message. `warning` is marked the same way, a second
mark of a line follows the first; `help: words` stands on the line of its diagnostic, `note: words`
on the line that a note points to. A block without marks compiles without a diagnostic, and
what it expects of its counts it says itself, in `expect` lines. Words after ```arch:

    file=other.arch     the block is another file, beside the specs that follow under its heading
    fragment=network    the block is the body of a network, after `input(3, 32, 32)` if it has none
    fragment=block      it is the body of a block, with a parameter `width` of 16 if it uses one
    fragment=blocks     it is blocks; `use=name(64)` says what a network is to make of them
    fragment=true       each line is an expression that is true
    command=compile     the spec is compiled as `archdsl compile` does; else checked, as by `check`
    set=depth=18        with this argument; may be repeated

Fragments may use the blocks `basic(width)` and `bottleneck(width)`. A line with `{1..99}` stands
for 99 lines, a file of such a name for 99 files. After a block, ```parameters holds lines of the
form `conv1.weight [16, 3, 3, 3]`: all parameters of its network in order, `...` for any number of
them; ```state_dict holds the buffers too.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from archdsl.analyses.tensors import entries
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.pipeline import Compilation, check_spec, compile_spec
from archdsl.pipeline.compiling import built
from archdsl.recursion import deep_recursion
from archdsl.semantics.elaborate import elaborate
from archdsl.source import Span
from archdsl.syntax.files import load

BLOCKS = """
block basic(width) {
    residual { conv3x3(width, stride = stride) bn relu conv3x3(width) bn }
    shortcut { conv1x1(width, stride = stride) bn }
    relu
}
block bottleneck(width) {
    residual {
        conv1x1(width) bn relu
        conv3x3(width, stride = stride) bn relu
        conv1x1(4 * width) bn
    }
    shortcut { conv1x1(4 * width, stride = stride) bn }
    relu
}
"""
_PIECE = re.compile(
    r"^#+ (?P<heading>.+)$|^```(?P<language>\w+)(?P<words>.*)\n(?P<content>(?:.*\n)*?)^```$",
    re.MULTILINE,
)
_MARK = re.compile(
    r"# (error|warning|help|note): (?:(\d+) )?(?:\[([EW]\d+)\] )?(.*?)(?= # \w+: |$)"
)
_COPIES = re.compile(r"\{1\.\.(\d+)\}")


class Mark(NamedTuple):
    """A diagnostic, its help or a note of it, as it is expected."""

    severity: str
    file: str  # "" for a diagnostic without a place
    line: int
    column: int
    code: str
    words: str


class Listing(NamedTuple):
    """What ```parameters or ```state_dict lists."""

    kind: str
    lines: tuple[str, ...]


class Example(NamedTuple):
    """A block with the files beside it."""

    title: str  # the heading above it
    line: int  # of the document
    text: str
    words: tuple[str, ...]
    files: tuple[tuple[str, str], ...] = ()
    listing: Listing | None = None

    def all(self, name: str) -> list[str]:
        """Return what the block's fence says of something, such as its `fragment`."""
        return [w.partition("=")[2] for w in self.words if w.partition("=")[0] == name]


# ---------------------------------------------------------------- reading a document


def examples(document: Path) -> Iterator[Example]:
    """Yield the ```arch blocks of a document in order, with the files of their heading."""
    text = document.read_text(encoding="utf-8")
    title, files = "", []
    previous: Example | None = None
    for piece in _PIECE.finditer(text):
        language, words, content = piece["language"], piece["words"], piece["content"]
        if piece["heading"] is not None:
            title, files = piece["heading"], []
        elif language == "arch":
            if previous is not None:
                yield previous
            previous = None
            example = Example(title, text.count("\n", 0, piece.start()) + 1, content, _split(words))
            if name := example.all("file"):
                files.append((name[0], content))
            else:
                previous = example._replace(text=_whole(example), files=tuple(files))
        elif language in ("parameters", "state_dict") and previous is not None:
            lines = tuple(line.strip() for line in content.splitlines())
            previous = previous._replace(listing=Listing(language, lines))
    if previous is not None:
        yield previous


def _split(words: str) -> tuple[str, ...]:
    return tuple(words.split())


def _whole(example: Example) -> str:
    """Return the spec that a fragment is a part of."""
    text = example.text
    match example.all("fragment"):
        case []:
            return text
        case ["network"]:
            given = "" if re.search(r"^\s*input\(", text, re.MULTILINE) else "input(3, 32, 32)\n"
            return f"network example {{\n{given}{text}}}\n{BLOCKS}"
        case ["block"]:
            given, declared = ("(16)", "(width)") if "width" in text else ("", "")
            network = f"network example {{\ninput(16, 32, 32)\nexample_block{given}\n}}\n"
            return f"{network}block example_block{declared} {{\n{text}}}\n{BLOCKS}"
        case ["blocks"]:
            uses = "\n".join(example.all("use"))
            assert uses, f"line {example.line}: say what to make of the blocks, `use=name(64)`"
            return f"{text}network example {{\ninput(16, 32, 32)\n{uses}\n}}\n"
        case ["true"]:
            lines = [line for line in text.splitlines() if line.partition("#")[0].strip()]
            required = "\n".join(_required(line) for line in lines)
            return f"network example {{\ninput(3, 32, 32)\n{required}\nrelu\n}}\n"
        case other:
            raise ValueError(f"line {example.line}: there is no fragment {other}")


def _required(line: str) -> str:
    expression, _, comment = line.partition("#")
    return f'require\n{expression.rstrip()}, "this is false" #{comment}'


def marks(example: Example) -> list[Mark]:
    """Return the diagnostics that an example expects."""
    found: list[Mark] = []
    for name, text in (*example.files, ("main.arch", example.text)):
        for number, line in enumerate(_expanded(text).split("\n"), 1):
            for kind, column, code, words in _MARK.findall(line):
                if kind in ("help", "note"):
                    found.append(Mark(kind, name, number, 0, "", words.strip()))
                elif column:
                    found.append(Mark(kind, name, number, int(column), code, words.strip()))
                else:
                    found.append(Mark(kind, "", 0, 0, code, words.strip()))
    return found


# ---------------------------------------------------------------- writing its files


def write(example: Example, folder: Path) -> Path:
    """Write an example's files into a folder; return the path of its spec."""
    for name, text in example.files:
        copies = _COPIES.search(name)
        for i in range(1, int(copies[1]) + 1 if copies else 2):
            path = folder / _COPIES.sub(str(i), name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_COPIES.sub(str(i), text) if copies else _expanded(text))
    path = folder / "main.arch"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_expanded(example.text), encoding="utf-8")
    return path


def _expanded(text: str) -> str:
    lines: list[str] = []
    for line in text.split("\n"):
        copies = _COPIES.search(line)
        numbers = range(1, int(copies[1]) + 1) if copies else (1,)
        lines += [_COPIES.sub(str(i), line) for i in numbers]
    return "\n".join(lines)


# ---------------------------------------------------------------- compiling it


class Found(NamedTuple):
    """What the compiler says to an example."""

    diagnostics: tuple[Diagnostic, ...]
    compilations: tuple[Compilation, ...] = ()


def check_example(example: Example, folder: Path) -> Found:
    """Compile an example, hold it against what is expected of it, and return what was found."""
    path = write(example, folder)
    found = _compile(example, path)
    expected = marks(example)
    actual = [_mark(diagnostic, folder) for diagnostic in found.diagnostics]
    wanted = [mark for mark in expected if mark.severity in ("error", "warning")]
    assert _same(actual, wanted), _told(example, actual)
    _check_helps(expected, found.diagnostics, folder)
    if all(mark.severity == "warning" for mark in wanted):
        assert found.compilations, f"line {example.line}: there is no network to build"
    if example.listing is not None:
        (compilation,) = found.compilations
        _check_listing(example.listing, compilation, example.line)
    return found


def _compile(example: Example, path: Path) -> Found:
    arguments = dict(word.split("=", 1) for word in example.all("set"))
    try:
        if arguments or example.all("command") == ["compile"]:
            compilation = compile_spec(str(path), None, arguments)
            return Found(compilation.warnings, (compilation,))
        report = check_spec(str(path))
        if example.all("command") == ["generate"]:
            compile_spec(str(path)).files("generated")
    except SpecError as error:
        return Found(error.diagnostics)
    networks = load(str(path)).networks.values()
    closed = [n.name.text for n in networks if all(p.default is not None for p in n.parameters)]
    compilations = tuple(compile_spec(str(path), name) for name in closed)
    assert report.networks >= len(compilations)
    return Found(report.warnings, compilations)


def _mark(found: Diagnostic, folder: Path) -> Mark:
    place = _place(found.span, folder)
    return Mark(found.severity.value, *place, found.code, found.message)


def _place(span: Span | None, folder: Path) -> tuple[str, int, int]:
    """Return file, line and column; none for a value of `--set`."""
    if span is None or not span.source.name.endswith(".arch"):
        return "", 0, 0
    file = str(Path(span.source.name).relative_to(folder))
    return file, *span.source.position(span.start)


def _check_helps(expected: list[Mark], diagnostics: tuple[Diagnostic, ...], folder: Path) -> None:
    """Hold the marks of helps and notes: each is in a diagnostic, though not each is marked."""
    said = {("help", *_place(d.span, folder)[:2], d.help or "") for d in diagnostics}
    said |= {("note", *_place(n.span, folder)[:2], n.message) for d in diagnostics for n in d.notes}
    for mark in expected:
        if mark.severity in ("help", "note"):
            fits = (place[:3] == mark[:3] and mark.words in place[3] for place in said)
            assert any(fits), f"{mark} is not in {said}"


def _same(actual: list[Mark], wanted: list[Mark]) -> bool:
    pairs = zip(sorted(actual), sorted(wanted), strict=False)
    return len(actual) == len(wanted) and all(
        found[:5] == mark[:5] and mark.words in found.words for found, mark in pairs
    )


def _told(example: Example, actual: list[Mark]) -> str:
    said = "\n".join(" ".join(map(str, mark)) for mark in actual) or "no diagnostic"
    return f"line {example.line}, {example.title}:\n{said}"


def _check_listing(listing: Listing, compilation: Compilation, line: int) -> None:
    """Hold the listed tensors against the network's."""
    shown = [
        f"{entry.name} {list(entry.shape)}\n"
        for entry in entries(compilation.network)
        if listing.kind == "state_dict" or entry.kind == "parameter"
    ]
    pattern = "".join(
        "(?:[^\n]*\n)*" if text == "..." else re.escape(f"{text}\n") for text in listing.lines
    )
    assert re.fullmatch(pattern, "".join(shown)), f"line {line}:\n{''.join(shown)}"


@deep_recursion()
def unfolded(compilation: Compilation) -> Compilation:
    """Return the same network with every block of every run elaborated."""
    network = compilation.network
    file = load(network.file)
    declaration = file.networks[network.name]
    elaborated = elaborate(file, declaration, {}, fold=False)
    return built(file, declaration, {}, elaborated, fold=False)
