"""Names of members in quotes: `"denselayer{j + 1}"`, `"block"`, `"0"`, and "" for no level."""

import re
from typing import assert_never

from archdsl.ir.names import RESERVED_ATTRIBUTES, is_usable_attribute, usable, why_unusable
from archdsl.ir.rebuild import replace
from archdsl.limits import MAX_NAME
from archdsl.semantics.checks import fail, fail_here
from archdsl.semantics.dependence import hangs_on
from archdsl.semantics.evaluate import integer_of
from archdsl.semantics.values import Scope
from archdsl.syntax import tree

_USABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def with_labels(item: tree.BodyItem, scope: Scope) -> tree.BodyItem:
    """Return an item whose name is computed."""
    match item:
        case tree.Element(label=tree.Name() as label) | tree.NamedBody(label=label):
            return replace(item, label=_computed(label, scope)) if label.parts else item
        case tree.StageItem(name=name):
            return replace(item, name=_computed(name, scope)) if name.parts else item
        case (
            tree.LetItem()
            | tree.RequireItem()
            | tree.Expect()
            | tree.UseRecipe()
            | tree.SetInit()
            | tree.Grow()
            | tree.Mark()
            | tree.MapItem()
            | tree.InputItem()
            | tree.ModuleItem()
            | tree.OutputItem()
            | tree.Element()
            | tree.LoopItem()
            | tree.Condition()
        ):
            return item
        case _:
            assert_never(item)


def _computed(name: tree.Name, scope: Scope) -> tree.Name:
    text = ""
    for part in name.parts:
        if isinstance(part, str):
            text += part
        else:
            text += str(integer_of(part, scope, "what stands in a name", 0).value)
            scope.choose_by(hangs_on(part, scope))
    return tree.Name(text, name.span)


def check_member_name(label: tree.Name) -> None:
    """Raise SpecError for a name that no member of a PyTorch module can have."""
    text = label.text
    if not label.is_quoted:
        if not is_usable_attribute(text):
            message = f"`{text}` cannot name a member of a PyTorch module: it is "
            message += why_unusable(text)
            fail("E317", message, label.span, f"write `{usable(text)}` or another name")
        return
    if len(text) > MAX_NAME:
        fail_here("E317", f"a name has at most {MAX_NAME} characters", label.span)
    if text in RESERVED_ATTRIBUTES or text.startswith(("_", "shared_")):
        message = f"`{text}` cannot name a member of a PyTorch module: it is {why_unusable(text)}"
        fail_here("E317", message, label.span, f'write `"{usable(text)}"` or another name')
    if not _USABLE.fullmatch(text):
        message = f"`{text}` cannot name a member: names in quotes are of letters, digits, `_`, `-`"
        help_ = None
        if "." in text:
            first, _, rest = text.partition(".")
            help_ = f'write `"{first}": {{ "{rest}": .. }}`: each level has a name of its own'
        fail_here("E317", message, label.span, help_)


def has_no_level(label: tree.Name | None) -> bool:
    """Say whether a name is `""`."""
    return label is not None and not label.text


def refuse(label: tree.Name, what: str) -> None:
    """Raise SpecError where what has no members has no level."""
    if not label.text:
        help_ = '`""` stands before a branch, a body or a block'
        fail("E317", f"{what} has a name, or none", label.span, help_)
