"""Diagnostics as text: carets stand below what is wrong, whatever stands before it."""

import pytest

from archdsl.diagnostics import Diagnostic, Note, render
from archdsl.source import SourceFile, Span


def shown(line, wrong):
    start = line.index(wrong)
    span = Span(SourceFile("a.arch", f"\n{line}\n"), start + 1, start + 1 + len(wrong))
    return render(Diagnostic(code="E301", message="m", span=span)).splitlines()[-2:]


@pytest.mark.parametrize(
    ("line", "columns", "width"),
    [
        ("  bn reluu", 5, 5),
        ("\tbn reluu", 7, 5),  # a tab is shown as four blanks
        ("\tbn\treluu", 10, 5),
        ('"日本" reluu', 7, 5),  # two columns each
        ('"e\N{COMBINING ACUTE ACCENT}" reluu', 4, 5),  # one column together
        ('"\N{RIGHT-TO-LEFT OVERRIDE}" reluu', 4, 5),  # shown as a replacement
        ("x 日本", 2, 4),
    ],
)
def test_carets_stand_below_what_is_wrong(line, columns, width):
    excerpt, carets = shown(line, "reluu" if "reluu" in line else "日本")
    margin = len("2 | ")
    assert carets == " " * (margin - 2) + "| " + " " * columns + "^" * width
    assert excerpt.startswith("2 | ")


def test_long_lines_are_shown_around_what_is_wrong():
    excerpt, carets = shown("bn " * 100 + "reluu " + "bn " * 100, "reluu")
    assert excerpt.startswith("2 | .. ")
    assert excerpt.endswith(" ..")
    assert len(excerpt) < 180
    assert excerpt[carets.index("^") :].startswith("reluu bn")
    assert carets.count("^") == 5


def test_a_span_of_several_lines_is_underlined_on_its_first():
    source = SourceFile("a.arch", "sum {\n  relu\n}\n")
    span = Span(source, 0, len(source.text) - 1)
    note = Note("here", Span(source, 8, 12))
    text = render(Diagnostic(code="E402", message="m", span=span, notes=(note,), help="h"))
    assert text == (
        "error[E402]: m\n --> a.arch:1:1\n1 | sum {\n  | ^^^^^\n"
        "note: here\n --> a.arch:2:3\n2 |   relu\n  |   ^^^^\nhelp: h"
    )
