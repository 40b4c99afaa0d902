# pyright: basic
# ruff: noqa: D102 - a method is named after its rule in grammars/arch.lark
"""Children of the grammar's rules to nodes of the tree.

Checked by pyright's basic rules: a rule's children are what the grammar says, which no type can.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, NoReturn, TypeAlias, TypeVar

from archdsl.diagnostics import Diagnostic, Note, SpecError
from archdsl.limits import MAX_DIGITS, MAX_EXPONENT, MAX_EXPRESSION_DEPTH, MAX_NESTING, MAX_WORDS
from archdsl.record import Record
from archdsl.source import SourceFile, Span
from archdsl.syntax import tree
from archdsl.syntax.driver import RESERVED, UnexpectedWordError, run
from archdsl.syntax.lexer import WRONG, Token, not_a_word, words


class _Group(Record):
    """Several nodes with the place they take together."""

    items: tuple[object, ...]
    span: Span


Kind = TypeVar("Kind")
Child: TypeAlias = Any  # a token, a group, or a finished node


class Builder:
    """One method for each rule of the grammar; children are tokens and finished nodes."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.depths: dict[int, int] = {}  # id of an expression -> operators inside one another
        self.braced = 0  # words in names so far

    # ------------------------------------------------------------ declarations

    def spec(self, children: list[Child]) -> tree.Spec:
        return tree.Spec(self.source, tuple(children))

    def import_(self, children: list[Child]) -> tree.Import:
        names = tuple(self._name(c) for c in _tokens(children, "NAME"))
        path = self.string(_tokens(children, "STRING"))
        return tree.Import(names, path, self._span(children))

    def network(self, children: list[Child]) -> tree.NetworkDeclaration:
        return tree.NetworkDeclaration(*self._declared(children))

    def block(self, children: list[Child]) -> tree.BlockDeclaration:
        is_sequence = children[0].kind == "SEQUENCE"
        return tree.BlockDeclaration(*self._declared(children), is_sequence=is_sequence)

    def _declared(self, children: list[Child]):  # noqa: ANN202 - five fields, as both take them
        name = self._name(_tokens(children, "NAME")[0])
        parameters = _group(children, tree.ParameterDeclaration)
        annotations = _group(children, tree.Call)
        body = _last(children, tree.Body)
        return name, parameters, annotations, body, self._span(children)

    def recipe(self, children: list[Child]) -> tree.RecipeDeclaration:
        settings = tuple(c for c in children if isinstance(c, tree.Setting))
        name = self._name(_tokens(children, "NAME")[0])
        return tree.RecipeDeclaration(
            name, _group(children, tree.ParameterDeclaration), settings, self._span(children)
        )

    def setting(self, children: list[Child]) -> tree.Setting:
        return tree.Setting(self._name(children[0]), children[2])

    def parameters(self, children: list[Child]) -> _Group:
        return self._collect(children, tree.ParameterDeclaration)

    def parameter(self, children: list[Child]) -> tree.ParameterDeclaration:
        names = [self._name(token) for token in _tokens(children, "NAME")]
        default = None if isinstance(children[-1], Token) else children[-1]
        return tree.ParameterDeclaration(names[0], names[1] if len(names) > 1 else None, default)

    # ------------------------------------------------------------ items

    def body(self, children: list[Child]) -> tree.Body:
        return tree.Body(tuple(children[1:-1]), self._span(children))

    def let(self, children: list[Child]) -> tree.LetItem:
        return tree.LetItem(self._name(children[1]), children[3], self._span(children))

    def require(self, children: list[Child]) -> tree.RequireItem:
        return tree.RequireItem(children[1], self.string(children[3:]), self._span(children))

    def expect(self, children: list[Child]) -> tree.Expect:
        return tree.Expect(children[1], self._span(children))

    def use_recipe(self, children: list[Child]) -> tree.UseRecipe:
        return tree.UseRecipe(children[2], self._span(children))

    def set_init(self, children: list[Child]) -> tree.SetInit:
        return tree.SetInit(children[2], self._span(children))

    def grow(self, children: list[Child]) -> tree.Grow:
        growing = tuple(c for c in children if isinstance(c, tree.Growing))
        nested = bool(_tokens(children, "NESTED"))
        return tree.Grow(growing, nested, self._span(children))

    def growing(self, children: list[Child]) -> tree.Growing:
        return tree.Growing(self._name(children[0]), children[2])

    def stage_of_repeats(self, children: list[Child]) -> tree.StageItem:
        return self._stage(children, _last(children, tree.Repeat))

    def stage_of_items(self, children: list[Child]) -> tree.StageItem:
        return self._stage(children, _last(children, tree.Body))

    def _stage(self, children: list[Child], content: "tree.Repeat | tree.Body") -> tree.StageItem:
        name = self._label(children[1])
        arguments, annotations = _group(children, tree.Argument), _group(children, tree.Call)
        return tree.StageItem(name, arguments, content, annotations, self._span(children))

    def repeat(self, children: list[Child]) -> tree.Repeat:
        factors = tuple(c for c in children[:-1] if not isinstance(c, Token))
        return tree.Repeat(factors, children[-1], self._span(children))

    def loop(self, children: list[Child]) -> tree.LoopItem:
        names = tuple(self._name(c) for c in _tokens(children, "NAME"))
        return tree.LoopItem(names, children[-2], children[-1], self._span(children))

    def condition(self, children: list[Child]) -> tree.Condition:
        otherwise = children[4] if len(children) > 3 else None
        depth = 1 + self.depths.get(id(otherwise), 0)
        if depth > MAX_NESTING:
            message = f"more than {MAX_NESTING} `else if` follow one another"
            span = self._span(children[:1])
            raise SpecError([Diagnostic(code="E106", message=message, span=span)])
        if isinstance(otherwise, tree.Condition):
            otherwise = tree.Body((otherwise,), otherwise.span)
        node = tree.Condition(children[1], children[2], otherwise, self._span(children))
        self.depths[id(node)] = depth
        return node

    def mark(self, children: list[Child]) -> tree.Mark:
        keys = tuple(child for child in children if not isinstance(child, Token))
        return tree.Mark(self._name(children[1]), keys, self._span(children))

    def map_item(self, children: list[Child]) -> tree.MapItem:
        return tree.MapItem(self.reference(children), self._span(children))

    def named_input(self, children: list[Child]) -> tree.InputItem:
        arguments = _group(children, tree.Argument)
        return tree.InputItem(self._name(children[1]), arguments, self._span(children))

    def output(self, children: list[Child]) -> tree.OutputItem:
        pairs = pairwise(children)
        after = [(word.kind, child) for word, child in pairs if isinstance(word, Token)]
        body = children[-1] if isinstance(children[-1], tree.Body) else None
        return tree.OutputItem(
            name=self._name(children[1]),
            keys=tuple(child for kind, child in after if kind == "LSQB"),
            during=next((self._name(child) for kind, child in after if kind == "DURING"), None),
            source=next((child for kind, child in after if kind in ("EQUAL", "FROM")), None),
            annotations=_group(children, tree.Call),
            body=body,
            span=self._span(children),
        )

    def shared(self, children: list[Child]) -> tree.ModuleItem:
        annotations = _group(children, tree.Call)
        return tree.ModuleItem(
            self._name(children[1]), children[3], annotations, self._span(children)
        )

    def reference(self, children: list[Child]) -> tree.Expression:
        name = self._name(children[0])
        found: tree.Expression = tree.Variable(name, name.span)
        for accessor in children[1:]:
            key, span = accessor.items[0], found.span.to(accessor.span)
            if isinstance(key, tree.Name):
                found = tree.Attribute(found, key, span)
            else:
                found = tree.Index(found, key, span)
            found = self._nested(found, children)
        return found

    def accessor(self, children: list[Child]) -> _Group:
        key = children[1] if len(children) == 3 else self._name(children[1])
        return _Group((key,), self._span(children))

    def element(self, children: list[Child]) -> tree.Element:
        label = self._label(children[0]) if isinstance(children[0], Token) else None
        call = next(child for child in children if isinstance(child, tree.Call))
        froms = _tokens(children, "FROM")
        source = children[children.index(froms[0]) + 1] if froms else None
        body = children[-1] if isinstance(children[-1], tree.Body) else None
        annotations = _group(children, tree.Call)
        return tree.Element(label, call, source, annotations, body, self._span(children))

    def named_body(self, children: list[Child]) -> tree.NamedBody:
        annotations = _group(children, tree.Call)
        body = _last(children, tree.Body)
        return tree.NamedBody(self._label(children[0]), annotations, body, self._span(children))

    def annotations(self, children: list[Child]) -> _Group:
        return self._collect(children, tree.Call)

    # ------------------------------------------------------------ calls

    def call(self, children: list[Child]) -> tree.Call:
        arguments = _group(children, tree.Argument) if len(children) > 1 else None
        name = children[0]
        if name.text in RESERVED:
            message = f"`{name.text}` does not fit here; expected a layer, a block or a value"
            raise SpecError(
                [Diagnostic(code="E101", message=message, span=self._span(children[:1]))]
            )
        return tree.Call(self._name(name), arguments, self._span(children))

    def arguments(self, children: list[Child]) -> _Group:
        return self._collect(children, tree.Argument)

    def named_argument(self, children: list[Child]) -> tree.Argument:
        name = children[0]
        return tree.Argument(tree.Name(name.text, self._place(name)), children[2])

    def positional_argument(self, children: list[Child]) -> tree.Argument:
        return tree.Argument(None, children[0])

    # ------------------------------------------------------------ expressions

    def conditional(self, children: list[Child]) -> tree.Expression:
        return self._nested(
            tree.Conditional(children[1], children[3], children[5], self._span(children)),
            children,
        )

    def binary(self, children: list[Child]) -> tree.Expression:
        left, operator, right = children
        node = tree.Infix(operator.text, left, right, self._span(children))
        return self._nested(node, children)

    def unary_operation(self, children: list[Child]) -> tree.Expression:
        operator, operand = children
        node = tree.Prefix(operator.text, operand, self._span(children))
        return self._nested(node, children)

    def index(self, children: list[Child]) -> tree.Expression:
        return self._nested(tree.Index(children[0], children[2], self._span(children)), children)

    def member(self, children: list[Child]) -> tree.Expression:
        name = self._name(children[2])
        return self._nested(tree.Attribute(children[0], name, self._span(children)), children)

    def number(self, children: Sequence[Child]) -> tree.NumberLiteral:
        text, span = children[0].text, self._span(children)
        mantissa, _, exponent = text.lower().replace("_", "").partition("e")
        if len(mantissa) > MAX_DIGITS or (exponent and abs(int(exponent[:9])) > MAX_EXPONENT):
            message = f"a number has at most {MAX_DIGITS} digits and an exponent of {MAX_EXPONENT}"
            raise SpecError([Diagnostic(code="E107", message=message, span=span)])
        is_integer = "." not in mantissa and not exponent
        value = Fraction(mantissa) * Fraction(10) ** int(exponent or "0")
        return tree.NumberLiteral(value, is_integer, span)

    def string(self, children: Sequence[Child]) -> tree.StringLiteral:
        return tree.StringLiteral(children[0].text[1:-1], self._span(children))

    def true(self, children: list[Child]) -> tree.BooleanLiteral:
        return tree.BooleanLiteral(value=True, span=self._span(children))

    def false(self, children: list[Child]) -> tree.BooleanLiteral:
        return tree.BooleanLiteral(value=False, span=self._span(children))

    def variable_or_call(self, children: list[Child]) -> tree.Expression:
        call = children[0]
        assert isinstance(call, tree.Call)
        if call.arguments is None:
            return tree.Variable(call.name, call.span)
        return self._nested(call, [a.value for a in call.arguments])

    def parenthesized(self, children: list[Child]) -> object:
        return children[1]

    def list_literal(self, children: list[Child]) -> tree.Expression:
        items = tuple(c for c in children if not isinstance(c, Token))
        return self._nested(tree.ListLiteral(items, self._span(children)), children)

    def dict_literal(self, children: list[Child]) -> tree.Expression:
        items = [c for c in children if not isinstance(c, Token)]
        pairs = tuple(zip(items[::2], items[1::2], strict=True))
        return self._nested(tree.DictLiteral(pairs, self._span(children)), children)

    # ------------------------------------------------------------ what the rules share

    def _collect(self, children: Sequence[Child], kind: type) -> _Group:
        items = tuple(c for c in children if isinstance(c, kind))
        return _Group(items, self._span(children))

    def _place(self, token: Token) -> Span:
        return Span(self.source, token.start, token.end)

    def _span(self, children: Sequence[Child]) -> Span:
        return self._at(children[0]).to(self._at(children[-1]))

    def _at(self, child: Child) -> Span:
        match child:
            case Token():
                return self._place(child)
            case tree.ParameterDeclaration(name=name, kind=kind, default=default):
                last = default or kind
                return name.span if last is None else name.span.to(last.span)
            case tree.Setting(name=name, value=value):
                return name.span.to(value.span)
            case tree.Growing(name=name, values=values):
                return name.span.to(values.span)
            case tree.Argument(name=name, value=value):
                return value.span if name is None else name.span.to(value.span)
            case _:
                return child.span

    def _name(self, token: Child) -> tree.Name:
        if token.text in RESERVED:
            message = f"`{token.text}` is a word of the language and cannot be a name"
            help_ = f"write `{token.text}_` or another name"
            span = self._place(token)
            raise SpecError([Diagnostic(code="E108", message=message, span=span, help=help_)])
        return tree.Name(token.text, self._place(token))

    def _label(self, token: Token) -> tree.Name:
        """Return the name of a member; in quotes it may have expressions in braces."""
        if token.kind != "STRING":
            return self._name(token)
        text, start = token.text[1:-1], token.start + 1
        parts: list[str | tree.Expression] = []
        position = 0
        while (opening := text.find("{", position)) >= 0:
            closing = text.find("}", opening)
            if closing < 0:
                self._unpaired(start + opening, "}")
            self._check_text(text[position:opening], start + position)
            parts.append(text[position:opening])
            parts.append(self._braced(start + opening + 1, start + closing))
            position = closing + 1
        self._check_text(text[position:], start + position)
        if not parts:
            return tree.Name(text, self._place(token))
        parts.append(text[position:])
        return tree.Name(text, self._place(token), tuple(part for part in parts if part != ""))

    def _check_text(self, text: str, start: int) -> None:
        if (place := text.find("}")) >= 0:
            self._unpaired(start + place, "{")

    def _unpaired(self, offset: int, missing: str) -> NoReturn:
        message = f"a `{missing}` is missing: what stands in braces is computed"
        span = Span(self.source, offset, offset + 1)
        raise SpecError([Diagnostic(code="E101", message=message, span=span)])

    def _braced(self, start: int, end: int) -> tree.Expression:
        """Return the expression between two offsets."""
        try:
            found: tree.Expression = run(
                "expression", self._counted(words(self.source, within=(start, end))), self
            )
        except UnexpectedWordError as error:
            token = error.token
            if token.kind == WRONG:
                raise SpecError([not_a_word(self.source, token)]) from None
            message = f"`{token.text or '}'}` does not fit here; expected an expression"
            span = Span(self.source, token.start, max(token.end, token.start + 1))
            help_ = 'write a number to be put there, as in `"layer{i + 1}"`'
            found_ = Diagnostic(code="E101", message=message, span=span, help=help_)
            raise SpecError([found_]) from None
        return found

    def _counted(self, tokens: Iterator[Token]) -> Iterator[Token]:
        """Yield the words of a name; raise SpecError where those of all are too many."""
        for token in tokens:
            self.braced += 1
            if self.braced > MAX_WORDS:
                message = f"`{self.source.name}` has more than {MAX_WORDS:,} words in names"
                span = Span(self.source, token.start, max(token.end, token.start + 1))
                raise SpecError([Diagnostic(code="E201", message=message, span=span)])
            yield token

    def _nested(self, node: tree.Expression, children: Sequence[object]) -> tree.Expression:
        depth = 1 + max((self.depths.get(id(c), 0) for c in children), default=0)
        self.depths[id(node)] = depth
        if depth > MAX_EXPRESSION_DEPTH:
            message = f"operators are nested deeper than {MAX_EXPRESSION_DEPTH}"
            note = Note("split the expression with `let`")
            raise SpecError(
                [Diagnostic(code="E106", message=message, span=node.span, notes=(note,))]
            )
        return node


def _tokens(children: Sequence[Child], kind: str) -> list[Token]:
    return [c for c in children if isinstance(c, Token) and c.kind == kind]


def _group(children: Sequence[Child], kind: type[Kind]) -> tuple[Kind, ...]:
    """Return the items of the group of this kind among the children; none if it is not there."""
    for child in children:
        if isinstance(child, _Group) and child.items and isinstance(child.items[0], kind):
            return tuple(item for item in child.items if isinstance(item, kind))
    return ()


def _last(children: Sequence[Child], kind: type[Kind]) -> Kind:
    return next(c for c in reversed(children) if isinstance(c, kind))
