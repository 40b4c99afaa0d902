"""What can be wrong with a file's declarations before any of them is built."""

import re
from collections.abc import Iterator

from archdsl.diagnostics import Diagnostic, Diagnostics, Note, Severity
from archdsl.semantics.bodies import CONSTRUCTS
from archdsl.semantics.evaluate import FUNCTION_WORDS
from archdsl.semantics.words import is_layer_word
from archdsl.syntax import tree
from archdsl.syntax.files import SpecFile


def check_declarations(file: SpecFile, diagnostics: Diagnostics) -> None:
    """Report blocks that take a word of the language, and parameters that nothing uses."""
    for name, (block, _) in file.blocks.items():
        if is_layer_word(name) or name in CONSTRUCTS or name in FUNCTION_WORDS:
            span = file.places[name]
            note = () if span.source is block.name.span.source else (_declared(block),)
            message = f"`{name}` is a word of the language and cannot name a block"
            help_ = f"write `{name}_block` or another name"
            diagnostics.add(
                Diagnostic(code="E109", message=message, span=span, notes=note, help=help_)
            )
    for declaration in file.spec.declarations:
        if isinstance(declaration, tree.Network | tree.Block):
            for parameter in _unused(declaration):
                message = f"nothing uses the parameter `{parameter.name.text}`"
                diagnostics.add(
                    Diagnostic(
                        code="W301",
                        message=message,
                        span=parameter.name.span,
                        severity=Severity.WARNING,
                    )
                )


def _declared(block: tree.Block) -> Note:
    return Note("it is declared here", block.name.span)


def _unused(declaration: tree.Network | tree.Block) -> Iterator[tree.Parameter]:
    """Yield the parameters whose name the declaration says nowhere else.

    Judged by the text, so that an `if` not taken is no reason; `name =` names an argument.
    """
    text = declaration.span.text
    for parameter in declaration.parameters:
        name = parameter.name.text
        said = re.findall(rf"\b{name}\b(?!\s*=(?!=))", text)
        if len(said) <= (parameter.default is None):
            yield parameter
