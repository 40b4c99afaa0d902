"""Which symbols of its text a class may take as parameters.

A class must be right for every value that it can be given. So it does not take what its text
chooses something by that is not seen: a list or a table, an `if` whose other side no instance has.
"""

from collections.abc import Iterator, Sequence

from archdsl.emit.classes.grouping import GeneratedClass
from archdsl.emit.classes.instances import Instance
from archdsl.emit.expressions.arithmetic import Environment, plain, run_test
from archdsl.ir.network import MAIN, Block, Join, Network, Operator, Part, Stage
from archdsl.ir.numbers import Asked, Either, Test, negated, test_symbols


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
    """Yield the tests that all instances answer alike that ask them, and how.

    Where one that does not ask answers otherwise, or has no answer, what is said is that the test
    is not asked or answered so.
    """
    asking: dict[Asked, list[int]] = {}
    for i, instance in enumerate(instances):
        if not isinstance(instance.node, Block):
            return
        for asked in instance.node.decided:
            asking.setdefault(asked, []).append(i)
    values = [{name: plain(value) for name, value in i.values.items()} for i in instances]
    for asked, who in asking.items():
        truth, *others = {run_test(asked.test, values[i]) for i in who}
        if others:
            continue
        silent = [values[i] for i in set(range(len(instances))).difference(who)]
        if all(_answers(asked.test, each) is truth for each in silent):
            yield asked.test, truth
        else:
            yield _unless_asked(asked, asked.test if truth else negated(asked.test)), True


def _answers(test: Test, values: Environment) -> bool | None:
    try:
        return run_test(test, values)
    except (ArithmeticError, KeyError):
        return None


def _unless_asked(asked: Asked, test: Test) -> Test:
    for held in reversed(asked.inside):
        test = Either(negated(held), test)
    return test
