"""Write archdsl/syntax/tables.py: the grammar, compiled by lark into LALR(1) tables.

With `--check` nothing is written and the exit status is 1 if what is committed is not current.
"""

import sys
from pathlib import Path
from typing import Any

from lark import Lark

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "archdsl" / "syntax" / "tables.py"
STARTS = ["spec", "expression"]
HEADER = '''"""The grammar as tables: written by `python -m scripts.tables` from grammars/arch.lark.

STATES[s][symbol] is what to do in state s: for n >= 0 go to state n, for n < 0 reduce by rule
-n - 1. RULES are (symbol, name of the builder's method or None for a repetition, number of symbols,
whether a single child stands for the whole, which of the symbols are repetitions).
"""

# ruff: noqa: E501, Q000
# fmt: off
'''


def tables() -> str:
    """Return the text of tables.py."""
    grammar = Lark.open(
        str(ROOT / "grammars" / "arch.lark"), start=STARTS, parser="lalr", keep_all_tokens=True
    )
    table: Any = grammar.parser.parser._parse_table  # noqa: SLF001 - lark has no public way
    rules = {rule: i for i, rule in enumerate(_rules(table))}
    places = _places(table)
    states = [
        {name: _action(act, rules, places) for name, act in sorted(table.states[state].items())}
        for state in places
    ]
    keywords = {t.pattern.value: t.name for t in grammar.terminals if t.pattern.value.isalpha()}
    return HEADER + "\n".join(
        (
            f"STARTS = { {name: places[table.start_states[name]] for name in STARTS} }",
            f"ENDS = { {name: places[table.end_states[name]] for name in STARTS} }",
            f"KEYWORDS = {dict(sorted(keywords.items()))}",
            f"PATTERN = {_pattern(grammar)!r}",
            f"RULES = {_lines([_rule(rule) for rule in rules])}",
            f"STATES = {_lines(states)}",
            "",
        )
    )


def _lines(rows: list[Any]) -> str:
    return "[\n" + "".join(f"    {row!r},\n" for row in rows) + "]"


def _places(table: Any) -> dict[int, int]:
    """Return new numbers of the states, in an order that does not hang on lark's."""
    places: dict[int, int] = {}
    queue = [table.start_states[name] for name in STARTS]
    for state in queue:
        if state not in places:
            places[state] = len(places)
            queue += [a[1] for _, a in sorted(table.states[state].items()) if not _reduces(a)]
    return places


def _rules(table: Any) -> list[Any]:
    """Return the rules that some state reduces, in a stable order."""
    found = {a[1] for state in table.states.values() for a in state.values() if _reduces(a)}
    return sorted(found, key=lambda r: (r.origin.name, [s.name for s in r.expansion], r.order))


def _reduces(action: Any) -> bool:
    return str(action[0]) == "Reduce"


def _action(action: Any, rules: dict[Any, int], places: dict[int, int]) -> int:
    return -rules[action[1]] - 1 if _reduces(action) else places[action[1]]


def _rule(rule: Any) -> tuple[str, str | None, int, bool, tuple[bool, ...]]:
    origin = str(rule.origin.name)
    name = str(rule.alias or origin) if not origin.startswith("_") else None
    single = rule.options.expand1 and not rule.alias
    inlined = tuple(symbol.name.startswith("_") for symbol in rule.expansion)
    return origin, name, len(rule.expansion), single, inlined


def _pattern(grammar: Lark) -> str:
    """Return one regular expression for all words but keywords, which look like names."""
    terminals = [t for t in grammar.terminals if not t.pattern.value.isalpha()]
    terminals.sort(key=lambda t: (t.pattern.type != "re", -len(t.pattern.value), t.name))
    return "|".join(f"(?P<{t.name}>{t.pattern.to_regexp()})" for t in terminals)


def main() -> int:
    """Write the tables, or say whether they are current."""
    text = tables()
    if "--check" in sys.argv[1:]:
        current = TARGET.exists() and TARGET.read_text() == text
        print(f"{TARGET.name} is {'current' if current else 'not current'}")
        return 0 if current else 1
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
