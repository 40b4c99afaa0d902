"""Whatever spec is drawn, the generated module is the network that the compiler says it is."""

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings

from archdsl.diagnostics import SpecError
from archdsl.pipeline import compile_text
from tests.generated import (
    build,
    check_copies,
    check_folding,
    check_forward,
    check_macs,
    check_state,
    load,
    train_step,
)
from tests.strategies import specs

STEADY = settings(
    max_examples=300,
    derandomize=True,  # the same specs on every run
    database=None,
    deadline=None,
    suppress_health_check=[
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
        HealthCheck.too_slow,
        HealthCheck.large_base_example,
    ],
)
RANDOM = settings(
    STEADY, max_examples=3_000, derandomize=False, phases=[Phase.generate, Phase.shrink]
)


def prove(spec):
    """Hold every property of a drawn spec."""
    try:
        compilation = compile_text(spec.text, arguments=spec.arguments)
    except SpecError:
        assume(False)
        return
    assert compilation.network.output.shape == spec.output
    check_folding(compilation, spec.text, spec.arguments)
    network = load(compilation)
    on_meta = build(network, "meta")
    check_state(on_meta, compilation)
    check_macs(on_meta, compilation)
    module = build(network)
    check_state(module, compilation)
    check_copies(module)
    check_forward(module, compilation)
    train_step(build(network), compilation)


@STEADY
@given(specs())
def test_drawn_specs_become_the_networks_they_say(spec):
    prove(spec)


@pytest.mark.slow
@RANDOM
@given(specs())
def test_thousands_of_drawn_specs_become_the_networks_they_say(spec):
    prove(spec)
