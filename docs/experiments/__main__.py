"""Trains small networks and compares them: docs/experiments/README.md, growth/README.md.

python -m docs.experiments                  everything: more than an hour of one processor core
python -m docs.experiments bits sharing     two of the experiments
python -m docs.experiments growth           all that begin with `growth-`
python -m docs.experiments --data FOLDER    with those on images that lie there
python -m docs.experiments --quick          one epoch, one seed, prints the tables, writes no page
python -m docs.experiments --check          says by its exit status whether the page is current

A run that is whole stays in runs/experiments and is not done again; one that was interrupted goes
on after its last epoch, one of growth begins anew. The runs go to results.json, tables to
README.md, plots beside it.
"""

import argparse
import sys
from pathlib import Path

from docs.experiments import page, results, timing
from docs.experiments.growth import command as growth
from docs.experiments.growth import plan as growths
from docs.experiments.plan import EXPERIMENTS, TIMINGS, Experiment, Network, Timing, runs

CACHE = page.FOLDER.parents[1] / "runs" / "experiments"


def main(argv: list[str] | None = None) -> int:
    """Run what is asked for; return the exit status."""
    arguments = _parser().parse_args(argv)
    if arguments.check:
        return _check()
    names = _expanded(arguments.names or _known())
    chosen = [EXPERIMENTS[name] for name in names if name in EXPERIMENTS]
    timings = [TIMINGS[name] for name in names if name in TIMINGS]
    growing = [growths.EXPERIMENTS[name] for name in names if name in growths.EXPERIMENTS]
    if arguments.quick:
        return _try(chosen, timings, growing, arguments)
    if chosen:
        results.save(_train(chosen, arguments.seeds, arguments))
    if timings:
        timing.save(_time(timings, arguments.device, timing.load()))
    if growing:
        flags = ("--device", arguments.device)
        growth.run(growing, arguments.seeds, Path(arguments.data), CACHE, flags)
    return _write()


def _known() -> list[str]:
    return [*EXPERIMENTS, *TIMINGS, *growths.EXPERIMENTS]


def _expanded(names: list[str]) -> list[str]:
    """Return names with those that the word for all experiments of growth stands for."""
    found = [growths.EXPERIMENTS if name == growths.GROUP else (name,) for name in names]
    return [*dict.fromkeys(name for group in found for name in group)]


def _try(
    chosen: list[Experiment],
    timings: list[Timing],
    growing: list[growths.Experiment],
    arguments: argparse.Namespace,
) -> int:
    """Print the tables of one short run of each network, and of one round of one image."""
    flags = ("--epochs", "1", "--limit", "128")
    done = _train(chosen, arguments.seeds or [0], arguments, flags) if chosen else None
    short = [each._replace(batch=1, rounds=1) for each in timings]
    times = _time(short, arguments.device, timing.Times({}, {}))
    tables = [page.table(experiment, done) for experiment in chosen if done is not None]
    tables += [page.timing_table(each, times) for each in short]
    if growing:
        device = ("--device", arguments.device)
        tables.append(growth.tried(growing, Path(arguments.data), CACHE, device))
    print("\n\n".join(tables))
    return 0


def _train(
    chosen: list[Experiment],
    seeds: list[int] | None,
    arguments: argparse.Namespace,
    flags: tuple[str, ...] = (),
) -> results.Results:
    """Return the results so far with those of the chosen experiments; with `flags`, these alone."""
    import torch

    from docs.experiments.training import train

    torch.set_num_threads(1)
    data, flags_too = Path(arguments.data), ("--device", arguments.device, *flags)
    wanted = [(network, seed) for network, seed in runs(chosen, seeds) if _has(data, network)]
    _tell_skipped(chosen, data)
    done = []
    for number, (network, seed) in enumerate(wanted, start=1):
        print(f"[{number}/{len(wanted)}] {network.key}, seed {seed}", file=sys.stderr, flush=True)
        done.append(train(network, seed, CACHE, flags_too, data.resolve()))
    before = results.Results({}, {}) if flags else results.load()
    return before.with_runs(done)


def _has(data: Path, network: Network) -> bool:
    return not network.data or any((data / name).is_dir() for name in network.data)


def _tell_skipped(chosen: list[Experiment], data: Path) -> None:
    """Say which experiments have no images to train on."""
    for experiment in chosen:
        lacking = [network for network in experiment.networks if not _has(data, network)]
        if lacking:
            names = " nor ".join(lacking[0].data)
            said = f"{experiment.name}: skipped, for {data} holds no {names}; --data says where"
            print(said, file=sys.stderr)


def _time(timings: list[Timing], device: str, before: timing.Times) -> timing.Times:
    """Return the times so far with those of these timings."""
    import torch

    torch.set_num_threads(1)
    rows = dict(before.rows)
    for each in timings:

        def say(at: str, name: str = each.name) -> None:
            print(f"{name}: {at}", file=sys.stderr, flush=True)

        rows[each.name] = timing.measure(each, device, say)
    return timing.Times({**results.here(), "device": _device_name(device)}, rows)


def _device_name(device: str) -> str:
    import torch

    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def _write() -> int:
    """Write the page and the plots of all results that there are."""
    found, times = results.load(), timing.load()
    text = page.PAGE.read_text(encoding="utf-8")
    page.PAGE.write_text(page.updated(text, found, times), "utf-8")
    growth.write()
    try:
        from docs.experiments import plots
    except ImportError:
        print("no plots: pip install '.[experiments]' brings matplotlib", file=sys.stderr)
        return 1
    plots.write(found, page.FOLDER)
    growth.plot()
    return 0


def _check() -> int:
    text = page.PAGE.read_text(encoding="utf-8")
    pages = {page.PAGE: page.updated(text, results.load(), timing.load()) == text}
    pages[growth.PAGE] = growth.is_current()
    for old in (path for path, is_current in pages.items() if not is_current):
        print(f"{old} is out of date: run `python -m docs.experiments`", file=sys.stderr)
    return 0 if all(pages.values()) else 1


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m docs.experiments",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ", ".join([*_known(), growths.GROUP])
    made.add_argument("names", nargs="*", type=_name, metavar="NAME", help=names)
    made.add_argument("--seeds", nargs="+", type=int, metavar="N", help="other seeds than 0, 1, ..")
    made.add_argument("--data", default="data", help="folder of images that are no digits (data)")
    made.add_argument("--device", default="cpu", help="of the training (cpu)")
    made.add_argument("--quick", action="store_true", help="try the command")
    made.add_argument("--check", action="store_true", help="train nothing, compare the page")
    return made


def _name(text: str) -> str:
    names = [*_known(), growths.GROUP]
    if text not in names:  # `choices` of argparse takes no empty list in Python 3.11
        raise argparse.ArgumentTypeError(f"`{text}` is none of {', '.join(names)}")
    return text


if __name__ == "__main__":
    sys.exit(main())
