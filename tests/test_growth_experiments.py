"""`python -m docs.experiments growth`: arms train and grow, and the page says what they gave."""

import re
import subprocess
import sys
from pathlib import Path
from statistics import mean, median
from xml.etree import ElementTree as ET

import pytest

import archdsl
from docs.experiments import __main__ as command
from docs.experiments.growth import page, plan, results
from docs.experiments.growth.training import Run, train

ROOT = Path(__file__).parents[1]
SINE, MNIST, CIFAR = (plan.EXPERIMENTS[f"growth-{name}"] for name in ("sine", "mnist", "cifar"))
BRIEF = ("--device", "cpu", "--epochs", "4", "--growths", "2", "3", "4", "--limit", "512")


def named(experiment, label):
    (found,) = [arm for arm in experiment.arms if arm.label == label]
    return found


def test_an_arm_grows_and_its_run_says_when(tmp_path):
    run = train(SINE._replace(every=1), named(SINE, "grown"), 0, tmp_path, BRIEF, tmp_path)
    # thesis, section 5.2: 500 hidden units by quarters, 1,501 parameters in the end
    assert (run.parameters, run.growths, run.epochs) == (1501, (2, 3, 4), (1, 2, 3, 4))
    assert len(run.seconds) == len(run.train_loss) == len(run.test_loss) == 4
    assert list(run.seconds) == sorted(run.seconds)
    assert run.test_accuracy == ()


def test_a_static_arm_does_not_grow(tmp_path):
    flags = ("--device", "cpu", "--epochs", "2", "--limit", "512")
    run = train(SINE, named(SINE, "static 100"), 0, tmp_path, flags, tmp_path)
    assert (run.parameters, run.growths, run.epochs) == (301, (), (1, 2))


def test_an_arm_is_trained_once(tmp_path):
    first = train(SINE, named(SINE, "hidden units fixed"), 0, tmp_path, BRIEF, tmp_path)
    (log,) = tmp_path.glob("*/log.jsonl")
    written = log.stat().st_mtime_ns
    assert train(SINE, named(SINE, "hidden units fixed"), 0, tmp_path, BRIEF, tmp_path) == first
    assert log.stat().st_mtime_ns == written


def test_a_run_that_was_cut_short_begins_anew(tmp_path):
    whole = train(SINE, named(SINE, "grown"), 0, tmp_path, BRIEF, tmp_path)
    (folder,) = tmp_path.iterdir()
    (folder / "whole").unlink()  # as if it had been killed
    again = train(SINE, named(SINE, "grown"), 0, tmp_path, BRIEF, tmp_path)
    assert again._replace(seconds=()) == whole._replace(seconds=())


def test_states_are_forgotten_at_growth_and_nowhere_else(tmp_path):
    kept, forgot = (
        train(SINE._replace(every=1), arm, 0, tmp_path, BRIEF, tmp_path)
        for arm in (named(SINE, "grown"), named(SINE, "grown")._replace(forgets=True))
    )
    assert forgot.train_loss[0] == kept.train_loss[0]
    assert forgot.train_loss[1] != kept.train_loss[1]


def test_networks_for_images_train(tmp_path):
    flags = (*BRIEF[:-2], "--synthetic")
    run = train(CIFAR, named(CIFAR, "fixed"), 0, tmp_path, flags, tmp_path)
    assert (len(run.test_accuracy), len(run.train_accuracy), run.growths) == (4, 4, (2, 3, 4))


