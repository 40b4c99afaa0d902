"""Which symbols of its text a class may take as parameters.

A class must be right for every value that it can be given. So it does not take what its text
chooses something by that is not seen: a list or a table, an `if` whose other side no instance has.
"""

from collections.abc import Iterator, Sequence

from archdsl.emit.classes.grouping import GeneratedClass
from archdsl.emit.classes.instances import Instance
from archdsl.emit.expressions.arithmetic import plain, run_test
from archdsl.ir.network import MAIN, Block, Join, Network, Operator, Part, Stage
from archdsl.ir.numbers import Test, test_symbols


def opened(kind: GeneratedClass, arguments: frozenset[str]) -> frozenset[str]:
    """Return the symbols that may be parameters; `arguments` are those of the network."""
    first = kind.first
    match first.node:
        case Network():
            return arguments
        case Block():
            nodes = [i.node for i in kind.instances if isinstance(i.node, Block)]
            hangs = frozenset[str]().union(*(node.hangs for node in nodes))
            known = frozenset((*_known(kind.instances), *_kept(kind.instances)))
            return frozenset(first.values) - frozenset(first.lets) - hangs - known
        case Part() | Stage() if "in_channels" not in first.values:
            return arguments
        case Part() | Stage():
            return frozenset(first.values) - frozenset(first.lets)


def _known(instances: Sequence[Instance]) -> Iterator[str]:
    """Yield the symbols of one value by which the text decides what no other value showed."""
    for test, _ in one_sided(instances):
        for name in test_symbols(test):
            if len({instance.values.get(name) for instance in instances}) == 1:
                yield name


def _kept(instances: Sequence[Instance]) -> Iterator[str]:
    """Yield what is no argument of a block that always adds its input: it keeps the shape."""
    if keeps_shape(instances):
        if kept_channels(instances) is not None:
            yield "in_channels"
        if all(instance.values["stride"] == 1 for instance in instances):
            yield "stride"


def keeps_shape(instances: Sequence[Instance]) -> bool:
    """Whether these are blocks that always add their input."""
    return all(isinstance(i.node, Block) and _adds_input(i.node) for i in instances)


def kept_channels(instances: Sequence[Instance]) -> str | None:
    """Return the parameter that says how many channels enter blocks that keep the shape."""
    entering = [instance.values["in_channels"] for instance in instances]
    return next(
        (
            name
            for name in instances[0].values
            if name not in ("in_channels", "stride")
            and [instance.values.get(name) for instance in instances] == entering
        ),
        None,
    )


def _adds_input(block: Block) -> bool:
    return any(
        isinstance(step.node, Join)
        and step.node.operator is Operator.SUM
        and MAIN in step.takes
        and len(step.takes) > 1
        and not any(step.node.when)
        and step.node.input.channels == block.input.channels
        for step in block.body
    )


def one_sided(instances: Sequence[Instance]) -> Iterator[tuple[Test, bool]]:
    """Yield the tests that all instances answer alike, and how."""
    tests: dict[Test, set[bool]] = {}
    for instance in instances:
        if not isinstance(instance.node, Block):
            return
        values = {name: plain(value) for name, value in instance.values.items()}
        for test in instance.node.decided:
            tests.setdefault(test, set()).add(run_test(test, values))
    for test, truths in tests.items():
        if len(truths) == 1:
            yield test, truths.pop()
