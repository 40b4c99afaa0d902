"""Recipes: `train name { settings }` -> ir.recipe.Recipe, every number known and in its range."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from archdsl.diagnostics import Diagnostic, Diagnostics, Note, SpecError
from archdsl.ir.recipe import Recipe
from archdsl.ir.task import Loss
from archdsl.semantics.checks import fail
from archdsl.semantics.evaluate import evaluate
from archdsl.semantics.growths import check_growth, read_growth
from archdsl.semantics.image_folders import read_data
from archdsl.semantics.initializations import read_initialization
from archdsl.semantics.map_names import kind_mistake
from archdsl.semantics.optimization import read_moments, read_optimizer, read_schedule
from archdsl.semantics.recipe_checks import check_recipe
from archdsl.semantics.recipe_values import (
    DECAYS,
    LOSSES,
    read_alpha,
    read_integer,
    read_positive,
    read_rate,
    read_word,
)
from archdsl.semantics.signature import place
from archdsl.semantics.values import Scope, holds_maps
from archdsl.syntax import tree

Result = TypeVar("Result")

MAX_SEED = 2**63 - 1  # what torch.manual_seed takes

_EXAMPLES = {
    "data": "cifar10",
    "batch": "128",
    "epochs": "200",
    "optimizer": "sgd(lr = 0.1, momentum = 0.9)",
    "schedule": "cosine",
}
_Reader: TypeAlias = Callable[[tree.Expression, Scope], object]
_OPTIONAL: dict[str, _Reader] = {
    "loss": lambda node, scope: Loss(read_word(node, scope, "`loss`", LOSSES)),
    "label_smoothing": lambda node, scope: read_rate(node, scope, "`label_smoothing`"),
    "auxiliary": lambda node, scope: read_positive(node, scope, "`auxiliary`"),
    "clip": lambda node, scope: read_positive(node, scope, "`clip`"),
    "decay": lambda node, scope: read_word(node, scope, "`decay`", DECAYS),
    "moments": read_moments,
    "accumulate": lambda node, scope: read_integer(node, scope, "`accumulate`", 1, 1_000_000),
    "ema": lambda node, scope: read_rate(node, scope, "`ema`"),
    "mixup": lambda node, scope: read_alpha(node, scope, "`mixup`"),
    "cutmix": lambda node, scope: read_alpha(node, scope, "`cutmix`"),
    "held_out": lambda node, scope: read_integer(node, scope, "`held_out`", 0),
    "grow": read_growth,
    "init": read_initialization,
    "seed": lambda node, scope: read_integer(node, scope, "`seed`", 0, MAX_SEED),
}


def build_recipe(
    declaration: tree.RecipeDeclaration,
    call: tree.Call,
    scope: Scope,
    own: Scope,
    diagnostics: Diagnostics,
) -> Recipe | None:
    """Return the recipe that `train = call` means, or None after a mistake.

    `scope` is where the call stands, `own` an empty one of the recipe's file. Mistakes in
    different settings are all added to `diagnostics`; SpecError is raised for those of the call.
    """
    _bind(declaration, call, scope, own)
    settings = _Settings(_settings(declaration, diagnostics), declaration, diagnostics)
    data = settings.read("data", lambda node: read_data(node, own))
    batch = settings.read("batch", lambda node: read_integer(node, own, "`batch`", 1))
    epochs = settings.read("epochs", lambda node: read_integer(node, own, "`epochs`", 1))
    optimizer = settings.read("optimizer", lambda node: read_optimizer(node, own))
    schedule = settings.read("schedule", lambda node: read_schedule(node, own))
    optional: dict[str, Any] = {
        name: settings.read(name, _in(own, _OPTIONAL[name])) for name in settings.optional
    }
    if data is None or batch is None or epochs is None or optimizer is None or schedule is None:
        return None
    if settings.has_failed:
        return None
    recipe = Recipe(
        name=declaration.name.text,
        data=data,
        batch=batch,
        epochs=epochs,
        optimizer=optimizer,
        schedule=schedule,
        **optional,
    )
    check_recipe(recipe, settings.nodes, diagnostics)
    check_growth(recipe, settings.nodes, diagnostics)
    return recipe


def _in(scope: Scope, reader: _Reader) -> Callable[[tree.Expression], Any]:
    return lambda node: reader(node, scope)


# ---------------------------------------------------------------- parameters and settings


def _bind(declaration: tree.RecipeDeclaration, call: tree.Call, scope: Scope, own: Scope) -> None:
    """Define the recipe's parameters in its own scope."""
    what = f"recipe `{declaration.name.text}`"
    placed = place(call, [p.name.text for p in declaration.parameters], what)
    for parameter in declaration.parameters:
        name = parameter.name
        if name.text in own.values:
            fail("E315", f"`{name.text}` is declared twice", name.span)
        mistake = kind_mistake(parameter, "recipe")
        if mistake is not None:
            raise SpecError([mistake])
        if name.text in placed:
            given = evaluate(placed[name.text], scope)
            if holds_maps(given):
                fail("E420", "a recipe is handed no maps", placed[name.text].span)
            own.define(name, given)
        elif parameter.default is not None:
            own.define(name, evaluate(parameter.default, own))
        else:
            note = Note("declared here", name.span)
            fail("E312", f"{what} needs `{name.text}`", call.span, notes=(note,))


def _settings(
    declaration: tree.RecipeDeclaration, diagnostics: Diagnostics
) -> Mapping[str, tree.Expression]:
    """Return the settings by name; those that do not exist or stand twice are mistakes."""
    found: dict[str, tree.Setting] = {}
    known = (*_EXAMPLES, *_OPTIONAL)
    for setting in declaration.settings:
        name, span = setting.name.text, setting.name.span
        if name not in known:
            message = f"a recipe has no setting `{name}`"
            from archdsl.semantics.hints import setting_help

            help_ = setting_help(name, known)
            diagnostics.add(Diagnostic(code="E602", message=message, span=span, help=help_))
        elif name in found:
            notes = (Note("set first here", found[name].name.span),)
            message = f"`{name}` is set twice"
            diagnostics.add(Diagnostic(code="E603", message=message, span=span, notes=notes))
        else:
            found[name] = setting
    return {name: setting.value for name, setting in found.items()}


class _Settings:
    """Reads settings one by one: a mistake in one does not hide those of others."""

    def __init__(
        self,
        nodes: Mapping[str, tree.Expression],
        declaration: tree.RecipeDeclaration,
        diagnostics: Diagnostics,
    ) -> None:
        self.nodes = nodes
        self.optional = [name for name in _OPTIONAL if name in nodes]
        self.has_failed = False
        self.recipe = declaration.name
        self.diagnostics = diagnostics

    def read(
        self,
        name: str,
        reader: Callable[[tree.Expression], Result],
    ) -> Result | None:
        """Return the value of a setting, or None after a mistake or where it is missing."""
        if name not in self.nodes:
            self._missing(name)
            return None
        try:
            return reader(self.nodes[name])
        except SpecError as error:
            for diagnostic in error.diagnostics:
                self.diagnostics.add(diagnostic)
            self.has_failed = True
            return None

    def _missing(self, name: str) -> None:
        missing = [n for n in _EXAMPLES if n not in self.nodes]
        if name != missing[0]:
            return  # one message names them all
        names = " and ".join(f"`{n}`" for n in missing)
        self.diagnostics.add(
            Diagnostic(
                code="E604",
                message=f"recipe `{self.recipe.text}` does not set {names}",
                span=self.recipe.span,
                help=f"write `{name} = {_EXAMPLES[name]}`",
            )
        )
