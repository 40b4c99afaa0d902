"""The tree: what was written, every node with its span, nothing computed."""

from fractions import Fraction
from typing import TypeAlias

from archdsl.record import Placed, Record
from archdsl.source import SourceFile, Span


class Name(Placed):
    """A word with its place; in quotes, the name of a member, maybe with expressions in it."""

    text: str
    span: Span
    parts: "tuple[str | Expression, ...]" = ()  # of `"layer{i + 1}"`; `text` is then as written

    @property
    def is_quoted(self) -> bool:
        """Whether it stands in quotes."""
        return self.span.text.startswith('"')


# ---------------------------------------------------------------- expressions


class NumberLiteral(Placed):
    """`128`, `0.1`, `5e-4`; exact."""

    value: Fraction
    is_integer: bool  # written without a point and without an exponent
    span: Span


class StringLiteral(Placed):
    """`"text"`, without its quotes."""

    value: str
    span: Span


class BooleanLiteral(Placed):
    """`true` or `false`."""

    value: bool
    span: Span


class Variable(Placed):
    """A bare word: a variable, a block, a layer or an option, as its place decides."""

    name: Name
    span: Span


class Call(Placed):
    """`name(argument, name = argument)`; `arguments` is None where no parentheses stand."""

    name: Name
    arguments: "tuple[Argument, ...] | None"
    span: Span


class Argument(Record):
    """An argument of a call, named or not."""

    name: Name | None
    value: "Expression"


class Prefix(Placed):
    """`-x`, `+x` or `not x`."""

    operator: str
    operand: "Expression"
    span: Span


class Infix(Placed):
    """Arithmetic, comparison, `and`, `or`."""

    operator: str
    left: "Expression"
    right: "Expression"
    span: Span


class Conditional(Placed):
    """`if condition then chosen else otherwise`."""

    condition: "Expression"
    chosen: "Expression"
    otherwise: "Expression"
    span: Span


class Index(Placed):
    """`container[key]`."""

    container: "Expression"
    key: "Expression"
    span: Span


class Attribute(Placed):
    """`part.output`, in an `expect`."""

    owner: "Expression"
    name: Name
    span: Span


class ListLiteral(Placed):
    """`[a, b]`."""

    items: "tuple[Expression, ...]"
    span: Span


class DictLiteral(Placed):
    """`{key: value}`."""

    items: "tuple[tuple[Expression, Expression], ...]"
    span: Span


Expression: TypeAlias = (
    NumberLiteral
    | StringLiteral
    | BooleanLiteral
    | Variable
    | Call
    | Prefix
    | Infix
    | Conditional
    | Index
    | Attribute
    | ListLiteral
    | DictLiteral
)


# ---------------------------------------------------------------- items of a body


class LetItem(Placed):
    """`let name = value`."""

    name: Name
    value: Expression
    span: Span


class RequireItem(Placed):
    """`require condition, "message"`."""

    condition: Expression
    message: StringLiteral
    span: Span


class Expect(Placed):
    """`expect condition` about the finished network."""

    condition: Expression
    span: Span


class UseRecipe(Placed):
    """`train = recipe`."""

    recipe: Call
    span: Span


class SetInit(Placed):
    """`init = he(fan_in)`."""

    value: Expression
    span: Span


class Growing(Record):
    """`width = [4, 8, 16]` after `grow`: an argument and its values, phase by phase."""

    name: Name
    values: Expression


class Grow(Placed):
    """`grow width = [4, 8, 16], depth = [10, 16, 22]`, or with `nested` behind it."""

    growing: tuple[Growing, ...]
    nested: bool  # the word stands behind the lists
    span: Span


class Mark(Placed):
    """`mark c2` or `mark levels[i]`: a name for what flows here."""

    name: Name
    keys: tuple[Expression, ...]
    span: Span


class MapItem(Placed):
    """`levels[i]` in a sum, a concat or a product: a map that has a name; `c2` is an Element."""

    map: Expression
    span: Span


