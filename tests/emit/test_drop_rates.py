"""Stochastic depth that grows: in generated code, each branch has the rate of its place.

Rates are i / n of the last one (Huang et al. 2016, equation 4), i counted in the order of the data.
"""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.pipeline import compile_text
from tests.generated import (
    build,
    check_copies,
    check_forward,
    check_state,
    drop_rates,
    load,
    source_of,
    train_step,
)

UNIT = """
block unit(width) {
    residual { conv3x3(width) bn relu conv3x3(width) }
    shortcut { conv1x1(width) }
}
block pair { unit(in_channels) unit(in_channels) }
block body(width, n) {
    stage s = n * unit(width)
}
block nested(width) {
    residual {
        unit(width)
        stage s = 2 * unit(width)
    }
}
block quad { pair pair sum { identity branch { pair } } }
block mixed {
    unit(16)
    unit(16) with stochastic_depth(0.4)
    pair
}
block mobile(width) {
    sum { branch { conv1x1(width) bn } if in_channels == width { identity } }
}
"""
SIMPLE = "block simple(width) { conv3x3(width) bn }\n"
NETWORKS = {  # what stands in the network, and its rates as (numerator, denominator) of 0.2 each
    "blocks in a block": ("pair unit(16)", [(1, 3), (2, 3), (3, 3)]),
    "a stage in a block": ("body(16, 3)", [(1, 3), (2, 3), (3, 3)]),
    "two of them, the first wider": ("body(24, 2) body(24, 3)", [(i, 5) for i in range(1, 6)]),
    "a run of blocks of two": ("stage s = 3 * pair", [(i, 6) for i in range(1, 7)]),
    "a run in a run": ("stage s = 2 * body(16, 3)", [(i, 6) for i in range(1, 7)]),
    "branches inside a branch come first": (
        "stage s = 2 * nested(16)",
        [(i, 8) for i in range(1, 9)],
    ),
    "blocks three deep": ("unit(16) quad quad", [(i, 15) for i in range(1, 16)]),
    "a branch in no block": (
        "unit(16) sum { identity branch { conv3x3(16) } } pair",
        [(i, 4) for i in range(1, 5)],
    ),
    "branches in named bodies": (
        "part: { sum { identity branch { conv3x3(16) } } pair }",
        [(i, 3) for i in range(1, 4)],
    ),
    "blocks without a branch are no places": (
        "simple(16) unit(16) simple(16) unit(16)",
        [(1, 2), (2, 2)],
    ),
    "a rate of its own is no place": (
        "stage s = 2 * mixed",
        [(1, 6), (2, 1), (2, 6), (3, 6), (4, 6), (2, 1), (5, 6), (6, 6)],
    ),
    "a stage of its own": (
        "unit(16)\n stage s = 2 * pair with stochastic_depth(0.4)\n unit(16)",
        [(1, 2), (2, 4), (4, 4), (6, 4), (8, 4), (2, 2)],
    ),
    "a block with a rate": ("unit(16)\n pair with stochastic_depth(0.4)", [(1, 1), (2, 1), (2, 1)]),
    "a branch that is not built here": ("mobile(24) mobile(24)", [(2, 2)]),
    "stages that own weights": (
        "stage s = 2 * pair with share(conv3x3)\n stage t = 2 * pair with share(conv3x3)",
        [(i, 8) for i in range(1, 9)],
    ),
    "blocks that grow by the same": (
        "for i in range(4) { unit(16 * i + 32) }",
        [(i, 4) for i in range(1, 5)],
    ),
}


def compiled(name):
    body = f"input(3, 8, 8)\n conv3x3(16)\n {NETWORKS[name][0]}\n avgpool linear(10)"
    text = f"network net with stochastic_depth(0.2) {{\n {body}\n}}\n{UNIT}{SIMPLE}"
    return compile_text(text)


@pytest.mark.parametrize("name", NETWORKS)
def test_rates_grow_over_all_branches_in_the_order_of_the_data(name):
    compilation = compiled(name)
    module = build(load(compilation))
    image = torch.zeros(2, 3, 8, 8)
    _, rates = drop_rates(module, lambda: module(image))
    assert rates == pytest.approx([0.2 * i / n for i, n in NETWORKS[name][1]])
    check_state(build(load(compilation)), compilation)
    check_forward(build(load(compilation)), compilation)
    check_copies(build(load(compilation)))
    train_step(build(load(compilation)), compilation)


# ---------------------------------------------------------------- drawn networks

ELEMENTS = st.recursive(
    st.sampled_from(["unit(16)", "simple(16)"]),
    lambda inner: st.tuples(
        st.sampled_from(["block", "residual"]),
        st.lists(st.tuples(st.integers(0, 3), inner), min_size=1, max_size=3),
    ),
    max_leaves=8,
)


class Drawn:
    """The text of drawn elements, and how many branches it has."""

    def __init__(self):
        self.blocks, self.stages = [], 0

    def body(self, elements):
        """Return the text of a body, and its branches; a number above 0 makes an element a run."""
        lines, branches = [], 0
        for turns, element in elements:
            call, inner = self.element(element)
            self.stages += 1
            lines.append(f"stage s{self.stages} = {turns} * {call}" if turns else call)
            branches += max(turns, 1) * inner
        return "\n".join(lines), branches

    def element(self, element):
        if isinstance(element, str):
            return element, int(element == "unit(16)")
        kind, inside = element
        text, branches = self.body(inside)
        text = f"residual {{\n{text}\n}}" if kind == "residual" else text
        self.blocks.append(f"block b{len(self.blocks)} {{\n{text}\n}}")
        return f"b{len(self.blocks) - 1}", branches + (kind == "residual")


@settings(max_examples=60, derandomize=True, database=None, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), ELEMENTS), min_size=1, max_size=4))
def test_rates_of_drawn_networks_are_those_of_their_places(elements):
    drawn = Drawn()
    body, branches = drawn.body(elements)
    blocks = "\n".join((SIMPLE, UNIT, *drawn.blocks))
    head = "network net with stochastic_depth(0.2) {\n input(16, 4, 4)\n"
    module = build(load(compile_text(f"{head}{body}\n}}\n{blocks}")))
    _, rates = drop_rates(module, lambda: module(torch.zeros(2, 16, 4, 4)))
    assert rates == pytest.approx([0.2 * i / branches for i in range(1, branches + 1)])


def test_the_files_are_formatted(tmp_path):
    for number, name in enumerate(NETWORKS):
        (tmp_path / f"model{number}.py").write_text(source_of(compiled(name), "net"))
    options = ["--isolated", "--line-length", "100", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "ruff", "format", "--check", *options], check=True)
    subprocess.run([sys.executable, "-m", "ruff", "check", *options], check=True)


def test_a_run_of_a_million_pairs_is_one_loop():
    body = "input(16, 8, 8)\n stage s = 1_000_000 * pair"
    text = f"network net with stochastic_depth(0.2) {{\n {body}\n}}\n{UNIT}"
    found = source_of(compile_text(text), "net")
    assert "Pair(16, branches_before=i) for i in range(0, 2000000, 2)" in found
    assert "drop_rate=0.2 * (branches_before + 2) / 2000000" in found
