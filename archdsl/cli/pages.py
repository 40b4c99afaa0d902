"""The pages that explain the diagnostics."""

from pathlib import Path


def page(code: str) -> str:
    """Return the page of a diagnostic."""
    return (_folder() / f"{code}.md").read_text(encoding="utf-8")


def title(code: str) -> str:
    """Return the title of a diagnostic's page."""
    return page(code).partition("\n")[0].removeprefix(f"# {code}: ")


def codes() -> list[str]:
    """Return the codes of all diagnostics, sorted."""
    return sorted(path.stem for path in _folder().glob("[EW]*.md"))


def _folder() -> Path:
    """Find the pages: in the wheel, or beside the package in a checkout."""
    package = Path(__file__).parent.parent
    for folder in (package / "errors", package.parent / "docs" / "errors"):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        f"no pages of diagnostics in {package} or beside it: broken installation"
    )
