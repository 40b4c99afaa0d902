"""The tables of README.md: between `<!-- table NAME -->` and `<!-- end -->` stands what ran."""

import re
import statistics
from collections.abc import Sequence

from docs.experiments.plan import EXPERIMENTS, FOLDER, Experiment, Network
from docs.experiments.results import Results
from docs.experiments.training import Run

PAGE = FOLDER / "README.md"


def updated(text: str, results: Results) -> str:
    """Return the page with the tables of these results."""
    for experiment in EXPERIMENTS.values():
        start, end = f"<!-- table {experiment.name} -->\n", "<!-- end -->"
        pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
        new = f"{start}\n{table(experiment, results)}\n\n{end}"
        text, found = pattern.subn(lambda _, new=new: new, text)
        assert found == 1, f"the page has no place for the table {experiment.name}"
    return text


def table(experiment: Experiment, results: Results) -> str:
    """Return a row for each network: mean and standard deviation of its runs' last epochs."""
    header = ["network", "parameters", *(["bytes deployed"] if experiment.shows_bits else [])]
    header += ["runs", "train loss", "test accuracy %", "lowest", "highest"]
    rows = [_row(network, results.of(network), experiment) for network in experiment.networks]
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))


def _row(network: Network, runs: Sequence[Run], experiment: Experiment) -> list[str]:
    columns = 6 + experiment.shows_bits
    if not runs:
        return [network.label, *("" for _ in range(columns))]
    whole = [run for run in runs if not run.diverged]
    accuracies = [100 * run.test_accuracy[-1] for run in whole]
    return [
        network.label,
        f"{runs[0].parameters:,}",
        *([f"{-(-runs[0].deployed_bits // 8):,}"] if experiment.shows_bits else []),
        f"{len(runs)}" + (f", {len(runs) - len(whole)} diverged" if len(whole) < len(runs) else ""),
        _spread([run.train_loss[-1] for run in whole], 3),
        _spread(accuracies, 1),
        *(f"{end(accuracies):.1f}" if accuracies else "" for end in (min, max)),
    ]


def _spread(values: Sequence[float], decimals: int) -> str:
    """Return `mean ± standard deviation` (of the sample), of one value itself."""
    if not values:
        return ""
    mean = f"{statistics.fmean(values):.{decimals}f}"
    return f"{mean} ± {statistics.stdev(values):.{decimals}f}" if len(values) > 1 else mean
