"""What is said of characters and digits that are no word of the language."""

import re
from fractions import Fraction

from archdsl.source import SourceFile

_SIGNS = {
    ";": "drop it: a blank or a line end is enough",
    "&": "write `and`",
    "|": "drop it: layers follow each other without a sign; `||` is `or`",
    "!": "write `not`",
    "\N{MULTIPLICATION SIGN}": "write `*`",
    "·": "write `*`",
    "÷": "write `/`",
    "\N{MINUS SIGN}": "write `-`",
    "\N{EN DASH}": "write `-`",
    "≤": "write `<=`",
    "≥": "write `>=`",
    "≠": "write `!=`",
    "→": "drop it: layers follow each other without a sign between them",
    "^": "write `**`, as in `2 ** 3`",
    "\\": "drop it: a line end means nothing",
    "\N{NO-BREAK SPACE}": "put an ordinary blank",
}
_QUOTES = "'`\u2018\u2019\u201c\u201d\xab\xbb"


def wrong_sign(source: SourceFile, offset: int) -> str | None:
    """Return the help for a character that the language does not use."""
    rest = source.text[offset : offset + 200].partition("\n")[0]
    if rest[:1] in _QUOTES:
        text = re.match(rf"[{_QUOTES}]([^{_QUOTES}]*)[{_QUOTES}]", rest)
        return f'write `"{text[1]}"`' if text else 'a string stands in `"`'
    if rest.startswith("!="):
        return None
    return _SIGNS.get(rest[:1])


_SCALES = {"k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9, "G": 10**9}


def wrong_number(word: str) -> str:
    """Return the help for digits that touch letters or points."""
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)([kKMBG])", word):
        value = Fraction(match[1]) * _SCALES[match[2]]
        return f"write `{int(value):_}`" if value.denominator == 1 else "write all digits"
    if match := re.fullmatch(r"(\d+)[xX](\d+)", word):
        if match[1] == match[2]:
            return f"write `{match[1]}`, or `[{match[1]}, {match[2]}]` for height and width"
        return f"write `[{match[1]}, {match[2]}]` for height and width"
    if match := re.fullmatch(r"(\d+x\d+)_?([a-z]+)", word):
        return f"write `{match[2]}{match[1]}`"
    if match := re.fullmatch(r"(\d+)\.\.+(\d+)", word):
        return f"write `range({match[1]}, {match[2]})`"
    if match := re.fullmatch(r"(\d+)\.", word):
        return f"write `{match[1]}`"
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)(px|pixels|epochs?|gb|mb|ms|s|f)", word):
        return f"write `{match[1]}`: numbers have no units"
    if re.fullmatch(r"0[xX][0-9a-fA-F]+|0[bB][01]+", word):
        return f"write `{int(word, 0)}`"
    return "put a blank between a number and a word; names start with a letter"
