"""Binds the arguments of a call to the parameters of a layer, an annotation or a block."""

from collections.abc import Sequence

from archdsl.diagnostics import Note
from archdsl.ir.layers import SIDES
from archdsl.ir.numbers import Number, Truth, test_symbols
from archdsl.limits import MAX_SIZE, MAX_WINDOW
from archdsl.semantics.checks import check_integer, fail, fail_here
from archdsl.semantics.dependence import hangs_on
from archdsl.semantics.evaluate import evaluate, size_of_map
from archdsl.semantics.parameters import BORDERS, Arguments, Domain, Parameter
from archdsl.semantics.values import ListValue, Scope, Value, type_name
from archdsl.source import Span
from archdsl.suggest import closest
from archdsl.syntax import tree

_BOUNDS = {  # least and most of an integer; the most is what PyTorch takes
    Domain.COUNT: (1, MAX_SIZE),
    Domain.NATURAL: (0, MAX_SIZE),
    Domain.WINDOW: (1, MAX_WINDOW),
    Domain.SIZES: (1, MAX_WINDOW),
    Domain.NATURAL_SIZES: (0, MAX_WINDOW),
    Domain.PADDING: (0, MAX_WINDOW),
    Domain.BORDER: (0, MAX_WINDOW),
}


# Of these a network keeps no expression; neither of numbers that change no count.
_UNWRITTEN = (Domain.FLAG, Domain.BORDER, Domain.MAP, Domain.OPTION)

SAME = "same"  # a padding that keeps the size, but for the stride


def bind(call: tree.Call, signature: Sequence[Parameter], scope: Scope, what: str) -> Arguments:
    """Return the arguments of a call by parameter; `what` names the callee in messages."""
    placed = place(call, [p.name for p in signature], what)
    values: dict[str, tuple[Number, ...] | bool | str | None] = {}
    for parameter in signature:
        node = placed.get(parameter.name)
        if node is not None:
            values[parameter.name] = _convert(node, parameter, scope)
            if parameter.kind in _UNWRITTEN or isinstance(values[parameter.name], str):
                scope.settle(hangs_on(node, scope))
        elif parameter.required:
            is_first = parameter is signature[0]
            help_ = parameter.help or _example(call, parameter, named=not is_first)
            fail("E312", f"{what} needs `{parameter.name}`", call.span, help_)
        else:
            default = parameter.default
            values[parameter.name] = (default,) if isinstance(default, Number) else default
    return Arguments(values, call.span, {name: node.span for name, node in placed.items()})


def place(call: tree.Call, names: Sequence[str], what: str) -> dict[str, tree.Expression]:
    """Return the argument expressions by parameter name, positional ones in order."""
    placed: dict[str, tree.Expression] = {}
    position = 0
    for argument in call.arguments or ():
        if argument.name is None:
            if position >= len(names):
                fail("E311", _too_many(what, names), argument.value.span)
            name = names[position]
            position += 1
        else:
            name = argument.name.text
            if name not in names:
                from archdsl.semantics.hints import argument_help

                message = f"{what} has no argument `{name}`"
                fail("E310", message, argument.name.span, argument_help(name, names))
        if name in placed:
            note = Note("given first here", placed[name].span)
            fail("E313", f"`{name}` is given twice", argument.value.span, notes=(note,))
        placed[name] = argument.value
    return placed


def _too_many(what: str, names: Sequence[str]) -> str:
    if not names:
        return f"{what} takes no arguments"
    counted = f"{len(names)} argument{'s' if len(names) > 1 else ''}"
    return f"{what} takes {counted}: {', '.join(f'`{n}`' for n in names)}"


def _example(call: tree.Call, parameter: Parameter, *, named: bool) -> str:
    value = {Domain.COUNT: "64", Domain.RATE: "0.5", Domain.SIZES: "3", Domain.WINDOW: "3"}.get(
        parameter.kind, "2"
    )
    given = [a.value.span.text for a in call.arguments or () if a.name is None]
    given.append(f"{parameter.name} = {value}" if named else value)
    return f"write `{call.name.text}({', '.join(given)})`"


