"""What is said of the inputs and outputs of a network."""

import re

from archdsl.syntax.hints.place import Advice, Spot


def ends(place: Spot) -> Advice | None:
    """`input = (3, 32, 32)`, `input left 3 64 64`, `output = c3`, `output { .. }`."""
    word, name = place.word.text, place.text(-1)
    if name == "during":
        return Advice(message="an output is there `during training`", help="write `training`")
    if name == "output" and word in ("=", "{"):
        rest = place.rest.lstrip("= ")
        given = f"output features = {rest}" if word == "=" else "output features { .. }"
        help_ = f"write `{given}`, or nothing where it is what flows at the end"
        return Advice(message="`output` needs a name", help=help_, span=place.span(-1))
    if name == "input" and word == "=":
        sizes = _numbers(place.rest) or "3, 32, 32"
        return Advice(message="`input` is written like a layer", help=f"write `input({sizes})`")
    is_named = place.text(-2) == "input"
    if (name == "input" or is_named) and place.word.kind == "NUMBER":
        word = f"input {name}" if is_named else name
        help_ = f"write `{word}({_numbers(place.rest)})`"
        return Advice(message="arguments stand in round brackets", help=help_)
    return None


def _numbers(text: str) -> str:
    """Return the numbers of a text as a list."""
    return ", ".join(re.findall(r"\d[\d_]*", text))
