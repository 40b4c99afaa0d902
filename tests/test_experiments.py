"""`python -m docs.experiments` works on a small budget."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.experiments import __main__ as command
from docs.experiments import page, plan, results, timing
from docs.experiments.training import Run, train

ROOT = Path(__file__).parents[1]
SMALL = plan.Network("small", "onebit.arch:onebit", {"norm": "frozen", "n": 1, "width": 4})
BRIEF = ("--device", "cpu", "--epochs", "2", "--limit", "128")


def test_a_and_b_are_read_from_the_checkpoint_of_each_epoch(tmp_path):
    network = plan.Network("a, b", "scalars.arch:dirac", {"depth": 10, "width": 4}, 2, every=1)
    run = train(network, 0, tmp_path, ("--device", "cpu", "--limit", "128"))
    # Zagoruyko & Komodakis 2017, sections 2 and 3.3: a = 5 and b = 1e-3 at first; six Dirac layers
    assert (run.a[0], run.b[0]) == ((5.0,) * 6, (0.001,) * 6)
    assert [len(layers) for layers in (*run.a, *run.b)] == [6] * 6
    assert run.a[0] != run.a[1] != run.a[2]
    assert not list(tmp_path.glob("*/epoch*.pt"))  # read, and no longer needed
    assert train(network, 0, tmp_path, ("--device", "cpu", "--limit", "128")) == run


def test_experiments_whose_images_are_not_there_are_skipped(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "CACHE", tmp_path)
    assert command.main(["--quick", "restarts", "moments", "--data", str(tmp_path)]) == 0
    said, folders = (
        capsys.readouterr().err.splitlines(),
        "cifar-10-batches-bin nor cifar-10-batches-py",
    )
    assert said == [
        f"{name}: skipped, for {tmp_path} holds no {folders}; --data says where"
        for name in ("restarts", "moments")
    ]
    assert list(tmp_path.iterdir()) == []


def test_networks_for_cifar_train(tmp_path):
    (network,) = [
        n for n in plan.EXPERIMENTS["moments"].networks if n.label == "1 bit, averaged deviations"
    ]
    flags = ("--device", "cpu", "--synthetic", "--epochs", "1", "--limit", "250")
    run = train(network, 0, tmp_path, flags, tmp_path)
    assert (len(run.train_loss), run.diverged) == (1, False)


def test_steps_are_timed_in_rounds(tmp_path):
    subjects = (
        plan.Subject("thin", "wrn.arch:wrn", {"depth": 10, "k": 1}, 1.0),
        plan.Subject("wide", "wrn.arch:wrn", {"depth": 10, "k": 2}, 0.5),
    )
    rows = timing.measure(plan.Timing("small", subjects, batch=1, rounds=2), "cpu", lambda _: None)
    assert [(row.label, len(row.seconds)) for row in rows] == [("thin", 2), ("wide", 2)]
    assert all(second > 0 for row in rows for second in row.seconds)
    times = timing.Times({"threads": "1"}, {"small": rows})
    timing.save(times, tmp_path / "times.json")
    assert timing.load(tmp_path / "times.json") == times


def test_a_row_of_times_is_the_median_and_its_ratios_in_each_round():
    subjects = (plan.Subject("a", "", {}, 1.0), plan.Subject("b", "", {}, 1 / 1.6))
    rows = (
        timing.Timed("a", 1000, 2_000_000, (0.1, 0.2, 0.3)),
        timing.Timed("b", 3000, 7_000_000, (0.05, 0.2, 0.27)),
    )
    table = page.timing_table(plan.Timing("t", subjects, 4), timing.Times({}, {"t": rows}))
    # ratios 0.5, 1 and 0.9; medians 0.2 s
    assert table.splitlines()[2:] == [
        "| a | 1,000 | 2 | 200 | 1 | 1.00 |",
        "| b | 3,000 | 7 | 200 | 0.90 (0.50 to 1.00) | 0.62 |",
    ]


def test_a_and_b_of_a_group_are_those_of_its_layers():
    network = plan.Network("n", "deep.arch:dirac", {}, 200, every=60)
    a = tuple((5.0 - i, 5.0 - i, 4.0, 4.0, 1.0, 2.0) for i in range(5))
    runs = [Run("deep.arch:dirac epochs=200", 0, 1, 1, (), (), a=a, b=a)]
    found = results.Results({}, {(run.network, run.seed): run for run in runs})
    rows = page.group_table(network, found).splitlines()[2:5]
    assert [line.split(" | ")[:3] for line in rows] == [
        ["| a, group 1", "5.00 (5.00 to 5.00)", "4.00 (4.00 to 4.00)"],
        ["| a, group 2", "4.00 (4.00 to 4.00)", "4.00 (4.00 to 4.00)"],
        ["| a, group 3", "1.50 (1.00 to 2.00)", "1.50 (1.00 to 2.00)"],
    ]


def test_a_network_is_trained_once(tmp_path):
    first = train(SMALL, 0, tmp_path, BRIEF)
    assert (first.network, first.seed) == ("onebit.arch:onebit norm=frozen n=1 width=4", 0)
    assert (len(first.train_loss), len(first.test_accuracy)) == (2, 2)
    assert first.train_loss[1] < first.train_loss[0]
    (log,) = tmp_path.glob("*/log.jsonl")
    written = log.stat().st_mtime_ns
    assert train(SMALL, 0, tmp_path, BRIEF) == first
    assert log.stat().st_mtime_ns == written
    train(SMALL, 1, tmp_path, BRIEF)
    assert len(list(tmp_path.glob("*/log.jsonl"))) == 2


def test_a_run_that_was_cut_short_is_no_result(tmp_path):
    whole = train(SMALL, 0, tmp_path / "whole", BRIEF)
    part = tmp_path / "part"
    train(SMALL, 0, part, BRIEF)
    (folder,) = part.iterdir()
    (folder / "whole").unlink()  # as if it had been killed
    assert train(SMALL, 0, part, BRIEF) == whole


def test_a_run_that_diverges_is_a_result(tmp_path):
    run = train(SMALL, 0, tmp_path, (*BRIEF, "--lr", "1e38"))
    assert run.diverged
    assert train(SMALL, 0, tmp_path, (*BRIEF, "--lr", "1e38")) == run
    assert "| 1, 1 diverged |  |  |  |  |" in _row(run)


def test_other_errors_of_the_script_are_not_results(tmp_path):
    with pytest.raises(SystemExit, match="exceeds the 1438 training images"):
        train(SMALL, 0, tmp_path, (*BRIEF, "--limit", "0", "--batch", "2000"))


def test_a_row_is_mean_and_standard_deviation_of_the_last_epochs():
    runs = [Run(SMALL.key, seed, 1234, 80, (2.0, 1.0 + seed), (0.1, 0.9)) for seed in (0, 1, 2)]
    # 1, 2, 3: mean 2, standard deviation of the sample 1
    cells = "| 1,234 | 3 | 2.000 ± 1.000 | 90.0 ± 0.0 | 90.0 | 90.0 |"
    assert _row(*runs) == f"| small {cells}"


def _row(*runs):
    experiment = plan.Experiment("e", (SMALL,), (0,))
    found = results.Results({}, {(run.network, run.seed): run for run in runs})
    return page.table(experiment, found).splitlines()[-1]


def test_results_are_read_as_they_were_written(tmp_path):
    found = results.load()
    results.save(found, tmp_path / "results.json")
    assert results.load(tmp_path / "results.json") == found
    assert (tmp_path / "results.json").read_bytes() == results.FILE.read_bytes()


def test_the_command_can_be_tried(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "CACHE", tmp_path)
    assert command.main(["--quick", "sharing"]) == 0
    printed = capsys.readouterr()
    assert "[3/3] sharing.arch:unshared n=1, seed 0" in printed.err
    assert re.search(r"^\| 1 block a stage \| 43,870 \| 1 \| \d", printed.out, re.MULTILINE)


def test_all_experiments_are_made_unless_some_are_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "EXPERIMENTS", {"one": plan.Experiment("one", (), ())})
    monkeypatch.setattr(command, "TIMINGS", {"two": plan.Timing("two", (), 1)})
    monkeypatch.setattr(command.growths, "EXPERIMENTS", {})
    monkeypatch.setattr(timing, "measure", lambda *_: ())
    assert command.main(["--quick"]) == 0
    first, second = capsys.readouterr().out.split("\n\n")
    assert first.startswith("| network | parameters | runs |")
    assert second.startswith("| network | parameters | MACs, millions |")


def test_an_unknown_experiment_is_told(capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(["dept"])
    assert (
        "`dept` is none of depth, deeper, longer, forms, unnormalized, scalars, sigma, bits,"
        in (capsys.readouterr().err)
    )


def test_help_needs_no_torch():
    code = "import sys, docs.experiments.__main__ as m; print('torch' in sys.modules)"
    words = (sys.executable, "-c", code)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_plots_are_the_results(tmp_path):
    pytest.importorskip("matplotlib")
    from docs.experiments import plots

    plots.write(results.load(), tmp_path)
    text = (tmp_path / "depth.svg").read_text(encoding="utf-8")
    assert "test accuracy, %" in text
    plots.write(results.Results({}, {}), tmp_path)  # and nothing, where there is none
    assert (tmp_path / "depth.svg").read_text(encoding="utf-8") != text
