"""How numbers and truths were made: expressions over symbols, and what leaves hang on."""

from fractions import Fraction
from typing import Any

import pytest

from archdsl.ir.numbers import (
    Both,
    Compare,
    Flag,
    Known,
    Leaf,
    Literal,
    Not,
    Symbol,
    evaluate,
    holds,
    negated,
    symbols,
    test_symbols,
)
from archdsl.ir.showing import show, show_test
from archdsl.ir.substitution import substitute
from archdsl.pipeline import compile_text

HEAD = 'network net(n = 3, k = 8, wide = true, kind = "a", sizes = [4, 8], image = 8) {'
symbols_of_test = test_symbols
del test_symbols  # pytest would take it for a test


def network_of(text) -> Any:  # nodes of which each test knows the kind
    return compile_text(text).network


def made(expression, before="", **arguments):
    """Return the number that `let` names x."""
    lines = (HEAD, before, f"let x = {expression}", "input(3, image, image) factor(x) }")
    text = "\n".join(lines)
    return compile_text(text, arguments=arguments).network.lets[-1].number


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("round_to(n * k, 8)", 24),
        ("floor(n / 2)", 1),
        ("ceil(n / 2)", 2),
        ("round(n / 2)", 2),
        ("max(n, k)", 8),
        ("min(n, 2 * k, 5)", 3),
        ("sum(n, 1)", 4),
        ("abs(n - k)", 5),
        ("(n + 1) ** n", 64),
        ("n ** 2 ** (k - 6)", 81),
        ("log(k, 2) ** n", 27),
        ("k % n", 2),
        ("if wide then n else k", 3),
        ("if n > 3 or not wide then n else 2 * k", 16),
        ("(if wide then n else k) * 2", 6),
    ],
)
def test_what_is_made_of_numbers_is_shown_and_evaluated(expression, value):
    number = made(expression)
    assert (number.value, show(number.expr)) == (value, expression)
    assert evaluate(number.expr, {"n": 3, "k": 8, "wide": True}) == value


@pytest.mark.parametrize(
    ("function", "given", "value"),
    [("round", 5, 3), ("floor", 5, 2), ("ceil", 5, 3), ("round", -5, -2)],
)
def test_functions_are_those_of_the_language_for_other_values(function, given, value):
    expr = made(f"{function}(n / 2)", n="4").expr
    assert evaluate(expr, {"n": given}) == value


def test_round_to_never_loses_a_tenth():
    expr = made("round_to(n * k, 8)").expr
    assert [evaluate(expr, {"n": n, "k": Fraction(11, 2)}) for n in (2, 4)] == [16, 24]


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("sizes[1]", set()),
        ("sizes[n - 2]", {"n"}),
        ("[n, k][0]", {"n", "k"}),
        ("len(range(n))", {"n"}),
        ("sum(range(n))", {"n"}),
        ("{1: n, 8: 2}[k]", {"n", "k"}),
        ("round(2.6)", set()),
        ('if kind == "a" then 1 else 2', set()),
        ("chosen[0]", {"wide", "k"}),
        ("if wide then k else sizes[k]", {"k", "wide"}),
        ("if wide then 1 else k // (n - 3)", {"k", "wide", "n"}),
        ("if word == 'a' then 1 else 2".replace("'", '"'), {"wide"}),
    ],
)
def test_leaves_name_what_they_hang_on(expression, names):
    before = 'let chosen = if wide then [k] else [1]\nlet word = if wide then "a" else "b"'
    assert symbols(made(expression, before).expr) == names


def test_turns_hang_on_what_the_loop_goes_over():
    text = f"{HEAD} input(3, 8, 8) for i in range(n) {{ conv3x3(i + 1) }} }}"
    written = network_of(text).body[1].node.written
    out = next(w for w in written if w.field == "out_channels").exprs[0]
    assert (show(out), symbols(out)) == ("i + 1", {"n"})


def test_pixels_hang_on_the_size_of_the_input():
    text = f"{HEAD} input(3, image, image) flatten linear(10) }}"
    written = network_of(text).body[1].node.written
    exprs = {w.field: w.exprs[0] for w in written}
    assert show(exprs["in_features"]) == "3 * pixels"
    assert symbols(exprs["in_features"]) == {"image"}


def test_lists_from_elsewhere_do_not_bring_their_symbols():
    text = (
        f"{HEAD} input(3, 8, 8) unit([n, k]) }}\nblock unit(ws) {{\nlet x = max(ws)\nconv3x3(x) }}"
    )
    (step,) = network_of(text).body
    (let,) = step.node.lets
    assert (let.number.value, symbols(let.number.expr)) == (8, set())


def test_what_is_not_chosen_uses_nothing():
    """A stride that is only looked at is no stride that a layer takes."""
    text = """
network net { input(3, 8, 8) unit(4) }
block unit(w) { conv3x3(if w > 3 then w else stride) }
"""
    (step,) = network_of(text).body
    out = next(w for w in step.node.body[0].node.written if w.field == "out_channels").exprs[0]
    assert show(out) == "if w > 3 then w else stride"


# ---------------------------------------------------------------- tests

N, TWO = Symbol("n"), Literal(2)


@pytest.mark.parametrize("operator", ["==", "!=", "<", "<=", ">", ">="])
def test_a_negated_comparison_holds_where_the_other_does_not(operator):
    test = Compare(operator, N, TWO)
    for n in (1, 2, 3):
        assert holds(negated(test), {"n": n}) is not holds(test, {"n": n})
    assert negated(negated(test)) == test


def test_other_tests_are_negated_by_not():
    assert negated(Flag("wide")) == Not(Flag("wide"))
    assert negated(Not(Flag("wide"))) == Flag("wide")


def test_tests_are_shown_with_the_parentheses_they_need():
    both = Both(Flag("a"), Compare(">", N, TWO))
    assert show_test(Not(both)) == "not (a and n > 2)"
    assert symbols_of_test(Not(both)) == {"a", "n"}


def test_substitution_reaches_tests_and_leaves():
    expr = made("if wide then n else k").expr
    found = {"wide": Compare("==", N, TWO), "n": Leaf(5, "m", frozenset("m")), "k": TWO}
    replaced = substitute(expr, found.__getitem__)
    assert show(replaced) == "if n == 2 then m else 2"
    assert symbols(replaced) == {"n", "m"}
    known = Leaf(1, "xs[n]", frozenset(("n", "wide")))
    assert substitute(known, found.__getitem__) == Leaf(1, "xs[n]", frozenset(("n", "m")))
    assert show_test(Known(True, 'kind == "a"')) == 'kind == "a"'
