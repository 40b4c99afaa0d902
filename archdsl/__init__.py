"""archdsl: an architecture-DSL compiler for convolutional networks.

Importing it costs nothing: what it offers is loaded when it is first used.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["CompiledNetwork", "Diagnostic", "SpecError", "__version__", "compile"]

if TYPE_CHECKING:
    from archdsl.api import CompiledNetwork, compile  # noqa: A004 - as in `re.compile`
    from archdsl.diagnostics import Diagnostic, SpecError


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "archdsl.diagnostics" if name in {"Diagnostic", "SpecError"} else "archdsl.api"
    return getattr(import_module(home), name)
