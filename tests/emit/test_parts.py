"""Parts of parameters: what is fixed does not move, and each part has a state of its own."""

from functools import partial

import pytest
import torch
from torch import nn

from tests.growing import OPTIMIZERS, Run, check_phases, old_elements, tiny
from tests.uses.checkpoints import same

KINDS = [
    pytest.param(make, foreach, id=f"{name}{', foreach' if foreach else ''}")
    for name, make in OPTIMIZERS.items()
    for foreach in (False, True)
]
ADAM = OPTIMIZERS["adam"]
# Channels of the stem in phase 1: a grouped convolution takes them, in two groups of which each has
# two channels, then four.
NEW = [False, False, True, True] * 2


@pytest.fixture(scope="module")
def fixed():
    """The small network, whose old parts are fixed but in its head."""
    return tiny()


@pytest.fixture(scope="module")
def free():
    """The small network, of which nothing is fixed."""
    return tiny("with freeze(grown) {", "{")


@pytest.fixture(scope="module")
def resting():
    """The small network, whose old parts are fixed for an epoch."""
    return tiny("with freeze(grown) {", "with freeze(grown, epochs = 1) {")


def moved(before, after):
    return {name: tensor != before[name] for name, tensor in after.items()}


# ---------------------------------------------------------------- fixed parts


@pytest.mark.parametrize("name", ["fixed", "free", "resting"])
def test_phases_are_their_tables(request, name):
    check_phases(request.getfixturevalue(name))


@pytest.mark.parametrize(("make", "foreach"), KINDS)
def test_what_is_fixed_does_not_move_and_all_that_is_new_does(fixed, make, foreach):
    run = Run(fixed, partial(make, foreach=foreach))
    run.train(100)
    for phase in (1, 2):
        run.grow()
        old, before = old_elements(fixed, phase), run.state()
        run.train(100)
        found = moved(before, run.state())
        for name, tensor in found.items():
            if name.startswith("head") or name.endswith("num_batches_tracked"):
                assert tensor.all(), name
            else:
                assert not (tensor & old[name]).any(), name
                assert (tensor | old[name]).all(), name
        assert sum(int(each.sum()) for each in old.values()) > 500


def test_moments_of_fixed_channels_stay_after_train_too(fixed):
    run = Run(fixed, OPTIMIZERS["sgd"])
    run.train(3)
    run.grow()
    before = run.state()
    run.model.eval()
    run.model.train()
    run.train(2)
    found = moved(before, run.state())
    for moments in ("running_mean", "running_var"):
        assert found[f"stem.1.{moments}"].tolist() == NEW
        assert found[f"grouped.1.{moments}"].tolist() == NEW


def test_fixed_channels_are_normalized_as_in_evaluation(fixed):
    run = Run(fixed, OPTIMIZERS["sgd"])
    run.train(3)
    run.grow()
    norm, x = run.model.stem[1], torch.randn(4, 8, 4, 4, dtype=torch.float64)
    judged, trained = norm.eval()(x), norm.train()(x)
    differ = (trained - judged).abs().amax((0, 2, 3))
    assert [value > 1e-3 for value in differ.tolist()] == NEW
    assert differ[[0, 1, 4, 5]].max() < 1e-15


def test_what_rests_learns_again_with_the_state_that_it_had(resting):
    run = Run(resting, ADAM)
    run.train(5)
    rests = {name: state for name, state in run.states().items() if name[:4] != "head"}
    run.grow()
    before = run.state()
    run.train(3)
    assert same({name: run.states()[name] for name in rests}, rests)
    old = old_elements(resting, 1)["stem.0.weight"]
    weight = moved(before, run.state())["stem.0.weight"]
    assert torch.equal(weight, ~old)
    run.begin(lasted=1, states=run.optimizer.state_dict()["state"])
    assert same({name: run.states()[name] for name in rests}, rests)
    run.train(1)
    steps = {name: int(state["step"]) for name, state in run.states().items()}
    assert steps["stem.0.weight@0"] == 6
    assert steps["stem.0.weight@1.0"] == 4
    assert moved(before, run.state())["stem.0.weight"].all()


# ---------------------------------------------------------------- states


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_old_parts_keep_their_states_at_a_growth_and_new_ones_begin(free, name):
    run = Run(free, OPTIMIZERS[name])
    run.train(4)
    for phase in (1, 2):
        kept = run.states()
        run.grow()
        assert same(run.states(), kept)
        run.train(1)
        found = run.states()
        new = found.keys() - kept.keys()
        assert new
        assert {part.partition("@")[2][:1] for part in new} == {str(phase)}
        if name == "adam":
            assert {int(found[part]["step"]) for part in new} == {1}
            assert {int(found[part]["step"]) for part in kept} == {1: {5}, 2: {2, 6}}[phase]


@pytest.mark.parametrize(("make", "foreach"), KINDS)
def test_parts_that_are_all_there_train_as_whole_parameters_do(free, make, foreach):
    """To the bit: what optimizers do, they do to each element by itself."""
    make = partial(make, foreach=foreach)
    run = Run(free, make, phase=2)
    whole = free.build(2)
    whole.load_state_dict(run.model.state_dict())
    optimizer = make(whole.parameters())
    assert len(run.optimizer.learned) > len(list(whole.parameters()))
    for _ in range(10):
        run.gradients()
        for mine, theirs in zip(whole.parameters(), run.model.parameters(), strict=True):
            mine.grad = theirs.grad.clone()
        run.optimizer.take_gradients()
        run.optimizer.step()
        optimizer.step()
    for mine, theirs in zip(whole.parameters(), run.model.parameters(), strict=True):
        assert torch.equal(mine, theirs)


# ---------------------------------------------------------------- gradients


def test_clipping_sees_what_learns_only(fixed):
    """Of gradients that are all 1, the norm is the root of how many elements learn."""
    run = Run(fixed, OPTIMIZERS["sgd"])
    run.grow()
    for p in run.model.parameters():
        p.grad = torch.ones_like(p)
    learned = fixed.compilation.phases[1].counts.sums.learned
    every = sum(p.numel() for p in run.model.parameters())
    norm = nn.utils.clip_grad_norm_(run.optimizer.take_gradients(), 1.0)
    assert norm.item() == pytest.approx(learned**0.5)
    assert learned < every
    pieces = [learned.piece.grad for learned in run.optimizer.learned]
    assert sum(float(each.square().sum()) for each in pieces) == pytest.approx(1.0)


def test_a_scaler_sees_what_learns_only(fixed):
    run = Run(fixed, OPTIMIZERS["sgd"])
    run.grow()
    before = run.state()
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    scaler.scale(torch.ones(()))
    for p in run.model.parameters():
        p.grad = torch.full_like(p, 4.0)
    run.model.stem[0].weight.grad[0] = torch.inf  # of an output that is fixed
    run.optimizer.take_gradients()
    scaler.unscale_(run.optimizer)
    assert {float(each.piece.grad.max()) for each in run.optimizer.learned} == {1.0}
    scaler.step(run.optimizer)
    assert moved(before, run.state())["stem.0.weight"].flatten(1).all(1).tolist() == NEW

def test_sharded_parameters_are_refused(fixed):
    model = fixed.build(1)
    model.stem[0].weight.placements = ()  # as those of FSDP2 have
    groups = [{"params": list(model.parameters())}]
    expected = "parameters that FSDP2 shards have no parts: train them with DDP"
    with pytest.raises(TypeError) as error:
        fixed.parts.PartOptimizer(model, fixed.growth.learning(1, 0), groups, ADAM)
    assert str(error.value) == expected
