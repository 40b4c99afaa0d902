"""What can be wrong with a file's declarations before any of them is built.

A block that no network uses, or that stands under an `if` not taken, is looked at here only.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import assert_never, cast

from archdsl.diagnostics import Diagnostic, Diagnostics, Note, Severity, SpecError
from archdsl.ir.names import class_name, is_usable_kind
from archdsl.record import Record
from archdsl.semantics.annotations import check_words
from archdsl.semantics.bodies import unknown_layer
from archdsl.semantics.calls import without_stride
from archdsl.semantics.functions import FUNCTIONS
from archdsl.semantics.map_names import kind_mistake, marks_in, name_mistake
from archdsl.semantics.signature import place
from archdsl.semantics.words import (
    CONSTRUCTS,
    IMPLIED,
    is_layer_word,
    is_reserved,
    layer_parameters,
)
from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.syntax.files import SpecFile


def check_declarations(file: SpecFile, diagnostics: Diagnostics) -> None:
    """Report blocks that take a word of the language, unknown calls and unknown arguments."""
    if file.mistakes is None:  # once, not for each of its networks
        found = Diagnostics()
        _check_declarations(file, found)
        file.mistakes = found.found
    diagnostics.extend(file.mistakes)


def _check_declarations(file: SpecFile, diagnostics: Diagnostics) -> None:
    for name, (block, _) in file.blocks.items():
        if is_reserved(name) or name in CONSTRUCTS or name in FUNCTIONS:
            diagnostics.add(_takes_word(name, block, file))
    for block in _all_blocks(file):
        if not is_usable_kind(block.name.text):
            diagnostics.add(_is_private(block.name))
    classes: dict[str, tree.Name] = {}
    for declaration in file.spec.declarations:
        if isinstance(declaration, tree.NetworkDeclaration | tree.BlockDeclaration):
            _check_class(declaration.name, classes, diagnostics)
            _check_parameters(declaration, diagnostics)
            _check_calls(declaration, file, diagnostics)
        if not isinstance(declaration, tree.Import):
            diagnostics.extend(_about_maps(declaration, file))


def warn_unused(file: SpecFile, diagnostics: Diagnostics) -> None:
    """Warn of parameters and marks that nothing uses, unless a mistake may be the reason."""
    if diagnostics.has_errors:
        return
    if file.doubts is None:
        declared = tuple(
            d
            for d in file.spec.declarations
            if isinstance(d, tree.NetworkDeclaration | tree.BlockDeclaration)
        )
        parameters = (_is_unused(p) for d in declared for p in _unused(d))
        marks = (_is_unused_mark(m) for d in declared for m in _unused_marks(d))
        file.doubts = (*parameters, *marks)
    diagnostics.extend(file.doubts)


def _takes_word(name: str, block: tree.BlockDeclaration, file: SpecFile) -> Diagnostic:
    span = file.places[name]
    imported = span.source is not block.name.span.source
    return Diagnostic(
        code="E109",
        message=f"`{name}` is a word of the language and cannot name a block",
        span=span,
        notes=(Note("it is declared here", block.name.span),) if imported else (),
        help=f"write `{name}_block` or another name",
    )


def _all_blocks(file: SpecFile) -> Iterator[tree.BlockDeclaration]:
    """Yield the blocks that a file declares, and those that the files it imports from declare."""
    seen, left = {file}, [file]
    while left:
        each = left.pop()
        for block, home in each.blocks.values():
            if home is each:
                yield block
            elif home not in seen:
                seen.add(home)
                left.append(home)


def _is_private(name: tree.Name) -> Diagnostic:
    stripped = name.text.strip("_")
    better = f"{stripped}_block" if stripped[:1].isalpha() else f"block{stripped or 1}"
    return Diagnostic(
        code="E317",
        message=f"`{name.text}` cannot name a block: "
        f"members are named after it, and Python renames what begins with `__`",
        span=name.span,
        help=f"write `{better}` or another name",
    )


def _check_class(name: tree.Name, classes: dict[str, tree.Name], diagnostics: Diagnostics) -> None:
    """Report two names that differ, though not as classes: `res_block` and `resBlock`."""
    first = classes.setdefault(class_name(name.text), name)
    if first is not name and first.text != name.text:
        diagnostics.add(
            Diagnostic(
                code="E208",
                message=f"`{name.text}` and `{first.text}` are both the class "
                f"`{class_name(name.text)}` in generated code",
                span=name.span,
                notes=(Note("the other is declared here", first.span),),
                help="rename one of the two",
            )
        )


# ---------------------------------------------------------------- calls


def _check_calls(
    declaration: tree.NetworkDeclaration | tree.BlockDeclaration,
    file: SpecFile,
    diagnostics: Diagnostics,
) -> None:
    """Report calls of what does not exist, and arguments that a callee does not have."""
    names = {p.name.text for p in declaration.parameters}
    items = tuple(_items(declaration.body))
    members = {n.text: n.span for n in map(_member, items) if n is not None}
    for item in items:
        match item:
            case (
                tree.LetItem(name=name)
                | tree.Mark(name=name)
                | tree.InputItem(name=name)
                | tree.ModuleItem(name=name)
            ):
                names.add(name.text)
            case tree.LoopItem(names=loop_names):
                names |= {name.text for name in loop_names}
            case (
                tree.RequireItem()
                | tree.Expect()
                | tree.UseRecipe()
                | tree.SetInit()
                | tree.Grow()
                | tree.MapItem()
                | tree.OutputItem()
                | tree.Element()
                | tree.NamedBody()
                | tree.StageItem()
                | tree.Condition()
            ):
                pass
            case _:
                assert_never(item)
    for item in items:
        _keep(diagnostics, partial(check_words, _annotations(item)))
        call = _call(item)
        if call is not None and call.name.text not in names and call.name.text not in CONSTRUCTS:
            _keep(diagnostics, partial(_check_call, call, names, file, members))


def _items(body: tree.Body) -> Iterator[tree.BodyItem]:
    """Yield the items of a body and of those inside it."""
    for item in body.items:
        yield item
        match item:
            case (
                tree.Element(body=tree.Body() as inner)
                | tree.OutputItem(body=tree.Body() as inner)
                | tree.NamedBody(body=inner)
                | tree.LoopItem(body=inner)
                | tree.StageItem(content=tree.Body() as inner)
            ):
                yield from _items(inner)
            case tree.Condition(body=inner, otherwise=otherwise):
                yield from _items(inner)
                if otherwise is not None:
                    yield from _items(otherwise)
            case (
                tree.Element()
                | tree.StageItem()
                | tree.LetItem()
                | tree.RequireItem()
                | tree.Expect()
                | tree.UseRecipe()
                | tree.SetInit()
                | tree.Grow()
                | tree.Mark()
                | tree.MapItem()
                | tree.InputItem()
                | tree.ModuleItem()
                | tree.OutputItem()
            ):
                pass
            case _:
                assert_never(item)


def _keep(diagnostics: Diagnostics, check: Callable[[], None]) -> None:
    try:
        check()
    except SpecError as error:
        diagnostics.extend(error.diagnostics)


def _annotations(item: tree.BodyItem) -> tuple[tree.Call, ...]:
    match item:
        case (
            tree.Element()
            | tree.StageItem()
            | tree.NamedBody()
            | tree.OutputItem()
            | tree.ModuleItem()
        ):
            return item.annotations
        case (
            tree.LetItem()
            | tree.RequireItem()
            | tree.Expect()
            | tree.UseRecipe()
            | tree.SetInit()
            | tree.Grow()
            | tree.Mark()
            | tree.MapItem()
            | tree.InputItem()
            | tree.ModuleItem()
            | tree.LoopItem()
            | tree.Condition()
        ):
            return ()
        case _:
            assert_never(item)


def _member(item: tree.BodyItem) -> tree.Name | None:
    """Return the name of a stage or a named body."""
    match item:
        case tree.StageItem(name=name) | tree.NamedBody(label=name):
            return name
        case (
            tree.LetItem()
            | tree.RequireItem()
            | tree.Expect()
            | tree.UseRecipe()
            | tree.SetInit()
            | tree.Grow()
            | tree.Mark()
            | tree.MapItem()
            | tree.InputItem()
            | tree.ModuleItem()
            | tree.OutputItem()
            | tree.Element()
            | tree.LoopItem()
            | tree.Condition()
        ):
            return None
        case _:
            assert_never(item)


def _call(item: tree.BodyItem) -> tree.Call | None:
    match item:
        case (
            tree.Element(call=call)
            | tree.ModuleItem(call=call)
            | tree.StageItem(content=tree.Repeat(call=call))
        ):
            return call
        case (
            tree.LetItem()
            | tree.RequireItem()
            | tree.Expect()
            | tree.UseRecipe()
            | tree.SetInit()
            | tree.Grow()
            | tree.Mark()
            | tree.MapItem()
            | tree.InputItem()
            | tree.ModuleItem()
            | tree.OutputItem()
            | tree.StageItem()
            | tree.NamedBody()
            | tree.LoopItem()
            | tree.Condition()
        ):
            return None
        case _:
            assert_never(item)


def _check_call(
    call: tree.Call, names: set[str], file: SpecFile, members: Mapping[str, Span]
) -> None:
    word, is_bare = call.name.text, call.arguments is None
    if word in file.blocks:
        block = file.blocks[word][0]
        place(without_stride(call), [p.name.text for p in block.parameters], f"block `{word}`")
    elif is_reserved(word) or (is_layer_word(word) and not (word in members and is_bare)):
        place(call, [p.name for p in layer_parameters(word)], f"`{word}`")
    else:
        unknown_layer(call, (*names, *file.blocks), file, members)


# ---------------------------------------------------------------- parameters


def _check_parameters(
    declaration: tree.NetworkDeclaration | tree.BlockDeclaration, diagnostics: Diagnostics
) -> None:
    """Report parameters with one name."""
    first: dict[str, tree.Name] = {}
    for name in (parameter.name for parameter in declaration.parameters):
        if name.text in first:
            note = Note("declared first here", first[name.text].span)
            message = f"`{name.text}` is declared twice"
            diagnostics.add(Diagnostic(code="E202", message=message, span=name.span, notes=(note,)))
        first.setdefault(name.text, name)


def _about_maps(
    declaration: tree.NetworkDeclaration | tree.BlockDeclaration | tree.RecipeDeclaration,
    file: SpecFile,
) -> Iterator[Diagnostic]:
    """Yield what is wrong with kinds of parameters, and with the names of maps."""
    kinded = [p for p in declaration.parameters if p.kind is not None]
    for parameter in kinded:
        wrong = kind_mistake(parameter, _WORDS[type(declaration)])
        wrong = wrong or name_mistake(parameter.name, file)
        if wrong is not None:
            yield wrong
    if not isinstance(declaration, tree.RecipeDeclaration):
        for mark in marks_in(declaration):
            wrong = name_mistake(mark.name, file)
            if wrong is not None:
                yield wrong


def _unused(
    declaration: tree.NetworkDeclaration | tree.BlockDeclaration,
) -> Iterator[tree.ParameterDeclaration]:
    """Yield the parameters whose name the declaration says nowhere else.

    Judged by what is written, so that an `if` not taken is no reason.
    """
    said = {*IMPLIED, *_said(declaration)}  # what is implied is an error of its own
    for parameter in declaration.parameters:
        if parameter.name.text not in said:
            yield parameter


def _said(declaration: tree.NetworkDeclaration | tree.BlockDeclaration) -> Iterator[str]:
    """Yield the words that stand for a value in a declaration: bare ones and those called.

    What `name =`, `name:` and `let name` name is none of them, nor what a string holds.
    """
    left: list[object] = [declaration]
    while left:
        match left.pop():
            case tree.Variable(name=name):
                yield name.text
            case tree.Attribute(owner=owner, name=name):
                yield name.text  # of a map that a body marks
                left.append(owner)
            case tree.Call(name=name, arguments=arguments):
                yield name.text
                left.append(arguments)
            case Record() as record:
                for field in record.__struct_fields__:
                    value = getattr(record, field)
                    if field == "annotations":  # `freeze` is no value
                        value = tuple(call.arguments for call in value)
                    left.append(value)
            case several if isinstance(several, tuple):
                left += cast("tuple[object, ...]", several)
            case _:
                pass


_WORDS: dict[type, str] = {
    tree.NetworkDeclaration: "network",
    tree.BlockDeclaration: "block",
    tree.RecipeDeclaration: "recipe",
}


def _unused_marks(
    declaration: tree.NetworkDeclaration | tree.BlockDeclaration,
) -> Iterator[tree.Mark]:
    """Yield the first mark of each name that the declaration says nowhere else.

    Not those of a block: who calls it may use them, in this file or in another one.
    """
    if isinstance(declaration, tree.BlockDeclaration):
        return
    said = {*_said(declaration)}
    for mark in marks_in(declaration):
        if mark.name.text not in said:
            said.add(mark.name.text)
            yield mark


def _is_unused_mark(mark: tree.Mark) -> Diagnostic:
    return Diagnostic(
        code="W306",
        message=f"nothing uses the map `{mark.name.text}`",
        span=mark.name.span,
        severity=Severity.WARNING,
    )


def _is_unused(parameter: tree.ParameterDeclaration) -> Diagnostic:
    return Diagnostic(
        code="W301",
        message=f"nothing uses the parameter `{parameter.name.text}`",
        span=parameter.name.span,
        severity=Severity.WARNING,
    )
