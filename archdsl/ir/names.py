"""Names that generated code cannot use for what a spec names."""

import keyword
from collections.abc import Iterable

# What torch.nn.Module and nn.Sequential have of their own; a test holds it against dir() of them.
# fmt: off
RESERVED_ATTRIBUTES = frozenset({
    "T_destination", "add_module", "append", "apply", "bfloat16", "buffers", "call_super_init",
    "children", "compile", "cpu", "cuda", "double", "dump_patches", "eval", "extend", "extra_repr",
    "float", "forward", "get_buffer", "get_extra_state", "get_parameter", "get_submodule", "half",
    "insert", "ipu", "load_state_dict", "modules", "mtia", "named_buffers", "named_children",
    "named_modules", "named_parameters", "parameters", "pop", "register_backward_hook",
    "register_buffer", "register_forward_hook", "register_forward_pre_hook",
    "register_full_backward_hook", "register_full_backward_pre_hook",
    "register_load_state_dict_post_hook", "register_load_state_dict_pre_hook", "register_module",
    "register_parameter", "register_state_dict_post_hook", "register_state_dict_pre_hook",
    "requires_grad_", "set_extra_state", "set_submodule", "share_memory", "state_dict", "to",
    "to_empty", "train", "training", "type", "xpu", "zero_grad",
})
# fmt: on


def usable(name: str) -> str:
    """Return the name as a module can have it: the same, or one that says the same."""
    base = name.removeprefix("shared_").strip("_") or "layer"
    return base if is_usable_attribute(base) else f"{base}_"


def why_unusable(name: str) -> str:
    """Return why a module cannot have a member of this name."""
    if keyword.iskeyword(name):
        return "a word of Python"
    if name.startswith("shared_"):
        return "a name of shared weights"
    if name.startswith("_"):
        return "private, as it begins with `_`"
    return "what every PyTorch module has already"


def is_usable_attribute(name: str) -> bool:
    """Say whether a module can have a member of this name."""
    return (
        name.isidentifier()
        and not keyword.iskeyword(name)
        and name not in RESERVED_ATTRIBUTES
        and not name.startswith("_")
        and not name.startswith("shared_")
    )


def is_attribute(name: str) -> bool:
    """Say whether a member of this name is written `self.name`, and not with `getattr`."""
    return name.isidentifier() and not keyword.iskeyword(name)


def as_word(name: str) -> str:
    """Return the name of a member as a part of a variable's name."""
    word = "".join(c if c.isalnum() else "_" for c in name)
    return word if word.isidentifier() else f"layer{word}"


def are_places(names: Iterable[str]) -> bool:
    """Say whether names are 0, 1, 2, ..: those of an nn.Sequential that is given none."""
    return all(name == str(place) for place, name in enumerate(names))


def is_usable_kind(name: str) -> bool:
    """Say whether members of a module can be named after it: `unit1` and `unit2` after `unit`.

    Inside a class Python takes `self.__unit1` for another name.
    """
    return not name.startswith("__")


def class_name(name: str) -> str:
    """Return an identifier in CapWords: `squeeze_excite` is `SqueezeExcite`."""
    words = "".join(word[:1].upper() + word[1:] for word in name.split("_") if word)
    return words if words[:1].isalpha() else f"Block{words}"
