"""archdsl: an architecture-DSL compiler for convolutional networks.

Importing it costs nothing: what it offers is loaded when it is first used.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["CompiledNetwork", "DeployError", "Diagnostic", "SpecError", "__version__", "compile"]

if TYPE_CHECKING:
    from archdsl.api import CompiledNetwork, compile  # noqa: A004 - as in `re.compile`
    from archdsl.deploy.errors import DeployError
    from archdsl.diagnostics import Diagnostic, SpecError


_HOMES = {
    "CompiledNetwork": "archdsl.api",
    "compile": "archdsl.api",
    "DeployError": "archdsl.deploy.errors",
    "Diagnostic": "archdsl.diagnostics",
    "SpecError": "archdsl.diagnostics",
    "load_ipython_extension": "archdsl.notebook",  # for `%load_ext archdsl`
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted((*__all__, "load_ipython_extension"))
