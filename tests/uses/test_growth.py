"""Networks that grow, in the hands of those who stop, divide, compile, export and deploy them."""

import copy
import importlib
import os
import subprocess
import sys
from functools import partial

import pytest
import torch
from torch._dynamo.exc import FailOnRecompileLimitHit
from torch._dynamo.testing import CompileCounter
from torch._inductor import config as inductor

from archdsl.cli import main
from archdsl.pipeline import compile_text
from tests.emit.stand_ins import log_of
from tests.growing import Loaded, check_phases
from tests.uses.checkpoints import same
from tests.uses.deaths import dies_before, dies_growing
from tests.uses.kills import GROWING, checkpoint_of, run
from tests.uses.networks import ROOT

FORKS = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files of a network that grows at epochs 2, 3 and 5, of 6."""
    folder = tmp_path_factory.mktemp("growing")
    for name, text in compile_text(GROWING).files("net").items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def whole(folder):
    """The last checkpoint of a run that nothing stops."""
    assert run(folder, folder / "whole", 1, resume=False) == [0]
    return checkpoint_of(folder / "whole")


# ---------------------------------------------------------------- stopped


@FORKS
def test_a_run_that_is_killed_in_every_phase_and_every_growth_ends_with_the_same_bits(
    folder, whole, tmp_path
):
    """Each time it goes on from the end of the epoch before, which it has saved."""
    out, flags = tmp_path / "out", ("--save-minutes", "0")
    kills = (
        partial(dies_before, 10),
        partial(dies_growing, 1),
        partial(dies_before, 5),
        partial(dies_growing, 2),
        partial(dies_before, 25),  # in the second epoch of its phase, where what was fixed learns
        partial(dies_growing, 3),
        partial(dies_before, 25),
    )
    for number, before in enumerate(kills):
        assert run(folder, out, 1, resume=number > 0, flags=flags, before=before) == [-9]
    assert run(folder, out, 1, resume=True, flags=flags) == [0]
    found = checkpoint_of(out)
    found["config"]["save_minutes"] = whole["config"]["save_minutes"]
    differ = [name for name in whole if not same(found[name], whole[name])]
    assert differ == []
    assert [r["phase"] for r in log_of(out) if "phase" in r] == [0, 1, 2, 2, 3, 3]


@FORKS
@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_growing_runs_that_are_killed_anywhere_end_with_the_same_bits(processes):
    command = ["-m", "tests.uses.kills", "--kills", "60", "--processes", str(processes), "--grows"]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("ended with the same bits\n")


# ---------------------------------------------------------------- two processes


@FORKS
def test_two_processes_grow_in_the_same_step_and_agree_with_one(tmp_path):
    """Without batch norm, which sees a part of the batch, and dropout, which each draws itself."""
    text = GROWING.replace("conv3x3(width) bn", "conv3x3(width)").replace(" dropout(0.3)", "")
    for name, content in compile_text(text).files("net").items():
        (tmp_path / name).write_text(content)
    logs, states = [], []
    for processes in (1, 2):
        out = tmp_path / f"out{processes}"
        assert run(tmp_path, out, processes, resume=False) == [0] * processes
        logs.append([record for record in log_of(out) if "phase" in record])
        states.append(checkpoint_of(out)["model"])
    assert [[record["phase"] for record in log] for log in logs] == [[0, 1, 2, 2, 3, 3]] * 2
    for one, two in zip(*logs, strict=True):
        assert two["train_loss"] == pytest.approx(one["train_loss"], rel=1e-3)
    for name, tensor in states[0].items():
        torch.testing.assert_close(states[1][name], tensor, rtol=5e-3, atol=5e-4)


# ---------------------------------------------------------------- averages


def test_the_average_grows_along(folder, tmp_path, import_script, monkeypatch):
    """Where a growth puts what the average holds, the larger average holds it."""
    module = import_script(folder)
    embed, seen = module.embed, []

    def watched(old, new, phase):
        embed(old, new, phase)
        where = [slice(0, n) for n in old.stem[0].weight.shape]
        assert torch.equal(new.stem[0].weight[tuple(where)], old.stem[0].weight)
        seen.append((phase, next(new.parameters()).requires_grad))

    monkeypatch.setattr(module, "embed", watched)
    module.main(module.Config(out=str(tmp_path / "out"), device="cpu", limit=64))
    assert seen == [(p, learns) for p in (1, 2, 3) for learns in (True, False)]
    state = checkpoint_of(tmp_path / "out")
    assert state["average"].keys() == state["model"].keys()
    assert state["average"]["stem.0.weight"].shape == (8, 1, 3, 3)
    assert not torch.equal(state["average"]["head.3.weight"], state["model"]["head.3.weight"])


# ---------------------------------------------------------------- compiled

SIX = """
network net(width = 12) with freeze(grown) {
    grow width = [2, 4, 6, 8, 10, 12]
    input(1, 8, 8)
    stem { conv3x3(width) bn relu }
    head with trainable { avgpool linear(10) }
    train = quick
}
train quick {
    data      = digits
    batch     = 32
    epochs    = 6
    optimizer = sgd(lr = 0.1, momentum = 0.9)
    schedule  = constant
    grow      = at([2, 3, 4, 5, 6])
}
"""


@pytest.fixture
def six(tmp_path, import_script):
    """The script of a network of six phases."""
    script = tmp_path / "six"
    script.mkdir()
    for name, text in compile_text(SIX).files("net").items():
        (script / name).write_text(text)
    torch._dynamo.reset()
    yield import_script(script)
    torch._dynamo.reset()


def compiled_by(monkeypatch, counter):
    """Let modules be compiled into whole graphs by a backend that counts them."""

    def compile_whole(self, **options):
        self._compiled_call_impl = torch.compile(
            self._call_impl, fullgraph=True, backend=counter, **options
        )

    monkeypatch.setattr(torch.nn.Module, "compile", compile_whole)


def test_a_compiled_run_has_two_graphs_in_each_of_six_phases(six, tmp_path, monkeypatch):
    """One for training and one for evaluation."""
    counter = CompileCounter()
    compiled_by(monkeypatch, counter)
    config = six.Config(out=str(tmp_path / "out"), device="cpu", limit=64, compile=True)
    six.main(config)
    assert counter.frame_count == 12
    assert [record["phase"] for record in log_of(tmp_path / "out")[1:]] == list(range(6))


def test_without_the_reset_a_compiled_run_ends_in_some_phase(six, tmp_path, monkeypatch):
    """Dynamo counts the graphs of a code object over all phases, and stops at eight."""
    compiled_by(monkeypatch, CompileCounter())
    monkeypatch.setattr(torch.compiler, "reset", lambda: None)
    config = six.Config(out=str(tmp_path / "out"), device="cpu", limit=64, compile=True)
    with pytest.raises(FailOnRecompileLimitHit):
        six.main(config)
    phases = [record["phase"] for record in log_of(tmp_path / "out")[1:]]
    assert phases == [0, 1, 2, 3]


@pytest.fixture
def inductor_cache(tmp_path, monkeypatch):
    """Compile anew, in this process: what an earlier run left must not stand in."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))
    with inductor.patch({"compile_threads": 1}):
        yield


