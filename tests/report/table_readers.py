r"""Readers of tables, written without a look at what prints them.

The one of LaTeX knows the commands of a booktabs `tabular` and of text, and nothing else: what is
left over, an environment that does not end, or a row with another number of cells, is an error.
"""

import re

_TEXT = {
    **{rf"\{c}": c for c in "&%$#_{}"},
    r"\textbackslash": "\\",
    r"\textasciitilde": "~",
    r"\textasciicircum": "^",
    r"\textless": "<",
    r"\textgreater": ">",
    r"\textbar": "|",
}
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\n|.", re.DOTALL)
_BEGIN = re.compile(r"\\begin\{tabular\}\{([lr]+)\}\n\\toprule\n")
_END = "\\bottomrule\n\\end{tabular}\n"


def latex(page):
    """Return the columns, the rows, and the numbers of the rows that a `midrule` comes before."""
    begin = _BEGIN.match(page)
    assert begin is not None
    assert page.endswith(_END)
    tokens = _TOKEN.findall(page[begin.end() : -len(_END)])
    rows, rules, row, cell, depth = [], [], [], "", 0
    while tokens:
        token = tokens.pop(0)
        if token == "{":
            depth += 1
        elif token == "}":
            depth -= 1
            assert depth >= 0
        elif token == "&":
            row.append(cell.strip(" "))
            cell = ""
        elif token == r"\\":
            assert depth == 0
            assert tokens.pop(0) == "\n"
            assert tokens[:1] != ["["]  # it would be the argument of the command
            rows.append((*row, cell.strip(" ")))
            row, cell = [], ""
        elif token == r"\midrule":
            assert not row
            assert not cell
            assert tokens.pop(0) == "\n"
            rules.append(len(rows))
        elif token in _TEXT:
            cell += _TEXT[token]
            if len(token) > 2:
                assert tokens[:2] == ["{", "}"]  # else it swallows the blank behind it
        else:
            assert re.fullmatch(r"[^\\&%$#_{}~^\n]", token), token
            cell += token
    assert (row, cell, depth) == ([], "", 0)
    assert {len(row) for row in rows} == {len(begin[1])}
    return begin[1], rows, rules


def markdown(page):
    """Return the rule below the titles and the rows of a table of GitHub's Markdown."""
    rows = []
    for line in page.splitlines():
        assert line.startswith("| ")
        assert line.endswith(" |")
        found = re.findall(r"(?:[^\\|]|\\.)+", line)
        rows.append(tuple(re.sub(r"\\(.)", r"\1", cell).strip(" ") for cell in found))
    assert len({len(row) for row in rows}) == 1
    return rows.pop(1), rows
