"""Trains small networks on the digits and compares them: docs/experiments/README.md.

python -m docs.experiments                  everything: about 25 minutes of one processor core
python -m docs.experiments bits sharing     two of the experiments
python -m docs.experiments --quick          one epoch, one seed, prints the tables, writes no page
python -m docs.experiments --check          says by its exit status whether the page is current

A run that is whole stays in runs/experiments and is not done again; one that was interrupted goes
on after its last epoch. The runs go to results.json, tables to README.md, plots beside it.
"""

import argparse
import sys

from docs.experiments import page, results
from docs.experiments.plan import EXPERIMENTS, Experiment, runs

CACHE = page.FOLDER.parents[1] / "runs" / "experiments"


def main(argv: list[str] | None = None) -> int:
    """Run what is asked for; return the exit status."""
    arguments = _parser().parse_args(argv)
    if arguments.check:
        return _check()
    chosen = [EXPERIMENTS[name] for name in arguments.names or EXPERIMENTS]
    if arguments.quick:
        flags = ("--epochs", "1", "--limit", "128")
        done = _train(chosen, arguments.seeds or [0], arguments.device, flags)
        print("\n\n".join(page.table(experiment, done) for experiment in chosen))
        return 0
    results.save(_train(chosen, arguments.seeds, arguments.device))
    return _write()


def _train(
    chosen: list[Experiment], seeds: list[int] | None, device: str, flags: tuple[str, ...] = ()
) -> results.Results:
    """Return the results so far with those of the chosen experiments; with `flags`, these alone."""
    import torch

    from docs.experiments.training import train

    torch.set_num_threads(1)
    wanted, done = list(runs(chosen, seeds)), []
    for number, (network, seed) in enumerate(wanted, start=1):
        print(f"[{number}/{len(wanted)}] {network.key}, seed {seed}", file=sys.stderr, flush=True)
        done.append(train(network, seed, CACHE, ("--device", device, *flags)))
    before = results.Results({}, {}) if flags else results.load()
    return before.with_runs(done)


def _write() -> int:
    """Write the page and the plots of all results that there are."""
    found = results.load()
    page.PAGE.write_text(page.updated(page.PAGE.read_text(encoding="utf-8"), found), "utf-8")
    try:
        from docs.experiments import plots
    except ImportError:
        print("no plots: pip install '.[experiments]' brings matplotlib", file=sys.stderr)
        return 1
    plots.write(found, page.FOLDER)
    return 0


def _check() -> int:
    text = page.PAGE.read_text(encoding="utf-8")
    if page.updated(text, results.load()) == text:
        return 0
    print(f"{page.PAGE} is out of date: run `python -m docs.experiments`", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m docs.experiments",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("names", nargs="*", type=_name, metavar="NAME", help=", ".join(EXPERIMENTS))
    made.add_argument("--seeds", nargs="+", type=int, metavar="N", help="other seeds than 0, 1, ..")
    made.add_argument("--device", default="cpu", help="of the training (cpu)")
    made.add_argument("--quick", action="store_true", help="try the command")
    made.add_argument("--check", action="store_true", help="train nothing, compare the page")
    return made


def _name(text: str) -> str:
    if text not in EXPERIMENTS:  # `choices` of argparse takes no empty list in Python 3.11
        raise argparse.ArgumentTypeError(f"`{text}` is none of {', '.join(EXPERIMENTS)}")
    return text


if __name__ == "__main__":
    sys.exit(main())
