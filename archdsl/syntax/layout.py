"""What a line may hold: the language's only rule about line ends, checked after parsing.

`let`, `require`, `expect`, `grow`, `stage`, `train =` and `init =` stand on lines of their own,
and a layer with annotations ends its line: `with plain, bn relu` would otherwise swallow a layer.
A `mark` stands as a layer does: it is about the place that it stands in, `conv3x3(8) bn relu mark
c2`.
"""

from collections.abc import Iterator
from typing import assert_never

from archdsl.diagnostics import Diagnostic, Diagnostics
from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.words import AnnotationWord


def check_layout(spec: tree.Spec) -> None:
    """Raise SpecError for statements that share a line with something else."""
    diagnostics = Diagnostics()
    for declaration in spec.declarations:
        if isinstance(declaration, tree.NetworkDeclaration | tree.BlockDeclaration):
            for body in _bodies(declaration.body):
                _check_body(body, diagnostics)
    diagnostics.raise_if_errors()


def _bodies(body: tree.Body) -> Iterator[tree.Body]:
    """Yield a body and those inside it; not by recursion, `else if` may go on for long."""
    waiting = [body]
    while waiting:
        body = waiting.pop()
        yield body
        for item in body.items:
            match item:
                case (
                    tree.Element(body=tree.Body() as inner)
                    | tree.NamedBody(body=inner)
                    | tree.LoopItem(body=inner)
                    | tree.StageItem(content=tree.Body() as inner)
                ):
                    waiting.append(inner)
                case tree.Condition(body=inner, otherwise=otherwise):
                    waiting += [inner] if otherwise is None else [inner, otherwise]
                case _:
                    pass


def _check_body(body: tree.Body, diagnostics: Diagnostics) -> None:
    for before, item in zip(body.items, body.items[1:], strict=False):
        if _first_line(item.span) != _last_line(before.span):
            continue
        if (word := _statement(item)) is not None:
            diagnostics.add(_own_line(word, item.span))
        elif (word := _statement(before)) is not None:
            diagnostics.add(_without_with(item) or _own_line(word, before.span))
        elif isinstance(before, tree.Element) and before.annotations and before.body is None:
            diagnostics.add(_ends_line(before, item))
    for item in body.items:
        word = _statement(item)
        if word is not None and word != "stage" and _shares_brace(body, item):
            diagnostics.add(_own_line(word, item.span))


def _shares_brace(body: tree.Body, item: tree.BodyItem) -> bool:
    """Say whether a statement stands on the line of its body's `{` in a body of several lines."""
    one_line = _first_line(body.span) == _last_line(body.span)
    return not one_line and _first_line(item.span) == _first_line(body.span)


def _statement(item: tree.BodyItem) -> str | None:
    match item:
        case tree.LetItem():
            return "let"
        case tree.RequireItem():
            return "require"
        case tree.Expect():
            return "expect"
        case tree.StageItem():
            return "stage"
        case tree.UseRecipe():
            return "train ="
        case tree.SetInit():
            return "init ="
        case tree.Grow():
            return "grow"
        case tree.ModuleItem():
            return "shared"
        case (
            tree.Element()
            | tree.NamedBody()
            | tree.Mark()
            | tree.MapItem()
            | tree.InputItem()
            | tree.OutputItem()
            | tree.LoopItem()
            | tree.Condition()
        ):
            return None
        case _:
            assert_never(item)


def _first_line(span: Span) -> int:
    return span.source.position(span.start)[0]


def _last_line(span: Span) -> int:
    return span.source.position(max(span.end - 1, span.start))[0]


def _own_line(word: str, span: Span) -> Diagnostic:
    return Diagnostic(
        code="E110",
        message=f"`{word}` stands on a line of its own",
        span=span,
        help="break the line before and after it",
    )


_ANNOTATIONS = frozenset(AnnotationWord) - {AnnotationWord.BN}  # which is a layer more often


def _without_with(item: tree.BodyItem) -> Diagnostic | None:
    """Return what to say where an annotation follows without `with`."""
    if not isinstance(item, tree.Element) or item.call.name.text not in _ANNOTATIONS:
        return None
    return Diagnostic(
        code="E110",
        message="an annotation follows `with`",
        span=item.call.span,
        help=f"write `with {item.call.span.text}`",
    )


def _ends_line(element: tree.Element, after: tree.BodyItem) -> Diagnostic:
    return Diagnostic(
        code="E111",
        message=f"`{element.call.name.text} .. with ..` ends its line",
        span=after.span,
        help="break the line here, or put a comma before the next annotation",
    )
