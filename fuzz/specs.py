# ruff: noqa: INP001 - a folder of programs, no package
"""A coverage-guided fuzz target: no text makes the compiler raise anything but SpecError.

    pip install atheris
    python -m fuzz.specs -max_len=2000 -timeout=5 -rss_limit_mb=300 CORPUS

CORPUS is a folder for the inputs that reach something new; the specs and cases of this repository
are put into it first. An input that fails is left as `crash-*` in the current folder.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def check_text(raw: bytes) -> None:
    """Check, format and compile a text as a spec; raise whatever is not SpecError."""
    from archdsl.diagnostics import SpecError, render
    from archdsl.pipeline import check_file, compile_text
    from archdsl.source import SourceFile
    from archdsl.syntax.files import link_text
    from archdsl.syntax.format import format_spec

    text = raw.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    try:
        canonical = format_spec(SourceFile("fuzz.arch", text))
        assert format_spec(SourceFile("fuzz.arch", canonical)) == canonical
        check_file(link_text(text))
        compilation = compile_text(text)
        for source in compilation.files(compilation.name).values():
            compile(source, "generated", "exec")
    except SpecError as error:
        for diagnostic in error.diagnostics:
            render(diagnostic)


def fill(corpus: Path) -> None:
    """Put the specs and cases of this repository into a corpus."""
    from tests.markdown import examples

    corpus.mkdir(parents=True, exist_ok=True)
    for path in sorted((ROOT / "specs").glob("*.arch")):
        (corpus / path.stem).write_bytes(path.read_bytes())
    for document in sorted((ROOT / "tests" / "cases").glob("*.md")):
        for i, example in enumerate(examples(document)):
            (corpus / f"{document.stem}{i}").write_text(example.text, encoding="utf-8")


def main() -> None:
    """Fuzz until something fails or the time is up."""
    import atheris

    with atheris.instrument_imports(include=["archdsl"]):  # pyright: ignore[reportAttributeAccessIssue]
        import archdsl.emit.files
        import archdsl.pipeline
        import archdsl.syntax.format  # noqa: F401
    for folder in sys.argv[1:]:
        if not folder.startswith("-"):
            fill(Path(folder))
    atheris.Setup(sys.argv, check_text)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
