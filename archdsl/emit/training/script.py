"""The training script: recipe + network -> the texts of data.py, train.py and what they import."""

from archdsl.emit.render import environment
from archdsl.emit.training.plan import plan_train
from archdsl.ir.network import Network
from archdsl.ir.recipe import Recipe


def render_train(network: Network, recipe: Recipe, class_name: str, command: str) -> dict[str, str]:
    """Return train.py, which trains `class_name` of the model.py beside it, and what it imports.

    `command` is what to type to compile again: "archdsl compile specs/wrn.arch".
    """
    plan = plan_train(network, recipe, class_name, command)
    templates = environment()
    names = ("checkpoint.py", "data.py", "processes.py", "responses.py", "train.py")
    pages = {name: f"{name}.jinja" for name in names}
    if plan.data.is_page:
        pages["data.py"] = plan.data.template
    return {
        name: templates.get_template(page).render(plan=plan, folder=plan.folder).rstrip("\n") + "\n"
        for name, page in pages.items()
    }