def test_experiments_whose_images_are_not_there_are_skipped(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "CACHE", tmp_path)
    assert command.main(["--quick", "growth-mnist", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().err == (
        f"growth-mnist: skipped, for {tmp_path} holds no MNIST; --data says where\n"
    )


def test_a_word_stands_for_all_experiments_of_growth(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "CACHE", tmp_path)
    few = {name: e._replace(arms=e.arms[:1]) for name, e in plan.EXPERIMENTS.items() if not e.data}
    monkeypatch.setattr(plan, "EXPERIMENTS", few)
    assert command.main(["--quick", "growth"]) == 0
    tables = capsys.readouterr().out.split("\n\n")
    assert [table.splitlines()[2].split(" | ")[:4] for table in tables] == [
        ["| static 100", "301", "1", "1"],
        ["| static 100", "301", "1", "1"],
    ]


def test_a_row_of_a_regression_is_of_medians():
    runs = [
        Run("k", seed, 1501, growths, (1, 400), (0.1, 9.0 + seed), (1.0, loss), (1.0, 2 * loss))
        for seed, loss, growths in ((0, 1e-3, (352, 390)), (1, 3e-3, ()), (2, 2e-3, (352,)))
    ]
    assert _row(SINE, named(SINE, "grown"), runs) == (
        "| grown | 1,501 | 3 | 400 | 352, 390; never; 352 | 2.0e-03 | 4.0e-03 | 2.0e-03 | 6.0e-03 "
        "| 10.0 |"
    )


def test_a_row_of_a_classification_is_of_means_and_deviations():
    runs = [
        Run("k", seed, 1000, (3, 5, 7), (8,), (60.0,), (1.0 + seed,), (2.0,), (0.5,), (tested,))
        for seed, tested in ((0, 0.2), (1, 0.3), (2, 0.4))
    ]
    # 1, 2, 3 and 20, 30, 40: standard deviations of the sample 1 and 10
    assert _row(CIFAR, named(CIFAR, "grown"), runs) == (
        "| grown | 1,000 | 3 | 8 | 3, 5, 7 | 2.000 ± 1.000 | 50.0 ± 0.0 | 30.0 ± 10.0 "
        "| 20.0 ± 10.0 | 60.0 |"
    )


def _row(experiment, arm, runs):
    key = experiment.key(arm)
    of_arm = {(key, run.seed): run._replace(arm=key) for run in runs}
    text = page.table(experiment, results.Results({}, of_arm))
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {arm.label} |")]
    return row


# ---------------------------------------------------------------- what stands on the page


def test_a_page_out_of_date_is_told_apart(monkeypatch, tmp_path, capsys):
    old = tmp_path / "README.md"
    old.write_text(
        re.sub(r"\d \|$", "x |", page.PAGE.read_text("utf-8"), count=1, flags=re.MULTILINE)
    )
    monkeypatch.setattr("docs.experiments.growth.command.PAGE", old)
    assert command.main(["--check"]) == 1
    assert f"{old} is out of date" in capsys.readouterr().err


def test_results_are_read_as_they_were_written(tmp_path):
    found = results.load()
    results.save(found, tmp_path / "results.json")
    assert (tmp_path / "results.json").read_bytes() == results.FILE.read_bytes()


def test_every_arm_was_trained_as_the_network_that_the_spec_declares():
    found = results.load()
    keys = set()
    for experiment in plan.EXPERIMENTS.values():
        for arm in experiment.arms:
            runs = found.of(experiment, arm)
            assert runs, experiment.key(arm)
            keys |= {(experiment.key(arm), run.seed) for run in runs}
            spec = f"{plan.FOLDER}/{experiment.spec}:{arm.network}"
            compiled = archdsl.compile(spec, **arm.arguments)
            for run in runs:
                assert len(run.seconds) == len(run.test_loss) == len(run.epochs)
                if "least" not in arm.arguments:  # a plateau may not come
                    assert run.parameters == compiled.parameters.total
    assert keys == set(found.runs)


def last(experiment, label, name="test_loss"):
    """Return the median over the seeds after the last epoch."""
    found = results.load().of(experiment, named(experiment, label))
    return median(getattr(run, name)[-1] for run in found)


def test_a_grown_sine_is_as_good_as_a_static_one_and_a_fixed_one_is_not():
    seeds = [len(results.load().of(SINE, arm)) for arm in SINE.arms]
    assert seeds == [3] * len(SINE.arms)
    grown = last(SINE, "grown")
    assert grown < 1.2 * last(SINE, "static 500")
    assert last(SINE, "grown at plateaus of 20 %") < 1.2 * grown
    assert 1.5 < last(SINE, "grown, drawn") / grown < 2.5
    assert 25 < last(SINE, "hidden units fixed") / grown < 40
    assert 25 < last(SINE, "hidden units fixed, drawn") / last(SINE, "grown, drawn") < 40
    assert 2.5 < last(SINE, "hidden units fixed for 50 epochs") / grown < 4
    assert 1 < last(SINE, "all fixed") / last(SINE, "hidden units fixed") < 1.5


def test_plateaus_of_5_percent_hardly_come():
    found = [
        results.load().of(SINE, named(SINE, f"grown at plateaus{how}")) for how in ("", ", drawn")
    ]
    assert [run.growths for runs in found for run in runs] == [(), (), (), (397,), (), ()]


def test_on_mnist_growth_costs_accuracy_and_the_state_makes_no_difference():
    static, short, early, grown, drawn, forgets, fixed = (
        100 * last(MNIST, label, "test_accuracy")
        for label in (
            "static", "static, in the time of grown", "grown early", "grown", "grown, drawn",
            "grown, state forgotten", "fixed",
        )
    )  # fmt: skip
    assert static > short > early > grown > drawn > fixed
    assert abs(forgets - grown) < 0.4


def test_on_cifar_the_static_network_is_ahead_at_equal_epochs_and_equal_time():
    tested = {arm.label: last(CIFAR, arm.label, "test_accuracy") for arm in CIFAR.arms}
    assert tested["static"] > tested["static, in the time of grown"] > tested["grown early"]
    assert tested["grown early"] > tested["grown"] > tested["fixed"]


def test_every_arm_has_three_seeds():
    for experiment in plan.EXPERIMENTS.values():
        for arm in experiment.arms:
            runs = results.load().of(experiment, arm)
            assert [run.seed for run in runs] == [0, 1, 2], experiment.key(arm)


def means(label, epoch):
    """Return the accuracies in percent of CIFAR-100's arm after an epoch: training, and test."""
    runs = results.load().of(CIFAR, named(CIFAR, label))
    places = [run.epochs.index(epoch) for run in runs]
    pairs = [(r.train_accuracy[i], r.test_accuracy[i]) for r, i in zip(runs, places, strict=True)]
    return tuple(round(100 * mean(column), 1) for column in zip(*pairs, strict=True))


def test_growth_does_not_generalize_on_cifar():
    assert means("static", 5) == (28.9, 21.9)
    assert means("grown", 7) == (28.6, 20.3)
    assert means("grown, drawn", 8) == (27.2, 20.1)
    assert means("fixed for half of each phase", 8) == (29.3, 20.0)


def test_growth_in_depth_is_no_worse():
    deep = plan.EXPERIMENTS["growth-depth"]
    grown, static, short, small = (
        100 * last(deep, label, "test_accuracy")
        for label in (
            "grown", "static, 4 blocks", "static, 4 blocks, in the time of grown", "static, 1 block"
        )
    )  # fmt: skip
    assert 0.5 < grown - static < 1.5
    assert 2 < grown - short < 3.5
    assert abs(grown - small) < 0.7


def test_from_xavier_s_weights_all_are_slower():
    xavier = plan.EXPERIMENTS["growth-sine-xavier"]
    static = last(xavier, "static 500")
    assert 30 < static / last(SINE, "static 500") < 45
    assert 1.5 < last(xavier, "grown") / static < 2.5
    assert 3 < last(xavier, "hidden units fixed") / last(xavier, "grown") < 5


def test_the_page_shows_the_plots_that_lie_beside_it():
    shown = re.findall(r"!\[[^\]]+\]\((\S+)\)", page.PAGE.read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(f"{name}.svg" for name in plan.EXPERIMENTS)
    for name in shown:
        assert ET.parse(plan.FOLDER / name).getroot().tag.endswith("svg")


def test_the_plots_are_the_results(tmp_path):
    pytest.importorskip("matplotlib")
    from docs.experiments.growth import plots

    plots.write(results.load(), tmp_path)
    text = (tmp_path / "growth-sine.svg").read_text(encoding="utf-8")
    assert "CPU time of the training, s" in text
    plots.write(results.Results({}, {}), tmp_path)  # and nothing, where there is none
    assert (tmp_path / "growth-sine.svg").read_text(encoding="utf-8") != text


def test_the_specs_are_canonical():
    specs = sorted(map(str, plan.FOLDER.glob("*.arch")))
    words = [sys.executable, "-m", "archdsl", "fmt", "--check", *specs]
    assert (len(specs), subprocess.run(words, cwd=ROOT, check=False).returncode) == (4, 0)
