"""The tables of README.md: between `<!-- table NAME -->` and `<!-- end -->` stands what ran."""

import re
import statistics
from collections.abc import Mapping, Sequence

from docs.experiments.plan import EXPERIMENTS, FOLDER, TIMINGS, Experiment, Network, Timing
from docs.experiments.results import Results
from docs.experiments.timing import Timed, Times
from docs.experiments.training import Run

PAGE = FOLDER / "README.md"
GROUPS = 3  # of the networks of deep.arch and scalars.arch
SHOWN_EPOCHS = (60, 120, 160, 200)  # the ends of the rates of `long`


def updated(text: str, results: Results, times: Times) -> str:
    """Return the page with the tables of these results."""
    tables = {e.name: table(e, results) for e in EXPERIMENTS.values()}
    tables |= {t.name: timing_table(t, times) for t in TIMINGS.values()}
    tables["groups"] = group_table(EXPERIMENTS["scalars"].networks[0], results)
    return placed(text, tables)


def placed(text: str, tables: Mapping[str, str]) -> str:
    """Return a page with tables, by name, in their places."""
    for name, new in tables.items():
        start, end = f"<!-- table {name} -->\n", "<!-- end -->"
        pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
        text, found = pattern.subn(lambda _, t=f"{start}\n{new}\n\n{end}": t, text)
        assert found == 1, f"the page has no place for the table {name}"
    return text


def table(experiment: Experiment, results: Results) -> str:
    """Return a row for each network: mean and standard deviation of its runs' last epochs."""
    header = ["network", "parameters", *(["bytes deployed"] if experiment.shows_bits else [])]
    header += ["runs", "train loss", "test accuracy %", "lowest", "highest"]
    shown = (*experiment.beside, *experiment.networks)
    rows = [_row(network, results.of(network), experiment) for network in shown]
    return markdown(header, rows)


def group_table(network: Network, results: Results) -> str:
    """Return a and b of the layers of each group, of all runs: mean, least and largest."""
    at = (0, *SHOWN_EPOCHS)
    header = ["", "at the start", *(f"after {epoch} epochs" for epoch in SHOWN_EPOCHS)]
    runs = results.of(network)
    rows = [
        [f"{name}, group {group + 1}"]
        + [_range(_of_group(runs, name, epoch // network.every, group)) for epoch in at]
        for name in "ab"
        for group in range(GROUPS)
    ]
    return markdown(header, rows)


def _of_group(runs: Sequence[Run], name: str, kept: int, group: int) -> list[float]:
    """Return the a or b of a group's layers in all runs, the groups being of one size."""
    of_runs = [getattr(run, name)[kept] for run in runs]
    return [
        value
        for layers in of_runs
        for value in layers[group * len(layers) // GROUPS : (group + 1) * len(layers) // GROUPS]
    ]


def _range(values: Sequence[float]) -> str:
    if not values:
        return ""
    return f"{statistics.fmean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def timing_table(timing: Timing, times: Times) -> str:
    """Return a row for each network: the median of its steps, and over that of the first."""
    rows, published = times.of(timing), {s.label: s.published for s in timing.subjects}
    header = ["network", "parameters", "MACs, millions", "ms a step", "over the first"]
    header += ["in the paper"] if any(published.values()) else []
    cells = [
        [
            row.label,
            f"{row.parameters:,}",
            f"{row.macs / 1e6:,.0f}",
            f"{1000 * statistics.median(row.seconds):,.0f}",
            _over(row, rows[0]),
            *([f"{published[row.label]:.2f}"] if any(published.values()) else []),
        ]
        for row in rows
    ]
    return markdown(header, cells)


def _over(row: Timed, first: Timed) -> str:
    """Return the median, least and largest ratio of times taken in the same round."""
    if row is first:
        return "1"
    pairs = zip(row.seconds, first.seconds, strict=True)
    ratios = [one / other for one, other in pairs]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table: a column of names, and columns of numbers, which are set to the right."""
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
        spread([run.train_loss[-1] for run in whole], 3),
        spread(accuracies, 1),
        *(f"{end(accuracies):.1f}" if accuracies else "" for end in (min, max)),
    ]


def spread(values: Sequence[float], decimals: int) -> str:
    """Return `mean ± standard deviation` (of the sample), of one value itself."""
    if not values:
        return ""
    mean = f"{statistics.fmean(values):.{decimals}f}"
    return f"{mean} ± {statistics.stdev(values):.{decimals}f}" if len(values) > 1 else mean
