"""What a recipe says of the optimizer, and of its rate over the epochs."""

from itertools import pairwise

from archdsl.ir.numbers import Number
from archdsl.ir.recipe import (
    Adam,
    AdamW,
    AveragedMoments,
    Constant,
    Cosine,
    Factors,
    Optimizer,
    Schedule,
    Sgd,
    Steps,
    WarmRestarts,
)
from archdsl.semantics.checks import fail
from archdsl.semantics.evaluate import evaluate
from archdsl.semantics.recipe_values import (
    CallArguments,
    arguments_of,
    choose,
    read_flag,
    read_integer,
    read_natural,
    read_positive,
    read_rate,
    read_word,
)
from archdsl.semantics.values import ListValue, Scope
from archdsl.syntax import tree


def read_optimizer(node: tree.Expression, scope: Scope) -> Optimizer:
    """Return an optimizer, with PyTorch's defaults but for the learning rate."""
    word, call = choose(node, scope, "`optimizer`", ("sgd", "adam", "adamw"))
    if word == "sgd":
        return _sgd(call, scope)
    names = ("lr", "betas", "weight_decay", *_FACTORS)
    arguments = arguments_of(call, scope, *names)
    kind, decay = (AdamW, 0.01) if word == "adamw" else (Adam, 0.0)
    return kind(
        lr=arguments.read("lr", read_positive),
        betas=arguments.read("betas", _betas, (0.9, 0.999)),
        weight_decay=arguments.read("weight_decay", read_natural, decay),
        factors=_factors(arguments),
    )


_FACTORS = ("norm_factor", "bias_factor")


def _sgd(call: tree.Call, scope: Scope) -> Sgd:
    names = ("lr", "momentum", "nesterov", "weight_decay", *_FACTORS)
    arguments = arguments_of(call, scope, *names)
    momentum = arguments.read("momentum", read_rate, 0.0)
    nesterov = arguments.read("nesterov", read_flag, default=False)
    if nesterov and momentum == 0:
        message = "`nesterov` needs a momentum"
        fail("E608", message, arguments.placed["nesterov"].span, "write `momentum = 0.9`")
    return Sgd(
        lr=arguments.read("lr", read_positive),
        momentum=momentum,
        nesterov=nesterov,
        weight_decay=arguments.read("weight_decay", read_natural, 0.0),
        factors=_factors(arguments),
    )


def _factors(arguments: CallArguments) -> Factors | None:
    factors = Factors(*(arguments.read(name, read_positive, 1.0) for name in _FACTORS))
    return None if factors == Factors() else factors


def _betas(node: tree.Expression, scope: Scope, what: str) -> tuple[float, float]:
    if not isinstance(node, tree.ListLiteral) or len(node.items) != 2:
        fail("E606", f"{what} is a list of two numbers: `[0.9, 0.999]`", node.span)
    first, second = node.items
    return read_rate(first, scope, what), read_rate(second, scope, what)


def read_schedule(node: tree.Expression, scope: Scope) -> Schedule:
    """Return a schedule of the learning rate."""
    word, call = choose(node, scope, "`schedule`", ("steps", "cosine", "warm_restarts", "constant"))
    match word:
        case "constant":
            arguments = arguments_of(call, scope, "warmup")
            return Constant(warmup=arguments.read("warmup", read_natural, 0.0))
        case "cosine":
            return Cosine(
                warmup=arguments_of(call, scope, "warmup").read("warmup", read_natural, 0.0)
            )
        case "warm_restarts":
            names = ("first", "growth", "min_lr", "warmup", "reset_momentum")
            arguments = arguments_of(call, scope, *names)
            return WarmRestarts(
                first=arguments.read("first", _length),
                growth=arguments.read("growth", _length, 2),
                min_lr=arguments.read("min_lr", read_natural, 0.0),
                warmup=arguments.read("warmup", read_natural, 0.0),
                reset_momentum=arguments.read("reset_momentum", read_flag, default=False),
            )
        case _:
            arguments = arguments_of(call, scope, "at", "factor", "warmup")
            return Steps(
                at=arguments.read("at", _epochs),
                factor=arguments.read("factor", read_positive),
                warmup=arguments.read("warmup", read_natural, 0.0),
            )


def _length(node: tree.Expression, scope: Scope, what: str) -> int:
    return read_integer(node, scope, what, 1, 1_000_000)


def _epochs(node: tree.Expression, scope: Scope, what: str) -> tuple[int, ...]:
    value = evaluate(node, scope)
    if not isinstance(value, ListValue) or not value.items:
        fail("E606", f"{what} is a list of epochs: `[60, 120, 160]`", node.span)
    numbers = [v.value for v in value.items if isinstance(v, Number)]
    epochs = tuple(n for n in numbers if isinstance(n, int) and n >= 1)
    if len(epochs) != len(value.items):
        fail("E606", f"{what} lists epochs, which are integers from 1", node.span)
    if any(left >= right for left, right in pairwise(epochs)):
        fail("E607", f"the epochs of {what} must rise", node.span)
    return epochs


def read_moments(node: tree.Expression, scope: Scope) -> AveragedMoments | None:
    """Return how the moments of batch normalization are measured, None for running ones."""
    word, call = choose(node, scope, "`moments`", ("running", "averaged"))
    if word == "running":
        arguments_of(call, scope)
        return None
    arguments = arguments_of(call, scope, "of", "between")
    return AveragedMoments(
        of=arguments.read("of", _spread, "variances"),
        between=arguments.read("between", lambda n, s, w: read_integer(n, s, w, 0, 1_000_000), 0),
    )


def _spread(node: tree.Expression, scope: Scope, what: str) -> str:
    return read_word(node, scope, what, ("variances", "deviations"))
