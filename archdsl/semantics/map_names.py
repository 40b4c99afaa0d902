"""What maps may be called, and which parameters may be given some."""

from collections.abc import Iterator
from typing import cast

from archdsl.diagnostics import Diagnostic, Note
from archdsl.record import Record
from archdsl.semantics.functions import FUNCTIONS
from archdsl.semantics.words import CONSTRUCTS, IMPLIED, is_reserved
from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.syntax.files import SpecFile

KINDS = ("map", "maps")
_NO_MAP = (
    tree.NumberLiteral
    | tree.StringLiteral
    | tree.BooleanLiteral
    | tree.DictLiteral
    | tree.Prefix
    | tree.Infix
)


def name_mistake(name: tree.Name, file: SpecFile) -> Diagnostic | None:
    """Return what is wrong with the name of a map, which stands where layers and blocks do."""
    text = name.text
    if text in IMPLIED:
        message = f"`{text}` exists by itself and cannot be declared"
        return Diagnostic(code="E315", message=message, span=name.span)
    if is_reserved(text) or text in CONSTRUCTS or text in FUNCTIONS:
        message = f"`{text}` is a word of the language and cannot name a map"
        help_ = f"write `{text}_map` or another name"
        return Diagnostic(code="E109", message=message, span=name.span, help=help_)
    if text in file.blocks:
        notes = (Note("the block is declared here", file.places[text]),)
        message = f"`{text}` is declared twice"
        return Diagnostic(code="E202", message=message, span=name.span, notes=notes)
    return None


def kind_mistake(parameter: tree.ParameterDeclaration, of: str) -> Diagnostic | None:
    """Return what is wrong with `name: kind = default`: only blocks are handed maps."""
    name, kind = parameter.name, parameter.kind
    if kind is None:
        return None
    if kind.text not in KINDS:
        colon = name.span.source.text.index(":", name.span.end)
        return Diagnostic(
            code="E101",
            message="parameters have no types",
            span=Span(name.span.source, colon, colon + 1),
            help=f"write `{name.text}`, or `{name.text} = 16` with a default; maps are `: map`",
        )
    if of != "block":
        help_ = "its maps come from `input`" if of == "network" else "write `: map` in a block"
        return Diagnostic(
            code="E420",
            message=f"a {of} is handed no maps",
            span=name.span.to(kind.span),
            help=help_,
        )
    default = parameter.default
    if default is not None and not _may_be(default, kind.text):
        is_list = kind.text == "maps"
        return Diagnostic(
            code="E302",
            message=f"`{name.text}` is {'a list of maps' if is_list else 'a map'}, "
            f"and `{default.span.text}` is none",
            span=default.span,
            help=f"write `{name.text}: maps = []`" if is_list else "leave the default out",
        )
    return None


def _may_be(default: tree.Expression, kind: str) -> bool:
    """Say whether an expression may be a map, or a list of them, by what is written."""
    match default:
        case tree.ListLiteral(items=items) if kind == "maps":
            return all(_may_be(item, "map") for item in items)
        case tree.ListLiteral():
            return False
        case _:
            return not isinstance(default, _NO_MAP)


# ---------------------------------------------------------------- marks that are out of sight


def out_of_sight(name: tree.Name, file: SpecFile) -> tuple[tuple[Note, ...], str | None]:
    """Return where a name that is unknown here is marked, and what to do about it."""
    for declaration in file.spec.declarations:
        if not isinstance(declaration, tree.NetworkDeclaration | tree.BlockDeclaration):
            continue
        found = next((m for m in marks_in(declaration) if m.name.text == name.text), None)
        if found is None:
            continue
        span, place = declaration.span, name.span
        if place.source is span.source and span.start <= place.start < span.end:
            if found.span.start > place.start:
                return (Note("it is marked behind this place only", found.span),), None
            said = "it is marked here, in a body that is not built or ends before"
            return (Note(said, found.span),), None
        note = Note("it is marked here, in another declaration", found.span)
        kind = "maps" if found.keys else "map"
        return (note,), f"declare it as a parameter of the block: `{name.text}: {kind}`"
    return (), None


def marks_in(
    declaration: tree.NetworkDeclaration | tree.BlockDeclaration,
) -> Iterator[tree.Mark]:
    """Yield the marks of a declaration in the order of the text."""
    left: list[object] = [declaration.body]
    while left:
        match left.pop():
            case tree.Mark() as mark:
                yield mark
            case Record() as record:
                left += [getattr(record, field) for field in reversed(record.__struct_fields__)]
            case several if isinstance(several, tuple):
                left += reversed(cast("tuple[object, ...]", several))
            case _:
                pass
