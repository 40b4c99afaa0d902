"""The class of a network at further arguments: legal ones, and ones that a `require` forbids."""

import inspect
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from archdsl.diagnostics import SpecError
from archdsl.pipeline import Compilation
from tests.generated import NAME, build, check_forward, check_macs, check_state, load

RATES = (0.5, 0.1, 0.25, 0.0)
FACTORS = (0.5, 0.75, 1.25, 1.5, 2.0, 1.4)
SHARES_WITH_NONE = " needs two blocks that share a weight"
NOT_COMPILED_FOR = "compiled for "  # how a class refuses what no `require` of the spec forbids


@dataclass(frozen=True)
class Further:
    """A network at other arguments: what Python is given, and what the compiler says of it."""

    given: Mapping[str, object]  # by the names of the spec
    compilation: Compilation | None  # None: a `require` forbids it
    message: str = ""  # of the `require`


def literals(values):
    """Return values of Python as the command line gives them."""
    return {name: str(value).lower() for name, value in values.items()}


def others(value, rng):
    """Return other values of an argument, in some order; small ones of any argument are there."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, float):
        found = [*RATES, *(value * factor for factor in FACTORS if value)]
        return rng.sample(found, len(found))
    near = [value + step for step in (1, 2, 3, 4, 6, 9, 12, 18, -1, -2, -3, -6, -9, -12, -18)]
    found = [n for n in {*near, 2 * value, value // 2, 1, 2, 3, 0} if 0 <= n <= 4096]
    found.remove(value) if value in found else None
    return rng.sample(found, len(found))


def draws(values, count, rng):
    """Yield what to give a class: each argument alone, then several of them at once."""
    columns = {name: others(value, rng) for name, value in values.items()}
    for name, column in columns.items():
        for value in column[:count]:
            yield {name: value}
    for _ in range(count if len(values) > 1 else 0):
        chosen = rng.sample(list(columns), rng.randint(2, len(columns)))
        yield {name: rng.choice(columns[name]) for name in chosen if columns[name]}


def further(compilation, opened, compile_at, count, seed=0):
    """Yield the network at drawn values of its open arguments, as far as the compiler has them.

    `compile_at` gives the Compilation at further arguments, as the command line has them.
    """
    values = {n: v for n, v in compilation.network.arguments if n in opened}
    numbers = dict(compilation.network.values)  # what is not open stays, be its default a formula
    kept = {n: v for n, v in compilation.network.arguments if n in numbers and n not in opened}
    assert set(values) == set(opened)
    for given in draws(values, count, random.Random(seed)):
        try:
            yield Further(given, compile_at(literals(kept | given)))
        except SpecError as error:
            if error.diagnostics[0].code == "E316":
                yield Further(given, None, error.diagnostics[0].message)


OF_GROWTH = ("phase", "nested")  # what the class of a growing network takes beside that


def check_signature(network, opened):
    """The class takes the open arguments, in their order; a name that Python has ends in `_`."""
    names = [n for n in inspect.signature(network).parameters if n not in OF_GROWTH]
    assert [name.rstrip("_") for name in names] == [name.rstrip("_") for name in opened]
    return dict(zip(opened, names, strict=True))


def check_further(network, names, case, *, forward=False):
    """Hold the class against the compiler at other arguments; return whether it takes them."""
    given = {names[name]: value for name, value in case.given.items()}
    if case.compilation is None:
        with pytest.raises(ValueError, match=f"^{re.escape(case.message)}$"):
            build(lambda: network(**given), "meta")
        return False
    try:
        on_meta = build(lambda: network(**given), "meta")
    except ValueError as error:
        if str(error).startswith(NOT_COMPILED_FOR) or str(error).endswith(SHARES_WITH_NONE):
            return False
        raise
    check_state(on_meta, case.compilation)
    check_macs(on_meta, case.compilation)
    if forward:
        check_forward(build(lambda: network(**given)), case.compilation)
    return True


def check_arguments(compilation, compile_at, *, count, seed=0, forward=False, name=NAME):
    """Hold the class of a network against the compiler at drawn arguments.

    Return how many of the legal ones it takes, how many it refuses, and how many are not legal.
    """
    opened = compilation.written(name).open
    network = load(compilation, name)
    names = check_signature(network, opened)
    taken = refused = illegal = 0
    for case in further(compilation, opened, compile_at, count, seed):
        try:
            takes = check_further(network, names, case, forward=forward)
        except BaseException as error:
            error.add_note(f"at {case.given}")
            raise
        taken += takes
        illegal += case.compilation is None
        refused += case.compilation is not None and not takes
    return taken, refused, illegal
