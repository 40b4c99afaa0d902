"""Growth: a larger network computes what the one before it did; phases are their tables."""

import re

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import Phase as Hypothesis

from archdsl.diagnostics import SpecError
from archdsl.pipeline import compile_spec, compile_text
from tests.drawing.growing import growing_specs
from tests.growing import Loaded, changes, check_phases
from tests.growing_families import FAMILIES, SPECS, family

EXACT = 1e-11  # of the largest output, in float64; found is 2e-14 at most
LARGE = {"wrn_grown"}  # a minute
GROWN = [
    pytest.param(path.stem, marks=[pytest.mark.slow] * (path.stem in LARGE))
    for path in sorted(SPECS.glob("*.arch"))
    if "\n    grow " in path.read_text()
]
# What is no way from a phase to the next one, or needs `new = drawn`: docs/errors/.
NO_PHASES = {"E803", "E804", "E805", "E806", "E810", "E811"}
# Numbers that do not fit: of groups, of channels that would be taken away, of pixels.
UNFIT = {"E303", "E321", "E322", "E330"}


@pytest.mark.parametrize("name", GROWN)
def test_specs_that_grow_compute_the_same(name):
    loaded = Loaded(compile_spec(str(SPECS / f"{name}.arch")))
    check_phases(loaded)
    assert max(changes(loaded)) < EXACT


@pytest.mark.parametrize("name", list(FAMILIES))
def test_families_that_are_made_to_grow_compute_the_same(name):
    loaded = Loaded(compile_text(family(name)))
    check_phases(loaded)
    assert max(changes(loaded, 4)) < EXACT


@pytest.mark.parametrize(
    ("examples", "said"),
    [
        pytest.param(20, "", id="some"),
        pytest.param(4, " nested", id="some nested"),
        pytest.param(300, "", marks=pytest.mark.slow, id="many"),
        pytest.param(60, " nested", marks=pytest.mark.slow, id="many nested"),
    ],
)
def test_random_networks_compute_the_same(examples, said):
    found = []

    @settings(
        max_examples=examples,
        phases=[Hypothesis.generate],
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
    )
    @given(growing_specs(said))
    def check(text):
        try:
            compilation = compile_text(text)
        except SpecError as error:
            if not {each.code for each in error.diagnostics} <= NO_PHASES | UNFIT:
                raise
            reject()
        loaded = Loaded(compilation)
        check_phases(loaded)
        assert max(changes(loaded, 4)) < EXACT, text
        found.append(text)

    check()
    assert len(found) >= examples


# ---------------------------------------------------------------- the check can fail


def without_zeros(texts):
    """Return files in which new inputs of old outputs are as drawn."""
    text, found = re.subn(r"state\[name\]\[.*\] = 0\n", "pass\n", texts["growth.py"])
    assert found == 1
    return {**texts, "growth.py": text}


def in_front(texts):
    """Return files in which old channels are put in front everywhere."""
    table, assigned = "    pieces = PIECES.get(name)\n", "    pieces = found_in(PIECES, name)\n"
    text = texts["growth.py"]
    assert (table in text) != (assigned in text)
    none = "    pieces = None\n"
    return {**texts, "growth.py": text.replace(table, none).replace(assigned, none)}


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("unet", without_zeros),
        ("resnext, by groups", without_zeros),
        ("densenet, width", in_front),
        ("diracnet", in_front),
        ("resnext, by the width of groups", in_front),
    ],
)
def test_a_growth_that_is_wrong_is_found(name, edit):
    assert min(changes(Loaded(compile_text(family(name)), edit=edit), 4)) > 1e-3


def test_a_new_block_that_does_not_end_in_zeros_is_found():
    def drawn(texts):
        assert "state[name].zero_()" in texts["growth.py"]
        return {**texts, "growth.py": texts["growth.py"].replace("state[name].zero_()", "pass")}

    compilation = compile_text(family("resnet, by its tables"))
    assert min(changes(Loaded(compilation, edit=drawn), 4)) > 1e-3


def test_as_drawn_the_function_changes():
    text = family("wrn").replace("at([2, 3])", "at([2, 3], new = drawn)")
    loaded = Loaded(compile_text(text))
    check_phases(loaded)
    assert min(changes(loaded, 4)) > 1e-3
