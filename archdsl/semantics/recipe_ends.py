"""Which networks with several inputs or outputs a training script can be written for."""

from collections.abc import Iterator

from archdsl.diagnostics import Diagnostic
from archdsl.ir.network import Network
from archdsl.ir.recipe import Recipe
from archdsl.semantics.flow import listed
from archdsl.source import Span


def ends_mistakes(recipe: Recipe, network: Network, span: Span) -> Iterator[Diagnostic]:
    """Yield why a network cannot be trained by `train.py`, which gives it one input.

    What it gives is compared with what is right, and so is what auxiliary heads give, which are
    there during training only.
    """

    def mistake(message: str, help_: str) -> Diagnostic:
        return Diagnostic(code="E609", message=message, span=span, help=help_)

    if len(network.inputs) > 1:
        names = listed([f"`{each.label}`" for each in network.inputs])
        message = f"a data set gives one input, the network takes {names}"
        yield mistake(message, "drop `train =`, and write a training loop around model.py")
    always = [each for each in network.outputs if not each.in_training]
    if len(always) > 1:
        names = listed([f"`{each.label}`" for each in always])
        message = f"`train.py` compares one output with what is right, the network gives {names}"
        yield mistake(message, "drop `train =`, or let the others be there `during training`")
    heads = [each for each in network.outputs if each.in_training]
    for each in heads:
        if each.shape != network.output:
            message = f"`{each.label}` gives {each.shape}, and what is trained {network.output}"
            yield mistake(message, "let an auxiliary head give what the network gives")
    names = listed([f"`{each.label}`" for each in heads]) if heads else ""
    if heads and not recipe.auxiliary:
        message = f"recipe `{recipe.name}` does not say what the loss of {names} counts"
        yield mistake(message, f"write `auxiliary = 0.4` in `{recipe.name}`")
    if recipe.auxiliary and not heads:
        message = f"recipe `{recipe.name}` weighs auxiliary heads, and the network has none"
        yield mistake(message, "write `output aux during training { .. }`, or drop `auxiliary`")
