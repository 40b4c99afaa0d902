"""The page of `python -m docs.experiments` says what results.json and times.json hold."""

import re
import subprocess
import sys
from pathlib import Path
from statistics import mean, median
from xml.etree import ElementTree as ET

import archdsl
from docs.experiments import __main__ as command
from docs.experiments import page, plan, results, timing

ROOT = Path(__file__).parents[1]


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


def test_restarts_help_one_bit_and_not_32():
    for norm in ("learned", "constant"):
        for bits, gains in (("1 bit", True), ("32 bits", False)):
            steps, restarts = (
                mean(accuracies(named("restarts", f"{bits}, {norm}, {schedule}")))
                for schedule in ("steps", "restarts")
            )
            assert (restarts - steps > 0.02) == gains, (bits, norm)


def test_constants_keep_the_loss_up_and_help_only_what_overfits():
    for bits, helps in (("1 bit", False), ("32 bits", True)):
        learned, constant = (
            named("restarts", f"{bits}, {n}, restarts") for n in ("learned", "constant")
        )
        assert min(losses(constant)) > max(losses(learned))
        assert (mean(accuracies(constant)) > mean(accuracies(learned))) == helps


def test_averaged_moments_are_as_good_or_a_little_better():
    for bits in ("1 bit", "32 bits"):
        running = mean(accuracies(named("moments", f"{bits}, running")))
        for of in ("variances", "deviations"):
            assert (
                -0.001
                < mean(accuracies(named("moments", f"{bits}, averaged {of}"))) - running
                < 0.02
            )


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
        assert abs(ratio_of(row, rows[0]) / subject.published - 1) < 0.08, row.label


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


def test_times_are_of_the_networks_that_the_specs_declare():
    for name, made in plan.TIMINGS.items():
        rows = timing.load().rows[name]
        assert [row.label for row in rows] == [subject.label for subject in made.subjects]
        assert {len(row.seconds) for row in rows} == {made.rounds}
        for row, subject in zip(rows, made.subjects, strict=True):
            compiled = archdsl.compile(f"{timing.SPECS}/{subject.spec}", **subject.arguments)
            assert (row.parameters, row.macs) == (compiled.parameters.total, compiled.macs)
