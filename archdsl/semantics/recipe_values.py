"""How a recipe's settings are read: words, calls with their arguments, numbers in their range."""

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn, TypeVar

from archdsl.ir.numbers import Number, Truth
from archdsl.ir.recipe import LEAST_ALPHA
from archdsl.ir.task import Loss
from archdsl.record import Record
from archdsl.semantics.checks import fail
from archdsl.semantics.evaluate import evaluate, truth_of
from archdsl.semantics.signature import place
from archdsl.semantics.values import Scope, type_name
from archdsl.source import Span
from archdsl.syntax import tree

Result = TypeVar("Result")

# ---------------------------------------------------------------- words and calls


def choose(
    node: tree.Expression, scope: Scope, what: str, known: Sequence[str]
) -> tuple[str, tree.Call]:
    """Return which of the known words a setting is, as a call; `if .. then .. else` may choose."""
    match node:
        case tree.Conditional(condition=condition, chosen=chosen, otherwise=otherwise):
            taken = chosen if truth_of(condition, scope) else otherwise
            return choose(taken, scope, what, known)
        case tree.Variable(name=name, span=span):
            call = tree.Call(name, None, span)
        case tree.Call():
            call = node
        case _:
            _not_one(node.span, what, known)
    word = call.name.text
    if word not in known:
        message = f"{what} is one of {_listed(known)}, not `{word}`"
        from archdsl.semantics.hints import word_help

        fail("E605", message, call.name.span, word_help(word, known))
    return word, call


def _not_one(span: Span, what: str, known: Sequence[str]) -> NoReturn:
    word = span.text.strip('"')
    help_ = f"write `{word}` without quotes" if word in known else None
    fail("E605", f"{what} is one of {_listed(known)}", span, help_)


def _listed(known: Sequence[str]) -> str:
    return ", ".join(f"`{word}`" for word in known)


DECAYS = ("all", "weights")
LOSSES = tuple(str(loss) for loss in Loss)


def read_word(node: tree.Expression, scope: Scope, what: str, known: Sequence[str]) -> str:
    """Return which of the known words a setting is."""
    word, call = choose(node, scope, what, known)
    if call.arguments is not None:
        fail("E311", f"`{word}` takes no arguments", call.span)
    return word


class CallArguments(Record):
    """A call's arguments by name, not yet evaluated."""

    call: tree.Call
    scope: Scope
    placed: Mapping[str, tree.Expression]

    def read(
        self,
        name: str,
        reader: Callable[[tree.Expression, Scope, str], Result],
        default: Result | None = None,
    ) -> Result:
        """Return the value of an argument; without a default it must be given."""
        if name in self.placed:
            return reader(self.placed[name], self.scope, f"`{name}`")
        if default is None:
            word = self.call.name.text
            example = _CALL_EXAMPLES.get(word) or f"{name} = {_ARGUMENT_EXAMPLES[name]}"
            fail("E312", f"`{word}` needs `{name}`", self.call.span, f"write `{word}({example})`")
        return default


_ARGUMENT_EXAMPLES = {
    "fan": "fan_out",
    "std": "0.02",
    "lr": "0.1",
    "pad": "4",
    "size": "16",
    "at": "[60, 120, 160]",
    "factor": "0.2",
    "first": "2",
    "augment": "[random_resized_crop(224), flip]",
    "test": "[resize(256), center_crop(224)]",
    "pixels": "224",
    "brightness": "0.4",
    "contrast": "0.4",
    "saturation": "0.4",
}

_CALL_EXAMPLES = {"sine": "train = 4_096, test = 2_001"}  # `test` is something else in others


def arguments_of(call: tree.Call, scope: Scope, *names: str) -> CallArguments:
    """Return what a call gives for these parameters."""
    return CallArguments(call, scope, place(call, names, f"`{call.name.text}`"))


# ---------------------------------------------------------------- numbers


def read_number(node: tree.Expression, scope: Scope, what: str) -> Number:
    """Return a number; `what` names it in messages."""
    value = evaluate(node, scope)
    if not isinstance(value, Number):
        fail("E606", f"{what} is a number, not {type_name(value)}", node.span)
    return value


def read_flag(node: tree.Expression, scope: Scope, what: str) -> bool:
    """Return true or false; `what` names it in messages."""
    value = evaluate(node, scope)
    if not isinstance(value, Truth):
        fail("E606", f"{what} is true or false, not {type_name(value)}", node.span)
    return value.value


def read_integer(
    node: tree.Expression, scope: Scope, what: str, least: int, most: int | None = None
) -> int:
    """Return an integer within these bounds; `what` names it in messages."""
    number = read_number(node, scope, what)
    if not isinstance(number.value, int):
        fail("E606", f"{what} is an integer, not {number}", node.span)
    if number.value < least:
        fail("E607", f"{what} is at least {least}, not {number}", node.span)
    if most is not None and number.value > most:
        fail("E607", f"{what} is at most {most}, not {number}", node.span)
    return number.value


def read_positive(node: tree.Expression, scope: Scope, what: str) -> float:
    """Return a number above 0; `what` names it in messages."""
    number = read_number(node, scope, what)
    if number.value <= 0:
        fail("E607", f"{what} is above 0, not {number}", node.span)
    return float(number.value)


def read_natural(node: tree.Expression, scope: Scope, what: str) -> float:
    """Return a number of at least 0; `what` names it in messages."""
    number = read_number(node, scope, what)
    if number.value < 0:
        fail("E607", f"{what} is at least 0, not {number}", node.span)
    return float(number.value)


def read_alpha(node: tree.Expression, scope: Scope, what: str) -> float:
    """Return the parameter of a Beta distribution, or 0."""
    value = read_natural(node, scope, what)
    if 0 < value < LEAST_ALPHA:
        fail("E607", f"{what} is 0 or at least {LEAST_ALPHA:g}", node.span)
    return value


def read_rate(node: tree.Expression, scope: Scope, what: str) -> float:
    """Return a number of at least 0 and below 1."""
    number = read_number(node, scope, what)
    if not 0 <= number.value < 1:
        fail("E607", f"{what} is at least 0 and below 1, not {number}", node.span)
    return float(number.value)
