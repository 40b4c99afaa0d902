"""The phases of a growing network: its class takes the number of one for what grows."""

from collections.abc import Iterable

from archdsl.emit.calls.signature import ClassParameter, Signature
from archdsl.emit.expressions.arithmetic import plain
from archdsl.emit.expressions.scope import PHASE
from archdsl.emit.python.names import Names
from archdsl.emit.python.nodes import Assign, Comment, Evaluate, If, Statement, Text
from archdsl.emit.python.printer import constant
from archdsl.ir.network import Phases


def by_phase(
    phases: Phases, signature: Signature, taken: Iterable[str]
) -> tuple[Signature, tuple[Assign, ...], tuple[Assign, ...]]:
    """Return the signature of the network's class, constants of its file, and its first steps.

    The class takes `phase` where it would take what grows; the constants have the values of that,
    and the steps look them up.
    """
    names = Names(taken)
    found = {p.symbol: p for p in signature.parameters if p.symbol in phases.names}
    constants: list[Assign] = []
    steps: list[Assign] = []
    for index, name in enumerate(phases.names):
        values = ", ".join(constant(plain(row[index])) for row in phases.values)
        table = names.unique(name.upper())
        constants.append(Assign(table, Text(f"({values})")))
        if name in found:
            steps.append(Assign(found[name].name, Text(f"{table}[{PHASE}]")))
    last = ClassParameter(name=PHASE, annotation="int", default=f"len({constants[0].target}) - 1")
    kept = tuple(p for p in signature.parameters if p.symbol not in found)
    return Signature((last, *kept)), tuple(constants), tuple(steps)


NESTED = "nested"  # what the class of a nested network calls whether it is to be so


def nested(signature: Signature, name: str, table: str) -> tuple[Signature, tuple[Statement, ...]]:
    """Return the signature of the class of a nested network, and the step that makes it so."""
    others = ", ".join(p.name for p in signature.parameters if p.name != PHASE)
    build = f"{name}(each{', ' if others else ''}{others}, {NESTED}=False)"
    step = Evaluate(Text(f"nest(self, lambda each: {build}, len({table}), {PHASE})"))
    flag = ClassParameter(name=NESTED, annotation="bool", default="True")
    said = Comment("old channels take no input from new ones")
    return Signature((*signature.parameters, flag)), (If(NESTED, (said, step)),)
