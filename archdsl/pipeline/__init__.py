"""The pipeline: spec -> tree -> network -> counts -> files.

compiling.py      a spec and arguments in, a compilation out
checking.py       all networks that the `expect`s of a spec are about
expectations.py   whether an `expect` holds
compilation.py    a network, what it costs, and its files; each computed once
"""

from archdsl.pipeline.checking import CheckReport, check_file, check_spec
from archdsl.pipeline.compilation import Compilation
from archdsl.pipeline.compiling import compile_spec, compile_text, split_target

__all__ = (
    "CheckReport",
    "Compilation",
    "check_file",
    "check_spec",
    "compile_spec",
    "compile_text",
    "split_target",
)
