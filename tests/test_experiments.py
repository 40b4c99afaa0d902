"""`python -m docs.experiments` works on a small budget; its page says what results.json holds."""

import re
import subprocess
import sys
from pathlib import Path
from statistics import mean, median
from xml.etree import ElementTree as ET

import pytest

import archdsl
from docs.experiments import __main__ as command
from docs.experiments import page, plan, results, timing
from docs.experiments.training import Run, train

ROOT = Path(__file__).parents[1]
SMALL = plan.Network("small", "onebit.arch:onebit", {"norm": "frozen", "n": 1, "width": 4})
BRIEF = ("--device", "cpu", "--epochs", "2", "--limit", "128")


def accuracies(network, seeds=(0, 1, 2)):
    found = {run.seed: run.test_accuracy[-1] for run in results.load().of(network)}
    return [found[seed] for seed in seeds]


def losses(network):
    return [run.train_loss[-1] for run in results.load().of(network)]


def runs_of(experiment, label):
    return results.load().of(named(experiment, label))


def ratio_of(row, first):
    """The median of the ratios of times that were taken in the same round."""
    return median(a / b for a, b in zip(row.seconds, first.seconds, strict=True))


def named(experiment, label):
    (found,) = [n for n in plan.EXPERIMENTS[experiment].networks if n.label == label]
    return found


# ---------------------------------------------------------------- what is committed


def test_the_page_has_the_tables_of_the_results():
    assert command.main(["--check"]) == 0


def test_a_page_out_of_date_is_told_apart(monkeypatch, tmp_path, capsys):
    text = page.PAGE.read_text(encoding="utf-8")
    old = tmp_path / "README.md"
    old.write_text(re.sub(r"\d \|$", "x |", text, count=1, flags=re.MULTILINE), encoding="utf-8")
    monkeypatch.setattr(page, "PAGE", old)
    assert command.main(["--check"]) == 1
    assert "is out of date: run `python -m docs.experiments`" in capsys.readouterr().err


def test_every_run_is_there_and_whole():
    found = results.load().runs
    for network, seed in plan.runs(list(plan.EXPERIMENTS.values()), None):
        run = found[network.key, seed]
        assert len(run.train_loss) == len(run.test_accuracy)
        assert len(run.train_loss) == network.epochs or run.diverged, network.key


def test_the_results_are_of_the_networks_that_the_specs_declare():
    networks = {n.key: n for e in plan.EXPERIMENTS.values() for n in e.networks}
    counted = {run.network: run.parameters for run in results.load().runs.values()}
    assert counted.keys() == networks.keys()
    for key, network in networks.items():
        arguments = plan.as_literals(network.arguments)
        compiled = archdsl.compile(f"{plan.FOLDER}/{network.spec}", **arguments)
        assert counted[key] == compiled.parameters.total, key


def test_of_100_layers_plain_ones_fail_and_dirac_ones_learn():
    # chance is 0.1, and ln 10 = 2.303 the loss of a guess
    assert max(accuracies(named("depth", "plain, 100 layers"))) < 0.2
    assert min(losses(named("depth", "plain, 100 layers"))) > 2.2
    assert min(accuracies(named("depth", "Dirac, 100 layers"))) > 0.9


def test_dirac_weights_that_begin_small_close_the_gap_to_shallow_plain_networks():
    for depth in ("10", "16"):
        plain, small, paper = (
            mean(accuracies(named("depth", f"{kind}, {depth} layers")))
            for kind in ("plain", "Dirac from 0.1", "Dirac")
        )
        assert plain - small < 0.015
        assert plain - paper > 0.03


def test_dirac_adds_two_numbers_to_a_layer():
    plain, dirac = (
        results.load().of(named("depth", f"{kind}, 100 layers"))[0] for kind in ("plain", "Dirac")
    )
    assert dirac.parameters == plain.parameters + 2 * 96


def test_of_400_layers_plain_ones_do_not_start_and_dirac_ones_learn():
    assert [run.diverged for run in runs_of("deeper", "plain, 400 layers")] == [True] * 3
    assert min(losses(named("deeper", "plain, 202 layers"))) > 2.2
    for depth in ("202", "400"):
        assert min(accuracies(named("deeper", f"Dirac from 0.1, {depth} layers"))) > 0.9


def test_without_a_norm_100_layers_learn():
    assert min(accuracies(named("unnormalized", "a delta + W, 100 layers"))) > 0.97


