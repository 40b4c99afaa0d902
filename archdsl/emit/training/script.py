"""The training script: recipe + network -> the texts of data.py, train.py and what they import."""

from archdsl.analyses.growth.growing import GrowingNetwork
from archdsl.emit.render import environment
from archdsl.emit.training.plan import plan_train
from archdsl.ir.network import Network
from archdsl.ir.recipe import Recipe


def render_train(
    network: Network,
    recipe: Recipe,
    class_name: str,
    command: str,
    growing: GrowingNetwork | None = None,
) -> dict[str, str]:
    """Return train.py, which trains `class_name` of the model.py beside it, and what it imports.

    `command` is what to type to compile again: "archdsl compile specs/wrn.arch". `growing` are the
    phases of a network that has some.
    """
    plan = plan_train(network, recipe, class_name, command, growing)
    templates = environment()
    names = ["checkpoint.py", "data.py", "processes.py", "responses.py", "train.py"]
    names += ["parts.py"] if plan.parts else []
    names += ["growth.py"] if plan.growth is not None else []
    pages = {name: f"{name}.jinja" for name in sorted(names)}
    if plan.keeping is not None:
        pages["kept.py"] = f"kept/{'columns' if plan.keeping.columns else 'first'}.py.jinja"
    if plan.data.is_page:
        pages["data.py"] = plan.data.template
    chosen = "points[some]" if plan.is_regression else "images(some.to(batches.labels.device))"
    values = {"plan": plan, "folder": plan.folder, "growth": plan.growth, "chosen": chosen}
    return {
        name: templates.get_template(page).render(values).rstrip("\n") + "\n"
        for name, page in pages.items()
    }
