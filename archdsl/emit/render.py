"""Plan -> text, through the Jinja2 templates."""

import re
from collections.abc import Iterator, Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from archdsl.emit.prose.docstrings import batch, letters
from archdsl.emit.python.names import HELPERS
from archdsl.emit.python.nodes import ModulePlan
from archdsl.emit.python.printer import signature, statement


def render_model(plan: ModulePlan, *last: str) -> str:
    """Return the text of model.py: what it defines, after the imports that this needs."""
    templates = environment()
    classes = templates.get_template("classes.py.jinja").render(
        classes=plan.classes, outputs=plan.outputs, statement=statement, signature=signature
    )
    schemes = [
        templates.get_template(f"schemes/{scheme.template}.py.jinja").render(
            plan=scheme, statement=statement, signature=signature
        )
        for scheme in plan.schemes
    ]
    helpers = [_helper(helper) for helper in _helpers("\n".join((classes, plan.frozen or "")))]
    definitions = [text.strip("\n") for text in (*helpers, *schemes, classes, *last)]
    return templates.get_template("model.py.jinja").render(
        plan=plan, definitions=definitions, imports=list(imports(plan, definitions))
    )


def render_load(class_name: str, *, packs: bool) -> str:
    """Return the function that reads the file of weights of a deployed network."""
    return environment().get_template("load.py.jinja").render(name=class_name, packs=packs)


def _helper(name: str) -> str:
    """Return the text of a class or function of templates/model."""
    template, dimensions = HELPERS[name]
    page = environment().get_template(f"model/{template}.py.jinja")
    return page.render(name=name, dimensions=dimensions, shape=batch(("C", *letters(dimensions))))


def _helpers(text: str) -> list[str]:
    """Return the classes and functions of templates/model that a text calls."""
    called = set(re.findall(r"\b(\w+)\(", text))
    return sorted(helper for helper in HELPERS if helper in called)


def imports(plan: ModulePlan, definitions: Sequence[str]) -> Iterator[str]:
    """Yield the imports that definitions need, with "" between groups."""
    text = "\n".join(definitions)
    standard: list[str] = []
    if re.search(r"(?<![\w.])math\.", text):
        standard.append("import math")
    if "Callable[" in text:
        standard.append("from collections.abc import Callable")
    if "OrderedDict(" in text or "OrderedDict[" in text:
        standard.append("from collections import OrderedDict")
    typing = {
        "Any": "Any = " in text,
        "NamedTuple": plan.outputs is not None,
        "Self": plan.frozen is not None,
        "TypeAlias": ": TypeAlias = " in text,
    }
    if any(typing.values()):
        words = ", ".join(word for word, needs_it in typing.items() if needs_it)
        standard.append(f"from typing import {words}")
    yield from standard
    if standard:
        yield ""
    if re.search(r"(?<![\w.])torch\.", text):
        yield "import torch"
    if "load_file(" in text:
        yield "from safetensors.torch import load_file"
    yield "from torch import Tensor, nn"
    if re.search(r"(?<![\w.])F\.", text):
        yield "from torch.nn import functional as F"


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
