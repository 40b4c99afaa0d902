"""Plan -> text, through the Jinja2 templates."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from archdsl.emit.docstrings import Header
from archdsl.emit.model import plan_model
from archdsl.emit.python import signature, statement
from archdsl.ir.network import Network


def render_model(network: Network, class_name: str, header: Header) -> str:
    """Return the text of model.py, whose class `class_name` builds the network."""
    plan = plan_model(network, class_name, header)
    return (
        environment()
        .get_template("model.py.jinja")
        .render(plan=plan, statement=statement, signature=signature)
    )


@cache
def environment() -> Environment:
    """Return the templates: pages whose block tags stand in column 0 and print nothing."""
    return Environment(
        loader=PackageLoader("archdsl.emit", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Python, not HTML
    )