class InputItem(Placed):
    """`input left(3, 64, 64)`: an input that has a name."""

    name: Name
    arguments: tuple[Argument, ...]
    span: Span


class OutputItem(Placed):
    """`output aux { .. }`, `output boxes = c3` or `output features`: one more thing that is given.

    `source` is the map that it is, or that its body starts from; without one that is what flows.
    """

    name: Name
    keys: tuple[Expression, ...]
    during: Name | None
    source: Expression | None
    annotations: tuple[Call, ...]
    body: "Body | None"
    span: Span


class ModuleItem(Placed):
    """`shared tower = unit(64) with annotations`: a block that is one wherever it is used."""

    name: Name
    call: Call
    annotations: tuple[Call, ...]
    span: Span


class Element(Placed):
    """`name: call from map with annotations { body }`: a layer, a block, or a construct."""

    label: Name | None
    call: Call
    source: Expression | None  # the map that a branch starts from
    annotations: tuple[Call, ...]
    body: "Body | None"
    span: Span


class NamedBody(Placed):
    """`name: { body }`, or `name: with annotations { body }`."""

    label: Name
    annotations: tuple[Call, ...]
    body: "Body"
    span: Span


class Repeat(Placed):
    """`factor * ... * block(arguments)`, after the `=` of a stage."""

    factors: tuple[Expression, ...]
    call: Call
    span: Span


class StageItem(Placed):
    """`stage name(stride = 2) = n * block(...) with ...`, or with a body."""

    name: Name
    arguments: tuple[Argument, ...]
    content: "Repeat | Body"
    annotations: tuple[Call, ...]
    span: Span


class LoopItem(Placed):
    """`for index, item in sequence { body }`."""

    names: tuple[Name, ...]
    sequence: Expression
    body: "Body"
    span: Span


class Condition(Placed):
    """`if condition { body } else { otherwise }`; `else if` is a body of one Condition."""

    condition: Expression
    body: "Body"
    otherwise: "Body | None"
    span: Span


class Body(Placed):
    """`{ items }`."""

    items: "tuple[BodyItem, ...]"
    span: Span


BodyItem: TypeAlias = (
    LetItem
    | RequireItem
    | Expect
    | UseRecipe
    | SetInit
    | Grow
    | Mark
    | MapItem
    | InputItem
    | OutputItem
    | ModuleItem
    | Element
    | NamedBody
    | StageItem
    | LoopItem
    | Condition
)


# ---------------------------------------------------------------- declarations


class ParameterDeclaration(Record):
    """`name = default`, or `name: map`: a parameter of a declaration."""

    name: Name
    kind: Name | None  # `map` or `maps`
    default: Expression | None


class Import(Placed):
    """`import name, name from "path.arch"`."""

    names: tuple[Name, ...]
    path: StringLiteral
    span: Span


class NetworkDeclaration(Placed):
    """`network name(parameters) with annotations { body }`."""

    name: Name
    parameters: tuple[ParameterDeclaration, ...]
    annotations: tuple[Call, ...]
    body: Body
    span: Span


class BlockDeclaration(Placed):
    """`block name(parameters) with annotations { body }`, or `sequence name ..`."""

    name: Name
    parameters: tuple[ParameterDeclaration, ...]
    annotations: tuple[Call, ...]
    body: Body
    span: Span
    is_sequence: bool = False  # its members go by index


class Setting(Record):
    """`name = value` in a recipe."""

    name: Name
    value: Expression


class RecipeDeclaration(Placed):
    """`train name(parameters) { settings }`."""

    name: Name
    parameters: tuple[ParameterDeclaration, ...]
    settings: tuple[Setting, ...]
    span: Span


Declaration: TypeAlias = Import | NetworkDeclaration | BlockDeclaration | RecipeDeclaration


class Spec(Record):
    """A file."""

    source: SourceFile
    declarations: tuple[Declaration, ...]
