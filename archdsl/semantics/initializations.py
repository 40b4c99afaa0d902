"""What weights begin as, which a network or a recipe may say."""

from archdsl.ir.initialization import (
    Fan,
    He,
    Initialization,
    PyTorchDefault,
    TruncatedNormal,
    Xavier,
)
from archdsl.semantics.recipe_values import arguments_of, choose, read_positive, read_word
from archdsl.semantics.values import Scope
from archdsl.syntax import tree

INITIALIZATIONS = ("he", "xavier", "truncated_normal", "default")
_FANS = (str(Fan.OUT), str(Fan.IN))


def read_initialization(node: tree.Expression, scope: Scope) -> Initialization:
    """Return what weights begin as, which a network or a recipe may say."""
    word, call = choose(node, scope, "`init`", INITIALIZATIONS)
    match word:
        case "he":
            arguments = arguments_of(call, scope, "fan", "gains", "biases")
            return He(
                Fan(arguments.read("fan", _fan)),
                arguments.read("gains", _gains, "ones") == "uniform",
                arguments.read("biases", _biases, "default") == "zeros",
            )
        case "truncated_normal":
            return TruncatedNormal(arguments_of(call, scope, "std").read("std", read_positive))
        case "xavier":
            arguments_of(call, scope)
            return Xavier()
        case _:
            arguments_of(call, scope)
            return PyTorchDefault()


def _fan(node: tree.Expression, scope: Scope, what: str) -> str:
    return read_word(node, scope, what, _FANS)


def _gains(node: tree.Expression, scope: Scope, what: str) -> str:
    return read_word(node, scope, what, ("ones", "uniform"))


def _biases(node: tree.Expression, scope: Scope, what: str) -> str:
    return read_word(node, scope, what, ("default", "zeros"))
