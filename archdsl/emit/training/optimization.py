"""How the script names the optimizer and the schedule of a recipe."""

from typing import assert_never

from archdsl.ir.recipe import (
    Adam,
    AdamW,
    Constant,
    Cosine,
    Recipe,
    Sgd,
    Steps,
    WarmRestarts,
)


def schedule_of(recipe: Recipe) -> str:
    """Return the template of `lr_factor`; "" where the rate is always the same."""
    match recipe.schedule:
        case Steps():
            return "steps"
        case Cosine(warmup=warmup):
            return "warmup_cosine" if warmup else "cosine"
        case WarmRestarts():
            return "warm_restarts"
        case Constant(warmup=warmup):
            return "warmup_constant" if warmup else ""
        case _:
            assert_never(recipe.schedule)


def optimizer_of(
    recipe: Recipe, *, any_frozen: bool, has_parts: bool
) -> tuple[str, tuple[str, ...]]:
    """Return the optimizer's class in torch.optim and the arguments of its constructor.

    With `has_parts` it is handed parts of parameters, which a fused one updates wrongly on a CPU.
    """
    match recipe.optimizer:
        case Sgd(momentum=momentum, nesterov=nesterov):
            chosen = (
                *(("momentum=config.momentum",) if momentum else ()),
                *(("nesterov=config.momentum > 0",) if nesterov else ()),
            )
        case Adam(betas=betas) | AdamW(betas=betas):
            given = () if betas == (0.9, 0.999) else (f"betas={betas}",)
            chosen = (*given, 'capturable=device.type == "cuda"')
        case _:
            assert_never(recipe.optimizer)
    params, decay = _params(recipe, any_frozen=any_frozen), "weight_decay=config.weight_decay"
    if has_parts and not params.startswith("param_groups"):
        params = f'[{{"params": {params if any_frozen else f"[*{params}]"}}}]'
    name = "SGD" if isinstance(recipe.optimizer, Sgd) else type(recipe.optimizer).__name__
    kernels = "foreach=True" if has_parts else "fused=True"
    return name, (params, "lr=config.lr", *chosen, decay, kernels)


def _params(recipe: Recipe, *, any_frozen: bool) -> str:
    if recipe.decay == "weights" or recipe.optimizer.factors is not None:
        return "param_groups(model, config)"
    return (
        "[p for p in model.parameters() if p.requires_grad]" if any_frozen else "model.parameters()"
    )
