"""Writes the table of docs/results.md from the records in docs/results, and adds records.

python -m docs.results               writes the table
python -m docs.results --check       says by its exit status whether it is current
python -m docs.results --add NAME runs/wrn_depth16_k4 --command "python train.py --seeds 0 1 2"
                                     writes NAME.json from finished runs, then the table

The paper's figure is that of published.csv which fits the runs, unless --published names another;
machine, commit and command come from the log where it has them.
"""

import argparse
import sys

from archdsl.results.errors import RunError
from docs.results import page, records


def main(argv: list[str] | None = None) -> int:
    """Do what is asked for; return the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.add is not None:
            given = {name: getattr(arguments, name) for name in ("machine", "commit", "note")}
            commands = tuple(arguments.command)
            record = records.made(arguments.runs, commands, given, arguments.published)
            records.save(record, page.FOLDER / f"{arguments.add}.json")
        text = page.PAGE.read_text(encoding="utf-8")
        new = page.updated(text, records.load(page.FOLDER))
    except (OSError, RunError) as error:
        print(f"docs.results: {error}", file=sys.stderr)
        return 1
    if arguments.check:
        if new == text:
            return 0
        print(f"{page.PAGE.name} is out of date: run `python -m docs.results`", file=sys.stderr)
        return 1
    page.PAGE.write_text(new, encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m docs.results",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("runs", nargs="*", metavar="RUN", help="folders of one row, for --add")
    made.add_argument("--check", action="store_true", help="write nothing, compare the page")
    made.add_argument("--add", metavar="NAME", type=records.name, help="write NAME.json")
    made.add_argument("--command", action="append", default=[], help="what to type; repeatable")
    made.add_argument("--machine", default="", help="such as '1 H100'")
    made.add_argument("--commit", default="", help="of the sources that the runs were made with")
    made.add_argument("--note", default="", help="what a reader must know")
    made.add_argument("--published", metavar="FIGURE", help="as of `archdsl report`")
    return made


if __name__ == "__main__":
    sys.exit(main())
