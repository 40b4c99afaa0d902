"""Maps that are computed once since what gives them is fixed: first modules, and columns."""

import pytest
import torch

from archdsl.pipeline import compile_text
from tests.emit.stand_ins import log_of
from tests.uses.kills import checkpoint_of, run

DEEPER = """
network net(blocks = 3) with freeze(grown) {
    grow blocks = [1, 2, 3]
    input(1, 8, 8)
    stem { conv3x3(4) bn relu maxpool(2) }
    conv3x3(4) bn
    relu
    conv2: unit(8)
    stage conv3(stride = 2) = blocks * unit(8)
    head with trainable { avgpool linear(10) }
    train = quick
}
block unit(width) {
    residual { conv3x3(width, stride = stride) bn relu conv3x3(width) bn }
    shortcut { conv1x1(width, stride = stride) }
    relu
}
train quick {
    data      = digits
    batch     = 32
    epochs    = 3
    optimizer = adam(lr = 0.01, weight_decay = 0.01)
    schedule  = constant
    grow      = at([2, 3])
}
"""
AT_FIRST = DEEPER.replace("freeze(grown)", "freeze(grown, epochs = 1)")
AT_FIRST = AT_FIRST.replace("[1, 2, 3]", "[1, 3]").replace("at([2, 3])", "at([2])")
FROZEN = (
    DEEPER.replace(" with freeze(grown)", "")
    .replace("    grow blocks = [1, 2, 3]\n", "")
    .replace("    grow      = at([2, 3])\n", "")
    .replace("stem {", "stem with freeze {")
    .replace("conv3x3(4) bn\n", "conv3x3(4) with freeze\n    bn with freeze\n")
)
AUGMENTED = FROZEN.replace("digits", "cifar10(augment = [flip])").replace("1, 8, 8", "3, 32, 32")
NESTED = """
network net(width = 6) with freeze(grown) {
    grow width = [2, 4, 6] nested
    input(1, 8, 8)
    stem:  { conv3x3(width) bn relu }
    conv2: { conv3x3(width) bn relu }
    head { avgpool linear(10) }
    train = quick
}
""" + DEEPER.partition("    relu\n}\n")[2]

SHARED = """
network net with share(conv3x3) {
    input(4, 8, 8)
    conv3x3(4) with freeze
    relu
    conv1x1(4)
    conv3x3(4) with freeze
    avgpool linear(10)
    train = quick
}
""" + FROZEN.partition("    relu\n}\n")[2]


@pytest.fixture
def write(tmp_path):
    def write(spec):
        for name, text in compile_text(spec).files("net").items():
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("spec", "first"),
    [
        (DEEPER, ("stem", "conv1", "bn1", "conv2")),
        (FROZEN, ("stem", "conv1", "bn1")),
        (FROZEN.replace("bn with freeze", "bn"), ("stem", "conv1")),
        (FROZEN.replace("maxpool(2) }", "maxpool(2) dropout(0.1) }"), ("stem", "conv1", "bn1")),
        (DEEPER.replace("    conv3x3(4) bn\n", "    dropout(0.1) conv3x3(4) bn\n"), ("stem",)),
        (DEEPER.replace("    conv3x3(4) bn\n", "    conv3x3(4) bn with trainable\n"), None),
    ],
)
def test_the_first_modules_that_are_fixed_are_named(spec, first):
    files = compile_text(spec).files("net")
    if first is None:
        first = ("stem", "conv1")
    lines = files["kept.py"].partition("FIRST = (\n")[2].partition(")")[0]
    assert lines.split() == [f'"{name}",' for name in first]


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(FROZEN.replace(" with freeze", ""), id="nothing is fixed"),
        pytest.param(DEEPER.replace(" with freeze(grown)", ""), id="nothing grown is fixed"),
        pytest.param(FROZEN.replace("stem with freeze", "stem"), id="not the first"),
        pytest.param(
            AUGMENTED,
            id="augmented",
        ),
        pytest.param(SHARED, id="a later layer has its weight"),
        pytest.param(NESTED.replace(" nested", ""), id="all of it grows"),
    ],
)
def test_nothing_is_kept_that_changes(spec):
    assert "kept.py" not in compile_text(spec).files("net")


