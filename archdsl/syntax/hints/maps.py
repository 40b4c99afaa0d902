"""What is said of marks, and of maps from a list, with something behind them."""

from archdsl.source import Span
from archdsl.syntax.hints.place import Advice, Spot

_ALONE = "a mark stands alone"


def mark(place: Spot) -> Advice | None:
    """`mark 3`, `c: mark d`, `mark c = conv3x3(8)`, `mark c.d`, `mark c { .. }`."""
    if place.text(-1) == "mark" and "NAME" in place.expected:
        message, help_ = "`mark` needs a name", "write `mark c2`"
        return Advice(message=message, help=help_, span=place.span(-1))
    if place.text(-1) == "mark" and place.text(-2) == ":" and place.kind(0) == "NAME":
        help_ = f"write `mark {place.word.text}`"
        return Advice(message="a mark has no name before it", help=help_, span=place.span(-3, -2))
    if place.text(-2) != "mark" or not place.in_body:
        return None
    name, value = place.text(-1), place.rest.lstrip("= ")
    match place.word.text:
        case "=":
            message = "a mark stands behind what it names"
            return Advice(message=message, help=f"write `{value} mark {name}`")
        case ".":
            message = "a mark is one name, or a place in a list"
            return Advice(message=message, help=f"write `mark {name}` or `mark {name}[i]`")
        case "{" | "with" | "from":
            return Advice(message=_ALONE, help=f"write `mark {name}`")
        case _:
            return None


def item(place: Spot) -> Advice | None:
    """`levels[0] { relu }`, `levels[0] with freeze`, `mark levels[0] { relu }`."""
    word = place.word.text
    if place.text(-1) != "]" or not place.in_body or word not in ("{", "with", "from"):
        return None
    i = next((i for i in range(place.i - 1, 0, -1) if place.words[i].text == "["), 0) - 1
    if i < 0 or place.words[i].kind != "NAME":
        return None
    text = Span(place.source, place.words[i].start, place.words[place.i - 1].end).text
    if i and place.words[i - 1].text == "mark":
        return Advice(message=_ALONE, help=f"write `mark {text}`")
    help_ = f"write `branch from {text} {{ .. }}`" if word == "{" else f"write `{text}` alone"
    return Advice(message=f"`{text}` is a map and stands alone", help=help_)
