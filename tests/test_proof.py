"""Whatever spec is drawn, the generated module is the network that the compiler says it is."""

import re
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings

from archdsl.diagnostics import SpecError
from archdsl.pipeline import compile_text
from tests.arguments import check_arguments
from tests.drawing.dimensions import is_of_images, of_films, of_signals
from tests.drawing.words import SCHEMES
from tests.generated import (
    build,
    check_activations,
    check_copies,
    check_folding,
    check_forward,
    check_macs,
    check_state,
    load,
    source_of,
    train_step,
)
from tests.strategies import specs

ROOT = Path(__file__).parents[1]
STEADY = settings(
    max_examples=60,
    derandomize=True,  # the same specs on every run
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # to make a failure small takes minutes
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


def accepted(spec):
    """Hold every property of a drawn spec, where it compiles; return whether it does."""
    try:
        compilation = compile_text(spec.text, arguments=spec.arguments)
    except SpecError:
        return False
    assert compilation.network.output.shape == spec.output
    check_all(compilation, spec.text, spec.arguments)
    return True


def check_all(compilation, text, arguments):
    """Hold every property of a network."""
    check_folding(compilation, text, arguments)
    network = load(compilation)
    on_meta = build(network, "meta")
    check_state(on_meta, compilation)
    check_macs(on_meta, compilation)
    module = build(network)
    check_state(module, compilation)
    check_copies(module)
    check_forward(module, compilation)
    check_activations(build(network), compilation)
    train_step(build(network), compilation)
    check_arguments(
        compilation,
        lambda given: compile_text(text, arguments={**arguments, **given}),
        count=2,
        seed=zlib.crc32(text.encode()),
        forward=True,
    )


def prove(options):
    """Hold every property of drawn specs, of which nearly all compile."""
    found = Counter()

    @options
    @given(specs())
    def hold(spec):
        found[accepted(spec)] += 1

    hold()
    assert found[True] >= 0.9 * found.total(), found


def test_drawn_specs_become_the_networks_they_say():
    prove(STEADY)


@pytest.mark.slow
def test_more_drawn_specs_become_the_networks_they_say():
    prove(settings(STEADY, max_examples=300))


@pytest.mark.slow
def test_thousands_of_drawn_specs_become_the_networks_they_say():
    prove(RANDOM)


def prove_in(dimensions, options):
    """Hold every property of drawn specs of images, said of signals or of films."""
    found = Counter()
    turned = of_signals if dimensions == 1 else of_films

    @options
    @given(specs())
    def hold(spec):
        assume(not is_of_images(spec.text))
        text = turned(spec.text)
        try:
            compilation = compile_text(text, arguments=spec.arguments)
        except SpecError:
            found[False] += 1
            return
        assert compilation.network.input.dimensions in (0, dimensions)
        check_all(compilation, text, spec.arguments)
        found[True] += 1

    hold()
    assert found[True] >= 0.5 * found.total(), found  # the length alone fits less often


@pytest.mark.parametrize("dimensions", [1, 3])
def test_drawn_specs_of_signals_and_films_become_the_networks_they_say(dimensions):
    prove_in(dimensions, settings(STEADY, max_examples=6 if dimensions == 1 else 3))


@pytest.mark.slow
@pytest.mark.parametrize("dimensions", [1, 3])
def test_hundreds_of_drawn_specs_of_signals_and_films_become_the_networks_they_say(dimensions):
    prove_in(dimensions, settings(RANDOM, max_examples=400))


def test_a_proof_of_specs_that_are_refused_fails(monkeypatch):
    monkeypatch.setattr(f"{__name__}.accepted", lambda _: False)
    with pytest.raises(AssertionError, match=r"Counter\(\{False: "):
        prove(settings(STEADY, max_examples=5))


def test_classes_of_drawn_networks_take_arguments():
    found = Counter()

    @settings(STEADY, max_examples=150)
    @given(specs())
    def write(spec):
        try:
            compilation = compile_text(spec.text, arguments=spec.arguments)
        except SpecError:
            return
        opened = compilation.written("net").open
        found.update(compiled=1, open=bool(opened), several=len(opened) > 1)

    write()
    assert found["open"] >= 0.25 * found["compiled"]  # before they were drawn on purpose: 0.12
    assert found["several"] >= 5


@pytest.mark.parametrize("scheme", [word for word in SCHEMES if word != "plain"])
def test_a_scheme_around_a_drawn_network_is_legal_or_told_why_not(scheme):
    """Most of the networks hold convolutions that cannot have it; nothing else is wrong then."""
    codes = Counter()

    @settings(STEADY, max_examples=120)
    @given(specs())
    def put(spec):
        head = re.search(r"^network .*?(?P<with> with [^{]*)? \{$", spec.text, re.MULTILINE)
        assume(head is not None and not re.search("|".join(SCHEMES), head["with"] or ""))
        assert head is not None
        said = f", {scheme}" if head["with"] else f" with {scheme}"
        place = head.end() - len(" {")
        try:
            compile_text(spec.text, arguments=spec.arguments)
        except SpecError:
            assume(False)
        try:
            compile_text(f"{spec.text[:place]}{said}{spec.text[place:]}", arguments=spec.arguments)
            codes["legal"] += 1
        except SpecError as error:
            codes.update({d.code for d in error.diagnostics if d.code.startswith("E")})

    put()
    assert set(codes) <= {"legal", "E512", "E513"}
    assert codes["legal"] >= 5
    assert codes["E512"] >= 5


def test_code_of_drawn_specs_is_clean_for_ruff(tmp_path):
    folder = tmp_path / "generated"  # as pyproject.toml names it

    @settings(STEADY, max_examples=60)
    @given(specs())
    def write(spec):
        try:
            compilation = compile_text(spec.text, arguments=spec.arguments)
        except SpecError:
            return
        module = folder / f"n{len(list(folder.glob('*')))}" / "model.py"
        module.parent.mkdir(parents=True)
        module.write_text(source_of(compilation), encoding="utf-8")

    folder.mkdir()
    write()
    assert len(list(folder.glob("*"))) >= 55
    ruff = [sys.executable, "-m", "ruff"]
    options = ["--config", str(ROOT / "pyproject.toml"), "--no-cache", "."]
    for command in (["format", "--check"], ["check", "--quiet"]):
        done = subprocess.run(
            [*ruff, *command, *options], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
