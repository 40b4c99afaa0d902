"""What a recipe says of growth: when a network goes on to its next phase, and how."""

from collections.abc import Mapping
from itertools import pairwise
from typing import assert_never

from archdsl.diagnostics import Diagnostic, Diagnostics, Note, Severity
from archdsl.ir.network import Phases
from archdsl.ir.numbers import Number
from archdsl.ir.rebuild import replace
from archdsl.ir.recipe import GrowAt, Growth, NewChannels, Plateau, Recipe
from archdsl.semantics.checks import fail
from archdsl.semantics.evaluate import evaluate
from archdsl.semantics.recipe_values import (
    arguments_of,
    choose,
    read_integer,
    read_rate,
    read_word,
)
from archdsl.semantics.values import ListValue, Scope
from archdsl.source import Span
from archdsl.syntax import tree

METRICS = ("train_loss", "held_out_loss")
_HOW = ("new", "schedule")


def read_growth(node: tree.Expression, scope: Scope) -> Growth:
    """Return when a network grows."""
    if isinstance(node, tree.ListLiteral):
        help_ = f"write `grow = at({node.span.text})` for growths at these epochs"
        fail("E605", "`grow` is one of `at`, `plateau`", node.span, help_)
    word, call = choose(node, scope, "`grow`", ("at", "plateau"))
    names = ("epochs",) if word == "at" else ("metric", "window", "least", "cooldown")
    arguments = arguments_of(call, scope, *names, *_HOW)
    new = NewChannels(arguments.read("new", _new, NewChannels.ZERO.value))
    restarts = arguments.read("schedule", _schedule, "whole") == "restart"
    if word == "at":
        at = arguments.read("epochs", _epochs)
        return GrowAt(at=at, new=new, restarts=restarts)
    return Plateau(
        metric=arguments.read("metric", _metric),
        window=arguments.read("window", _length, 10),
        least=arguments.read("least", read_rate, 0.05),
        cooldown=arguments.read("cooldown", _cooldown, 0),
        new=new,
        restarts=restarts,
    )


def _new(node: tree.Expression, scope: Scope, what: str) -> str:
    return read_word(node, scope, what, tuple(NewChannels))


def _schedule(node: tree.Expression, scope: Scope, what: str) -> str:
    return read_word(node, scope, what, ("whole", "restart"))


def _metric(node: tree.Expression, scope: Scope, what: str) -> str:
    return read_word(node, scope, what, METRICS)


def _length(node: tree.Expression, scope: Scope, what: str) -> int:
    return read_integer(node, scope, what, 1, 1_000_000)


def _cooldown(node: tree.Expression, scope: Scope, what: str) -> int:
    return read_integer(node, scope, what, 0, 1_000_000)


def _epochs(node: tree.Expression, scope: Scope, what: str) -> tuple[int, ...]:
    value = evaluate(node, scope)
    if not isinstance(value, ListValue) or not value.items:
        fail("E606", f"{what} is a list of those that begin a phase: `[3, 5, 7]`", node.span)
    numbers = [v.value for v in value.items if isinstance(v, Number)]
    epochs = tuple(n for n in numbers if isinstance(n, int) and n >= 2)
    if len(epochs) != len(value.items):
        message = f"{what} lists epochs from 2 on, which begin a phase; epoch 1 begins phase 0"
        fail("E606", message, node.span)
    if any(left >= right for left, right in pairwise(epochs)):
        fail("E607", f"the {what} that begin a phase must rise", node.span)
    return epochs


def check_growth(
    recipe: Recipe, nodes: Mapping[str, tree.Expression], diagnostics: Diagnostics
) -> None:
    """Report a growth that its recipe does not come to."""
    match recipe.grow:
        case GrowAt(at=at) if at[-1] > recipe.epochs:
            late = next(epoch for epoch in at if epoch > recipe.epochs)
            message = f"the training ends after epoch {recipe.epochs}, before the growth at {late}"
            help_ = "let it last longer, or grow earlier"
            _error(message, nodes["grow"].span, diagnostics, help_)
        case Plateau(metric="held_out_loss") if not recipe.held_out:
            message = "`held_out_loss` is of images that are held out, and none are"
            help_ = "write `held_out = 5_000` in the recipe, or `plateau(train_loss)`"
            _error(message, nodes["grow"].span, diagnostics, help_)
        case Plateau(window=window, cooldown=cooldown) if (
            max(2 * window, cooldown) >= recipe.epochs
        ):
            message = f"a plateau of 2 x {window:,} epochs"
            if cooldown > 2 * window:
                message = f"a plateau after {cooldown:,} epochs"
            help_ = "let the training last longer, or make `window` and `cooldown` smaller"
            text = f"{message} is not seen in a training of {recipe.epochs:,}: nothing grows"
            _error(text, nodes["grow"].span, diagnostics, help_)
        case GrowAt() | Plateau() | None:
            pass
        case _:
            assert_never(recipe.grow)


def fit_growth(
    recipe: Recipe,
    phases: Phases | None,
    written: tree.Grow | None,
    span: Span,
    diagnostics: Diagnostics,
) -> Recipe:
    """Return the recipe as it trains this network; report what does not fit.

    A member of a growing family that does not grow itself is trained as it is.
    """
    if phases is None:
        if recipe.grow is not None and written is None:
            message = f"recipe `{recipe.name}` grows the network, and this network does not grow"
            help_ = "write `grow NAME = [..]` in the network, or use a recipe without `grow`"
            _error(message, span, diagnostics, help_)
        return replace(recipe, grow=None)
    match recipe.grow:
        case None:
            message = f"the network grows, and recipe `{recipe.name}` does not say when"
            at = _example(len(phases.values) - 1)
            help_ = f"write `grow = at({at})` in it; without that the last phase alone is trained"
            note = Note("it grows here", phases.span)
            diagnostics.add(
                Diagnostic(
                    code="W801",
                    message=message,
                    span=span,
                    help=help_,
                    notes=(note,),
                    severity=Severity.WARNING,
                )
            )
        case GrowAt(at=at) if len(at) != len(phases.values) - 1:
            growths = len(phases.values) - 1
            message = f"the network grows {_times(growths)}, and its recipe at "
            message += f"{len(at)} epoch{'s' if len(at) > 1 else ''}"
            note = Note(f"it has {len(phases.values)} phases", phases.span)
            help_ = f"give an epoch for each phase but the first: `at({_example(growths)})`"
            _error(message, span, diagnostics, help_, (note,))
        case GrowAt() | Plateau():
            pass
        case _:
            assert_never(recipe.grow)
    return recipe


def _example(growths: int) -> str:
    """Return epochs as one may write them for so many growths."""
    few = [str(3 + 2 * i) for i in range(min(growths, 4))]
    return f"[{', '.join(few)}{', ..' if growths > len(few) else ''}]"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _error(
    message: str,
    span: Span,
    diagnostics: Diagnostics,
    help_: str,
    notes: tuple[Note, ...] = (),
) -> None:
    found = Diagnostic(code="E808", message=message, span=span, help=help_, notes=notes)
    diagnostics.add(found)