@pytest.mark.parametrize("spec", [DEEPER, AT_FIRST, FROZEN, NESTED])
def test_what_is_kept_is_what_would_be_computed(spec, write, tmp_path, import_script):
    """The log and the weights, up to the order of sums in batches of another size."""
    module = import_script(write(spec))
    logs, states = [], []
    for cache in (True, False):
        out = tmp_path / f"cache{cache}"
        module.main(module.Config(out=str(out), device="cpu", limit=512, cache=cache))
        logs.append([record["train_loss"] for record in log_of(out) if "epoch" in record])
        states.append(checkpoint_of(out)["model"])
    assert len(logs[0]) == 3
    assert logs[0] == pytest.approx(logs[1], rel=1e-3)
    for name, tensor in states[0].items():
        torch.testing.assert_close(states[1][name], tensor, rtol=5e-3, atol=5e-4)


def test_fixed_modules_are_computed_once_a_phase(write, tmp_path, import_script, monkeypatch):
    module = import_script(write(DEEPER))
    times = []
    step = module.make_step

    def counting(model, optimizer, sums, config):
        stem, called = model.stem[0], []
        stem.register_forward_hook(lambda *_: called.append(len(called)))
        times.append(called)
        return step(model, optimizer, sums, config)

    monkeypatch.setattr(module, "make_step", counting)
    module.main(module.Config(out=str(tmp_path / "out"), device="cpu", limit=64, batch=32))
    # 2 batches of each epoch, 2 of the test; where it is fixed, the training's are computed once
    # and the epoch's are not
    assert [len(called) for called in times] == [4, 4, 4]
    monkeypatch.setattr(module.Kept, "hold", lambda *_: None)
    times.clear()
    module.main(module.Config(out=str(tmp_path / "again"), device="cpu", limit=64, batch=32))
    assert [len(called) for called in times] == [4, 6, 6]


def test_more_than_may_be_is_not_kept(write, tmp_path, import_script, monkeypatch, capsys):
    module = import_script(write(FROZEN))
    kept = module.Kept.__init__.__globals__
    monkeypatch.setitem(kept, "MOST", 64 * 4 * 4 * 4 * 4 - 1)  # 64 maps of [4, 4, 4], 4 bytes each
    module.main(
        module.Config(out=str(tmp_path / "out"), device="cpu", limit=64, batch=32, epochs=1)
    )
    assert "not kept, which would take 0.0 GB: what is fixed\n" in capsys.readouterr().out
    monkeypatch.setitem(kept, "MOST", 64 * 4 * 4 * 4 * 4)
    module.main(
        module.Config(out=str(tmp_path / "two"), device="cpu", limit=64, batch=32, epochs=1)
    )
    assert "not kept" not in capsys.readouterr().out


def test_no_gradient_is_computed_of_what_is_fixed_as_a_whole(write, import_script):
    module = import_script(write(DEEPER))
    config, device = module.Config(device="cpu"), torch.device("cpu")
    growing = module.Growing()
    growing.phase, growing.began = 1, 2
    model = module.build(config, device, 1)
    module.optimize(model, config, growing, 2)
    learns = {name for name, p in model.named_parameters() if p.requires_grad}
    assert {name.partition(".")[0] for name in learns} == {"conv3", "head"}
    assert not any(name.startswith("conv3.0.") for name in learns)


@pytest.mark.parametrize("spec", [DEEPER, AT_FIRST, NESTED])
def test_two_processes_agree_with_one(spec, write, tmp_path):
    """Without batch norm, which sees a part of the batch."""
    folder = write(spec.replace(" bn", ""))
    states = []
    for processes in (1, 2):
        out = tmp_path / f"out{processes}"
        assert run(folder, out, processes, resume=False) == [0] * processes
        states.append(checkpoint_of(out)["model"])
    for name, tensor in states[0].items():
        torch.testing.assert_close(states[1][name], tensor, rtol=5e-3, atol=5e-4)