def test_a_falls_as_its_weight_decay_has_it_and_b_leaves_0():
    for run in runs_of("scalars", "Dirac, 16 layers, 200 epochs"):
        assert len(run.a) == len(run.b) == 200 // 5 + 1
        means = [mean(layers) for layers in run.a]
        # no gradient: 1,320 steps of rate 0.1 / (1 - 0.9) and decay 5e-4, 5 exp(-0.66) = 2.58
        assert means[0] == 5
        assert abs(means[60 // 5] - 2.58) < 0.1
        assert means == sorted(means, reverse=True)
        assert max(map(abs, run.b[0])) == 0.001
        assert max(map(abs, run.b[60 // 5])) > 1


def test_delta_makes_the_deviation_of_w_matter_little():
    he = mean(accuracies(named("sigma", "no delta, as He et al.")))
    for sigma in ("0.1", "1e-2", "1e-4", "1e-8"):
        assert abs(mean(accuracies(named("sigma", f"delta + W, sigma = {sigma}"))) - he) < 0.015
    assert he - mean(accuracies(named("sigma", "delta + W, sigma = 1"))) > 0.02
    assert max(accuracies(named("sigma", "delta + W, sigma = 1e-30"))) < 0.2


def test_wide_networks_take_less_time_for_as_many_macs():
    rows = {row.label: row for rows in timing.load().rows.values() for row in rows}
    thin, wide, deepest = (rows[name] for name in ("WRN-76-1", "WRN-10-4", "ResNet-1001"))
    assert abs(wide.macs / thin.macs - 1) < 0.02
    assert ratio_of(wide, thin) < 0.9
    # Zagoruyko & Komodakis 2016: 1.6 and 8 times as fast as ResNet-1001
    assert round(rows["WRN-28-10"].macs / deepest.macs, 1) == 3.5
    assert 1.3 < ratio_of(rows["WRN-28-10"], deepest) < 1.6
    assert 0.3 < ratio_of(rows["WRN-40-4"], deepest) < 0.5


def test_types_of_blocks_take_the_time_that_they_have_in_the_paper():
    made, rows = plan.TIMINGS["blocks"], timing.load().rows["blocks"]
    for row, subject in zip(rows, made.subjects, strict=True):
        assert abs(ratio_of(row, rows[0]) / subject.published - 1) < 0.07, row.label


def test_the_page_shows_the_plots_that_lie_beside_it():
    shown = re.findall(r"!\[[^\]]+\]\((\S+)\)", page.PAGE.read_text(encoding="utf-8"))
    assert shown == ["depth.svg", "scalars.svg", "restarts.svg", "comparisons.svg"]
    for name in shown:
        assert ET.parse(plan.FOLDER / name).getroot().tag.endswith("svg")


def test_the_specs_are_canonical():
    specs = sorted(map(str, plan.FOLDER.glob("*.arch")))
    done = subprocess.run(
        [sys.executable, "-m", "archdsl", "fmt", "--check", *specs], cwd=ROOT, check=False
    )
    assert (len(specs), done.returncode) == (7, 0)


# ---------------------------------------------------------------- how it is made


def test_a_and_b_are_read_from_the_checkpoint_of_each_epoch(tmp_path):
    network = plan.Network("a, b", "scalars.arch:dirac", {"depth": 10, "width": 4}, 2, every=1)
    run = train(network, 0, tmp_path, ("--device", "cpu", "--limit", "128"))
    # Zagoruyko & Komodakis 2017, sections 2 and 3.3: a = 5 and b = 1e-3 at first; six Dirac layers
    assert (run.a[0], run.b[0]) == ((5.0,) * 6, (0.001,) * 6)
    assert [len(layers) for layers in (*run.a, *run.b)] == [6] * 6
    assert run.a[0] != run.a[1] != run.a[2]
    assert not list(tmp_path.glob("*/*.pt"))
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


def test_times_are_of_the_networks_that_the_specs_declare():
    for name, made in plan.TIMINGS.items():
        rows = timing.load().rows[name]
        assert [row.label for row in rows] == [subject.label for subject in made.subjects]
        assert {len(row.seconds) for row in rows} == {made.rounds}
        for row, subject in zip(rows, made.subjects, strict=True):
            compiled = archdsl.compile(f"{timing.SPECS}/{subject.spec}", **subject.arguments)
            assert (row.parameters, row.macs) == (compiled.parameters.total, compiled.macs)


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
