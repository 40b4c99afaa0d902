"""Generated networks and scripts on CUDA; skipped where there is none.

Where there is a GPU: `pytest tests/uses/test_cuda.py`.
"""

import json

import pytest
import torch

from archdsl.api import CompiledNetwork
from archdsl.pipeline import compile_spec
from tests.emit.stand_ins import log_of, recipe
from tests.emit.test_train import VARIANTS
from tests.uses.checkpoints import same

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA here")

NETWORKS = {
    "wrn": {"depth": "10", "k": "1"},
    "share_wrn": {"depth": "16", "k": "1"},
    "diracnet": {"depth": "10", "k": "1"},
    "onebit": {"depth": "8", "k": "1"},
    "resnet": {"depth": "18", "image": "64"},
}
FOLDERLESS = {name: each for name, each in VARIANTS.items() if hasattr(each.data, "name")}


@pytest.mark.parametrize("name", list(NETWORKS))
def test_a_network_computes_what_it_does_on_a_cpu(name):
    torch.manual_seed(0)
    model = CompiledNetwork(compile_spec(f"specs/{name}.arch", None, NETWORKS[name])).build()
    model = model.double().eval()
    x = torch.randn(4, *((3, 64, 64) if name == "resnet" else (3, 32, 32))).double()
    there = model(x)
    assert torch.allclose(model.cuda()(x.cuda()).cpu(), there, atol=1e-9)


def run(module, out, **flags):
    settings = {"synthetic": True, "epochs": 2, "device": "cuda", "batch": 32, **flags}
    module.main(module.Config(out=str(out), **settings))
    return log_of(out)


@pytest.mark.parametrize("name", list(FOLDERLESS))
@pytest.mark.parametrize("compiled", [False, True])
def test_every_recipe_trains_with_its_defaults_and_without_compiling(
    load,
    tmp_path,
    name,
    compiled,
):
    first, *epochs = run(load(FOLDERLESS[name]), tmp_path / "out", compile=compiled)
    assert first["device"] == torch.cuda.get_device_name()
    assert [each["epoch"] for each in epochs] == [1, 2]
    assert all(each["peak_memory"] > 0 for each in epochs)


def steps_of(module, *, captured, count=6):
    """Return the weights after some steps on the same batches, and the sums."""
    torch.manual_seed(0)
    config = module.Config(device="cuda", compile=False, channels_last=False, amp=False)
    model, optimizer = module.build(config, torch.device("cuda"))
    for each in model.modules():
        each.p = 0.0  # no dropout: a graph draws other numbers
    for group in optimizer.param_groups:
        group["lr"] = torch.full((), 0.1, device="cuda")
    sums = torch.zeros(2, device="cuda")
    step = module.make_step(model, optimizer, sums, config)
    step = module.Captured(step) if captured else step
    draw = torch.Generator("cuda").manual_seed(1)
    for _ in range(count):
        x = torch.randn(32, 1, 8, 8, device="cuda", generator=draw)
        y = torch.randint(0, 10, (32,), device="cuda", generator=draw)
        step(x, y)
    return model.state_dict(), sums


def test_a_graph_takes_the_steps_that_are_taken_without(load):
    module = load(recipe())
    (weights, sums), (others, other_sums) = (
        steps_of(module, captured=captured) for captured in (False, True)
    )
    assert torch.allclose(sums, other_sums, rtol=1e-4)
    for name, value in weights.items():
        assert torch.allclose(value.float(), others[name].float(), atol=1e-4), name


def test_a_graph_draws_new_masks_of_dropout_at_each_step(load):
    module = load(recipe())
    config = module.Config(device="cuda", compile=False, amp=False)
    model, optimizer = module.build(config, torch.device("cuda"))
    for group in optimizer.param_groups:
        group["lr"] = torch.zeros((), device="cuda")
    sums = torch.zeros(2, device="cuda")
    step = module.Captured(module.make_step(model.train(), optimizer, sums, config))
    x, y = torch.randn(32, 1, 8, 8, device="cuda"), torch.zeros(32, device="cuda").long()
    losses = []
    for _ in range(8):
        sums.zero_()
        step(x, y)
        losses.append(float(sums[0]))
    assert len(set(losses[4:])) == 4


def test_nothing_in_an_epoch_waits_for_the_device(load):
    module = load(recipe())
    device = torch.device("cuda")
    config = module.Config(device="cuda", compile=False, synthetic=True)
    train, _ = module.ready_batches(config, device)
    model, optimizer = module.build(config, device)
    for group in optimizer.param_groups:
        group["lr"] = torch.zeros((), device=device)
    step = module.make_step(model, optimizer, torch.zeros(2, device=device), config)

    class Never:
        def pauses(self, *_):
            return False

    arguments = (model, step, train, optimizer, 1, config, Never())
    module.train_epoch(*arguments)
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert module.train_epoch(*arguments)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_run_that_is_resumed_has_the_state_of_its_checkpoint(load, tmp_path):
    module = load(recipe())
    run(module, tmp_path / "out", epochs=2)
    before = torch.load(tmp_path / "out/checkpoint.pt", weights_only=True)
    run(module, tmp_path / "out", epochs=2, resume=True)
    after = torch.load(tmp_path / "out/checkpoint.pt", weights_only=True)
    assert same(before["model"], after["model"])
    run(module, tmp_path / "out", epochs=3, resume=True, reschedule=True)
    assert json.loads((tmp_path / "out/log.jsonl").read_text().splitlines()[-1])["epoch"] == 3


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", list(NETWORKS))
def test_the_most_memory_at_once_is_what_was_said(name, precision):
    network = CompiledNetwork(compile_spec(f"specs/{name}.arch", None, NETWORKS[name]))
    batch = 256
    memory = network.memory(batch=batch, precision=precision, device="h100")
    model = network.build().cuda().train()
    images = torch.randn(batch, *network.input, device="cuda")
    labels = torch.zeros(batch, dtype=torch.long, device="cuda")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    for _ in range(3):  # cuDNN tries its kernels out in the first
        optimizer.zero_grad(set_to_none=True)
        torch.cuda.reset_peak_memory_stats()
        with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bfloat16"):
            loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
    state = memory.gradients - memory.optimizer - memory.average  # with this optimizer
    assert torch.cuda.max_memory_allocated() == pytest.approx(memory.peak + state, rel=0.05)
