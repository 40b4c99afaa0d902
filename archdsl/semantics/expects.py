"""`expect` lines: what a spec says about the networks it gives.

An `expect` is about the network with the arguments it names; the others are at their defaults.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import NoReturn, TypeAlias

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir.numbers import Number
from archdsl.record import Record
from archdsl.semantics.checks import fail
from archdsl.semantics.dependence import parts_of
from archdsl.semantics.evaluate import evaluate, truth_of
from archdsl.semantics.values import Scope
from archdsl.source import Span
from archdsl.suggest import closest, did_you_mean
from archdsl.syntax import tree

Quantity: TypeAlias = int | tuple[int, ...]

NETWORK_QUANTITIES = (
    "parameters",
    "learned",
    "frozen",
    "unshared",
    "buffers",
    "macs",
    "deployed_bits",
    "convolutions",
    "input",
    "output",
    "activations",
    "memory",
)
MEASURED = ("activations", "memory", "receptive")  # of a batch
PART_QUANTITIES = ("output", "parameters", "macs", "activations", "receptive")


class Atom(Record):
    """`parameters(depth = 40)` or `layer3.output`: a number that counting gives."""

    part: str | None
    quantity: str
    arguments: tuple[tree.Argument, ...]
    span: Span


def atoms(expect: tree.Expect) -> Iterator[Atom]:
    """Yield the quantities an `expect` speaks of."""
    yield from _atoms(expect.condition)


def _atom(node: tree.Expression) -> Atom | None:
    match node:
        case tree.Attribute(owner=tree.Variable(name=part), name=name):
            return Atom(part.text, name.text, (), node.span)
        case tree.Attribute(owner=tree.Call(name=part, arguments=arguments), name=name):
            return Atom(part.text, name.text, arguments or (), node.span)
        case tree.Variable(name=name) if name.text in NETWORK_QUANTITIES:
            return Atom(None, name.text, (), node.span)
        case tree.Call(name=name, arguments=arguments) if name.text in NETWORK_QUANTITIES:
            return Atom(None, name.text, arguments or (), node.span)
        case _:
            return None


def _atoms(node: tree.Expression) -> Iterator[Atom]:
    atom = _atom(node)
    if atom is not None:
        yield atom
        return
    for child in parts_of(node):
        yield from _atoms(child)


def about(expect: tree.Expect) -> dict[str, tree.Argument]:
    """Return the arguments of the network that an `expect` is about; raise SpecError."""
    found = tuple(atoms(expect))
    if not found:
        _no_quantity(expect.condition)
    given = [_arguments(atom) for atom in found]
    texts = [{name: argument.value.span.text for name, argument in each.items()} for each in given]
    for atom, text in zip(found, texts, strict=True):
        if text != texts[0]:
            message = "an `expect` is about one network; these arguments are another's"
            fail("E703", message, atom.span, "write an `expect` line for each")
    return given[0]


def _no_quantity(condition: tree.Expression) -> NoReturn:
    """Say which name was to be a quantity, or what there is."""
    message = "an `expect` speaks of a quantity"
    for name in _names(condition):
        near = _MEANT.get(name.text.lower()) or closest(name.text, NETWORK_QUANTITIES)
        if near is not None:
            fail("E702", f"{message}; `{name.text}` is none", name.span, f"did you mean `{near}`?")
    known = ", ".join(f"`{q}`" for q in NETWORK_QUANTITIES)
    fail("E702", message, condition.span, f"there is {known}")


_MEANT = {
    **dict.fromkeys(("flops", "mult_adds", "madds", "gmacs", "mac"), "macs"),
    **dict.fromkeys(("params", "num_parameters", "num_params", "size", "weights"), "parameters"),
    **dict.fromkeys(("trainable", "trainable_parameters"), "learned"),
    **dict.fromkeys(("output_shape", "shape", "out"), "output"),
    **dict.fromkeys(("receptive_field", "field"), "receptive"),
}


def _names(node: tree.Expression) -> Iterator[tree.Name]:
    match node:
        case tree.Variable(name=name) | tree.Call(name=name):
            yield name
        case _:
            pass
    for child in parts_of(node):
        yield from _names(child)


def _arguments(atom: Atom) -> dict[str, tree.Argument]:
    named: dict[str, tree.Argument] = {}
    for argument in atom.arguments:
        if argument.name is None:
            help_ = f"write `{atom.quantity}(name = {argument.value.span.text})`"
            fail("E311", "arguments of a quantity are named", argument.value.span, help_)
        named[argument.name.text] = argument
    return named


def check_expect(
    expect: tree.Expect,
    scope: Scope,
    count: Callable[[str | None, str], Quantity | None],
    parts: Mapping[str, object],
    other_counts: Callable[[str], Iterable[tuple[str, int]]] = lambda _: (),
) -> Diagnostic | None:
    """Return the error of an `expect` that does not hold.

    `count(part, quantity)` gives a number of the finished network, None for no such part;
    `other_counts(quantity)` gives other numbers that could be meant, and how they are counted.
    """

    def resolve(node: tree.Expression) -> tree.Expression:
        atom = _atom(node)
        if atom is not None:
            return _literal(_counted(atom, count, parts), node.span)
        return _rebuild(node, resolve)

    condition = expect.condition
    facts = dict.fromkeys(
        f"{_said(atom)} is {_quantity(_counted(atom, count, parts))}" for atom in atoms(expect)
    )
    try:
        if truth_of(resolve(condition), scope):
            return None
    except SpecError as error:
        first = error.diagnostics[0]
        if first.code != "E302" or first.help is not None:
            raise
        help_ = f"compare what it is: {' and '.join(facts)}"
        fail(first.code, first.message, first.span or condition.span, help_, first.notes)
    message = f"this does not hold: {' and '.join(facts)}"
    help_ = _nearest(resolve(condition), condition, scope, other_counts)
    return Diagnostic(code="E701", message=message, span=condition.span, help=help_)


def _nearest(
    resolved: tree.Expression,
    condition: tree.Expression,
    scope: Scope,
    other_counts: Callable[[str], Iterable[tuple[str, int]]],
) -> str | None:
    """Return what the figure of `quantity == figure` may be instead, or what to write."""
    match condition, resolved:
        case tree.Infix(operator="==", left=left), tree.Infix(left=actual, right=right):
            atom = _atom(left)
        case _:
            return None
    found, wanted = evaluate(actual, scope), evaluate(right, scope)
    if atom is None or not isinstance(found, Number) or not isinstance(wanted, Number):
        return None
    value, figure = found.value, wanted.value
    if atom.part is None:
        for what, number in other_counts(atom.quantity):
            if number == figure:
                return f"{figure:_} is the number {what}"
    if not isinstance(figure, int) or not isinstance(value, int):
        return f"write `{_said(atom).strip('`')} == {value:_}`" if isinstance(value, int) else None
    unit = 10 ** (len(str(figure)) - len(str(figure).rstrip("0")))
    if unit >= 1000 and abs(value - figure) <= unit:
        bound = f"abs({left.span.text} - {figure:_}) <= {unit:_}"
        return f"is the figure rounded? write all digits, or `{bound}`"
    more, less = "more", "fewer"
    apart = abs(value - figure)
    return f"that is {apart:_} {more if value > figure else less} than {figure:_}"


def _said(atom: Atom) -> str:
    return f"`{atom.part}.{atom.quantity}`" if atom.part else f"`{atom.quantity}`"


def _quantity(value: Quantity) -> str:
    return f"{value:_}" if isinstance(value, int) else str(list(value))


def _counted(
    atom: Atom, count: Callable[[str | None, str], Quantity | None], parts: Mapping[str, object]
) -> Quantity:
    if atom.part is not None:
        if atom.part not in parts:
            help_ = did_you_mean(atom.part, tuple(parts))
            fail("E704", f"the network has no part `{atom.part}`", atom.span, help_)
        if atom.quantity not in PART_QUANTITIES:
            help_ = did_you_mean(atom.quantity, PART_QUANTITIES)
            fail("E704", f"a part has no quantity `{atom.quantity}`", atom.span, help_)
    value = count(atom.part, atom.quantity)
    if value is None:
        message = f"`{atom.part}` is an output and no part: it has no `{atom.quantity}`"
        fail("E704", message, atom.span, f"write `{atom.part}.output`")
    return value


def _literal(value: Quantity, span: Span) -> tree.Expression:

    if isinstance(value, int):
        return tree.NumberLiteral(Fraction(value), is_integer=True, span=span)
    return tree.ListLiteral(tuple(_literal(v, span) for v in value), span)


def _rebuild(
    node: tree.Expression, function: Callable[[tree.Expression], tree.Expression]
) -> tree.Expression:
    """Return the expression with its children replaced; calls keep their arguments."""
    match node:
        case tree.Infix(operator=operator, left=left, right=right, span=span):
            return tree.Infix(operator, function(left), function(right), span)
        case tree.Prefix(operator=operator, operand=operand, span=span):
            return tree.Prefix(operator, function(operand), span)
        case tree.Conditional(condition=test, chosen=chosen, otherwise=otherwise, span=span):
            return tree.Conditional(function(test), function(chosen), function(otherwise), span)
        case tree.Index(container=container, key=key, span=span):
            return tree.Index(function(container), function(key), span)
        case tree.ListLiteral(items=items, span=span):
            return tree.ListLiteral(tuple(map(function, items)), span)
        case tree.Call(name=name, arguments=arguments, span=span) if arguments:
            replaced = tuple(tree.Argument(a.name, function(a.value)) for a in arguments)
            return tree.Call(name, replaced, span)
        case _:
            return node
