"""Whether the expectations of a spec hold."""

from collections.abc import Mapping

from archdsl.analyses.walk import leaves
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir.network import ArgumentValue
from archdsl.limits import MAX_BATCH, STEP_WORK
from archdsl.pipeline.compilation import Compilation
from archdsl.record import Record
from archdsl.semantics.checks import fail, spend
from archdsl.semantics.elaborate import bind_network
from archdsl.semantics.evaluate import integer_of
from archdsl.semantics.expects import MEASURED, Quantity, about, atoms, check_expect
from archdsl.semantics.growing import PHASE
from archdsl.semantics.values import Scope
from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.syntax.files import SpecFile

BATCH = "batch"  # what an `expect` calls the inputs of a training step


class PhaseNumber(Record):
    """The phase that an `expect` is about, as it is written there."""

    number: int
    span: Span


class Subject(Record):
    """What an `expect` is about: a network by its arguments, a phase of one that grows, a batch."""

    given: Mapping[str, tree.Argument]
    arguments: tuple[tuple[str, ArgumentValue], ...]
    phase: PhaseNumber | None = None
    batch: int | None = None  # None: that of the recipe


def subject(
    file: SpecFile, declaration: tree.NetworkDeclaration, expect: tree.Expect | None
) -> Subject:
    """Return what an `expect` is about; raise SpecError. None is about the defaults."""
    given = {} if expect is None else about(expect)
    phase: PhaseNumber | None = None
    if PHASE in given and any(isinstance(item, tree.Grow) for item in declaration.body.items):
        node = given.pop(PHASE).value
        number = integer_of(node, Scope(file), "a phase").value
        phase = PhaseNumber(int(number), node.span)
    batch = None if expect is None else _batch(file, declaration, expect, given)
    arguments, _ = bind_network(declaration, given, Scope(file))
    return Subject(given, tuple(arguments.items()), phase, batch)


def _batch(
    file: SpecFile,
    declaration: tree.NetworkDeclaration,
    expect: tree.Expect,
    given: dict[str, tree.Argument],
) -> int | None:
    """Take the batch out of the arguments, where it is none of the network's."""
    is_own = any(parameter.name.text == BATCH for parameter in declaration.parameters)
    if is_own or BATCH not in given or not any(each.quantity in MEASURED for each in atoms(expect)):
        return None
    node = given.pop(BATCH).value
    number = int(integer_of(node, Scope(file), "a batch").value)
    if not 1 <= number <= MAX_BATCH:
        help_ = f"write 1 to {MAX_BATCH:_}"
        fail("E311", f"a batch of {number:_} is out of range", node.span, help_)
    return number


def failed(expect: tree.Expect, compilation: Compilation, about: Subject) -> list[Diagnostic]:
    """Return the errors of an `expect` about a network, or about one of its phases."""
    phase = about.phase
    try:
        of_phase = compilation if phase is None else compilation.phase(phase.number, phase.span)
        found = _check(expect, compilation, of_phase, about.batch)
    except SpecError as error:
        return list(error.diagnostics)
    return [] if found is None else [found]


def _check(
    expect: tree.Expect, network: Compilation, counted: Compilation, batch: int | None
) -> Diagnostic | None:
    """Return the error of an `expect`, which the scope of a network knows the names of."""
    rows = counted.rows
    outputs = {each.label: each.shape.shape for each in counted.network.outputs}

    def quantity(part: str | None, name: str) -> Quantity | None:
        if name in MEASURED and (part is None or part in rows):
            from archdsl.pipeline.measuring import measured_quantity

            return measured_quantity(counted, part, name, batch)
        if part is None:
            return _network_quantity(counted, name)
        match name:
            case "output":
                return rows[part].output if part in rows else outputs[part]
            case _ if part not in rows:
                return None
            case "parameters":
                return rows[part].sums.total
            case _:
                return rows[part].sums.macs

    scope = network.elaborated.scope
    for atom in atoms(expect):
        if atom.quantity in MEASURED:
            layers = sum(1 for _ in leaves(counted.network))
            spend(3 * STEP_WORK * layers, scope, atom.span)
    return check_expect(expect, scope, quantity, {**outputs, **rows}, counted.other_counts)


def _network_quantity(compilation: Compilation, name: str) -> Quantity:
    match name:
        case "parameters":
            return compilation.counts.sums.total
        case "convolutions":
            return compilation.counts.sums.conv_tensors
        case "input":
            return compilation.network.input.shape
        case "output":
            return compilation.network.output.shape
        case _:
            value = getattr(compilation.counts.sums, name)
            assert isinstance(value, int)
            return value
