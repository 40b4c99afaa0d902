"""Two processes on the CPU: DDP with shared weights and checkpointing, and FSDP2.

Batch norm is in evaluation mode where a step is held against one on the whole batch: in training
mode each process measures its own half, as the test says that accumulates over the halves.
"""

import time
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

from tests.uses.networks import (
    FACTS,
    assert_each_close,
    build,
    gradients,
    images,
    loss_of,
    step_size,
)
from tests.uses.workers import checkpoint_stages, data_parallel, fully_sharded, stages

pytestmark = pytest.mark.skipif(not dist.is_gloo_available(), reason="torch built without gloo")
SECONDS = 400  # on a busy machine; a process that waits longer for the other one has lost it


def run(function, folder, *arguments):
    """Run a function in two processes; an error of either, or the time limit, ends both."""
    context: Any = spawn(function, (str(folder), *arguments), nprocs=2, join=False)
    deadline = time.monotonic() + SECONDS
    try:
        while not context.join(timeout=1):
            assert time.monotonic() < deadline, f"not done in {SECONDS} s"
    finally:
        for process in context.processes:
            if process.is_alive():
                process.kill()
            process.join()


def batch_of(name):
    return images(name, batch=4).double()


@pytest.fixture
def network(network):
    return network.double()


def on_the_whole_batch(network, name):
    loss_of(network(batch_of(name))).backward()
    return gradients(network)


def _choose(names, values, quick):
    """Cross names with values; what is not quick is slow, as starting two processes takes long."""
    return [
        pytest.param(n, v, marks=() if (n, v) in quick else pytest.mark.slow)
        for n in names
        for v in values
    ]


@pytest.mark.parametrize(
    ("name", "again"),
    _choose(FACTS, (False, True), {("share_wrn22", True)}),
)
def test_ddp_has_the_gradients_of_the_whole_batch(network, name, paths, tmp_path, again):
    run(data_parallel, tmp_path, str(paths[name]), batch_of(name), False, again)
    found = torch.load(tmp_path / "gradients.pt")
    assert_each_close(found, on_the_whole_batch(network, name), rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["share_wrn22", "wrn10"])
def test_ddp_in_training_mode_has_the_mean_gradient_of_the_halves(network, name, paths, tmp_path):
    run(data_parallel, tmp_path, str(paths[name]), batch_of(name), True, True)
    network.train()
    for half in batch_of(name).chunk(2):
        (loss_of(network(half)) / 2).backward()
    assert_each_close(torch.load(tmp_path / "gradients.pt"), gradients(network), rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "unit"), _choose(FACTS, ("stage", "block"), {("share_wrn22", "stage")})
)
def test_fsdp_takes_the_steps_of_one_process(network, name, facts, paths, tmp_path, unit):
    lr = step_size(on_the_whole_batch(network, name))
    run(fully_sharded, tmp_path, str(paths[name]), batch_of(name), unit, lr)
    optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=0.9)
    for _ in range(2):
        optimizer.zero_grad()
        on_the_whole_batch(network, name)
        optimizer.step()
    assert_each_close(torch.load(tmp_path / "after.pt"), network.state_dict(), rtol=1e-7)
    held = [torch.load(tmp_path / f"held{rank}.pt") for rank in (0, 1)]
    assert [count for _, count in held] == [facts.parameters] * 2
    assert sum(elements for elements, _ in held) == facts.numel  # each element in one process


def test_checkpointing_gives_the_same_gradients(network, classes, name):
    again = checkpoint_stages(build(classes[name]).double().eval())
    loss_of(again(batch_of(name))).backward()
    found = {key.replace("stage.", ""): g for key, g in gradients(again).items()}
    assert_each_close(found, on_the_whole_batch(network, name), rtol=1e-12)


def test_networks_have_stages_to_checkpoint(network, name):
    assert len(stages(network)) == (3 if "wrn" in name else 4)


@pytest.mark.parametrize("name", ["share_wrn22"])
def test_a_block_that_is_computed_again_measures_its_moments_again(network, name):
    again = checkpoint_stages(network).train()
    loss_of(again(batch_of(name))).backward()
    batches = {n: int(b) for n, b in again.named_buffers() if n.endswith("num_batches_tracked")}
    assert {n: count for n, count in batches.items() if count != 2} == {
        "head.0.num_batches_tracked": 1  # outside of the stages
    }