INDUCTOR = pytest.mark.filterwarnings(
    "ignore:`torch.jit.script_method` is deprecated:DeprecationWarning"  # inductor's own imports
)


@INDUCTOR
@pytest.mark.slow
@pytest.mark.usefixtures("inductor_cache")
def test_inductor_compiles_every_phase(six, tmp_path):
    config = six.Config(out=str(tmp_path / "out"), device="cpu", limit=64, compile=True)
    six.main(config)
    assert [record["phase"] for record in log_of(tmp_path / "out")[1:]] == list(range(6))


@INDUCTOR
@pytest.mark.slow
@pytest.mark.usefixtures("inductor_cache")
def test_inductor_measures_the_moments_of_channels_that_are_not_fixed():
    """Where F.batch_norm is handed parts of moments, what inductor makes of it spoils them."""
    loaded = Loaded(compile_text(SIX))
    plain = loaded.network(2)
    loaded.growth.fix_moments(plain, 2, 0)
    other = copy.deepcopy(plain)
    compiled = torch.compile(other, fullgraph=True, dynamic=False)
    for _ in range(3):
        x = torch.randn(8, 1, 8, 8)
        plain(x).sum().backward()
        compiled(x).sum().backward()
    for name, buffer in plain.named_buffers():
        torch.testing.assert_close(other.get_buffer(name), buffer)


# ---------------------------------------------------------------- afterwards


def test_the_last_phase_loads_into_the_class_of_the_static_member(whole):
    static = Loaded(compile_text(GROWING, arguments={"width": "8"})).network()
    static.load_state_dict(whole["model"], strict=True)
    assert [name for name, _ in static.named_parameters()]


def test_phases_are_their_tables():
    check_phases(Loaded(compile_text(GROWING)))


@pytest.mark.filterwarnings("ignore:`isinstance\\(treespec, LeafSpec\\)`:FutureWarning")
def test_the_last_phase_exports(whole):
    model = Loaded(compile_text(GROWING)).network().eval()
    model.load_state_dict(whole["model"])
    x = torch.randn(3, 1, 8, 8)
    exported = torch.export.export(model, (x,))
    with torch.no_grad():
        assert torch.equal(exported.module()(x), model(x))


def test_the_last_phase_deploys(folder, whole, tmp_path, monkeypatch, capsys):
    spec = tmp_path / "net.arch"
    spec.write_text(GROWING)
    checkpoint = folder / "whole" / "checkpoint.pt"
    status = main(["deploy", str(spec), str(checkpoint), "--out", str(tmp_path / "deployed")])
    assert status == 0, capsys.readouterr().err
    monkeypatch.syspath_prepend(tmp_path / "deployed/net")
    monkeypatch.delitem(sys.modules, "model", raising=False)
    deployed = importlib.import_module("model")
    monkeypatch.delitem(sys.modules, "model")
    trained = Loaded(compile_text(GROWING)).network().eval()
    trained.load_state_dict(whole["average"])
    x = torch.randn(3, 1, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(
            deployed.load(tmp_path / "deployed/net/weights.safetensors")(x), trained(x)
        )