def _convert(
    node: tree.Expression, parameter: Parameter, scope: Scope
) -> "tuple[Number, ...] | bool | str":
    if parameter.kind is Domain.OPTION:
        return _option(node, parameter, scope)
    if parameter.kind is Domain.MAP:
        return size_of_map(node, scope)
    if parameter.kind is Domain.PADDING and node.span.text == SAME:
        return SAME
    value = evaluate(node, scope)
    if parameter.kind is Domain.PADDING and value == SAME:
        return SAME
    what = f"`{parameter.name}`"
    match parameter.kind:
        case Domain.FLAG:
            if isinstance(value, Truth):
                scope.choose_by(test_symbols(value.test))  # no layer keeps how it was written
                return value.value
            help_ = f"write `{parameter.name} = true`"
            if isinstance(value, Number):
                help_ = "what a layer is given is known: write only what it gives"
            fail("E302", f"{what} is true or false, not {type_name(value)}", node.span, help_)
        case Domain.SIZES | Domain.NATURAL_SIZES | Domain.PADDING:
            return _several(value, parameter.kind, node.span, what, SIDES)
        case Domain.BORDER:
            return _several(value, parameter.kind, node.span, what, BORDERS)
        case _:
            return (_single(value, parameter, node.span, what),)


def _single(value: Value, parameter: Parameter, span: Span, what: str) -> Number:
    if not isinstance(value, Number):
        help_ = f"write `{value}`" if isinstance(value, str) and value.isdecimal() else None
        fail("E302", f"{what} is a number, not {type_name(value)}", span, help_)
    match parameter.kind:
        case Domain.COUNT | Domain.NATURAL | Domain.WINDOW as kind:
            return _integer(value, kind, span, what)
        case Domain.RATE if not 0 <= value.value < 1:
            percent = f"write `{float(value.value) / 100:g}`" if 1 < value.value < 100 else None
            message = f"{what} is a probability of at least 0 and below 1, not {value}"
            fail_here("E303", message, span, percent)
        case Domain.TINY if not 0 < value.value < 1:
            help_ = "drop it: normalization knows the channels that it is given"
            message = f"{what} is above 0 and below 1, not {value}"
            fail_here("E303", message, span, help_ if value.value >= 1 else None)
        case Domain.POSITIVE if value.value <= 0:
            fail_here("E303", f"{what} is above 0, not {value}", span)
        case Domain.SHARE if not 0 <= value.value <= 1:
            fail_here("E303", f"{what} is between 0 and 1, not {value}", span)
        case _:
            return value


def _integer(value: Number, kind: Domain, span: Span, what: str) -> Number:
    least, most = _BOUNDS[kind]
    number = check_integer(value, span, what, least)
    if number.value > most:
        fail_here("E303", f"{what} is at most {most:,} in PyTorch, not {number}", span)
    return number


def _several(
    value: Value, kind: Domain, span: Span, what: str, names: Sequence[Sequence[str]]
) -> tuple[Number, ...]:
    """Return one number, or as many as maps of one, two or three dimensions have: see `each`."""
    if isinstance(value, Number):
        return (_integer(value, kind, span, what),)
    if isinstance(value, ListValue) and len(value.items) in map(len, names):
        numbers = [v for v in value.items if isinstance(v, Number)]
        if len(numbers) == len(value.items):
            return tuple(_integer(n, kind, span, what) for n in numbers)
    order = f"[{', '.join(names[1])}]"
    help_ = None
    if isinstance(value, str):
        from archdsl.semantics.hints import value_help

        help_ = value_help(value, ())
    fail("E302", f"{what} is an integer or `{order}`", span, help_)


def _option(node: tree.Expression, parameter: Parameter, scope: Scope) -> str:
    if isinstance(node, tree.Variable):
        word = node.name.text
        if word in parameter.options:
            return word
        value = scope.find(word)
    else:
        value = evaluate(node, scope)
    if isinstance(value, str) and value in parameter.options:
        return value
    near = closest(node.span.text, parameter.options)
    known = ", ".join(f"`{o}`" for o in parameter.options)
    help_ = f"did you mean `{near}`?" if near else None
    fail("E314", f"`{parameter.name}` is one of {known}", node.span, help_)
