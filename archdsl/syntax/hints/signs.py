"""What is said of signs that another language would have: commas, arrows, `=`, `:`."""

import re

from archdsl.syntax.hints.place import TAKES_VALUE, Advice, Spot

_ARROWS = ("-", ">", ">=", "/", "%", "+")


def comment(place: Spot) -> Advice | None:
    """`// comment`."""
    if place.word.text not in ("//", "/") or not (place.in_body or place.at_top):
        return None
    return Advice(message="a comment begins with `#`", help="write `#`; it ends with the line")


def comma(place: Spot) -> Advice | None:
    """`conv3x3(16), bn`, `8,949,210`, `batch = 128,`."""
    if place.word.text != ",":
        return None
    if place.in_body and place.kind(-1) == "NUMBER" and re.fullmatch(r"\d{3}", place.text(1)):
        i = place.i - 1
        digits = [place.words[i].text]
        while [w.text for w in place.words[i + 1 : i + 2]] == [","] and re.fullmatch(
            r"\d{3}", place.words[min(i + 2, len(place.words) - 1)].text
        ):
            i += 2
            digits.append(place.words[i].text)
        help_ = f"write `{'_'.join(digits)}`"
        return Advice(message="commas do not group digits", help=help_)
    if place.in_body:
        message = "layers follow each other without commas"
        return Advice(message=message, help="drop the `,`")
    if {"NAME", "RBRACE"} <= place.expected:
        message = "settings stand on lines of their own, without commas"
        return Advice(message=message, help="drop the `,`")
    return None


def arrow(place: Spot) -> Advice | None:
    """`conv3x3(16) -> bn`."""
    text = place.word.text + place.text(1)
    if place.in_body and text in ("->", ">>", "=>", "|>"):
        message = "layers follow each other without a sign between them"
        return Advice(message=message, help=f"drop the `{text}`", span=place.span(0, 1))
    return None


_SYNONYMS = {"True": "true", "False": "false", "x": "*"}


def operators(place: Spot) -> Advice | None:
    """A value that is missing behind a sign, or another sign in its place."""
    before = place.text(-1)
    if before == "%" and place.wants_value and place.kind(-2) == "NUMBER":
        part = float(place.text(-2).replace("_", "")) / 100
        help_ = f"write a fraction: `{part:g}`"
        return Advice(message="`%` is the remainder of a division", help=help_, span=place.span(-1))
    if place.wants_value and before in TAKES_VALUE:
        help_ = f"write a number or a name behind the `{before}`"
        message = f"a value is missing after `{before}`"
        return Advice(message=message, help=help_, span=place.span(-1))
    return None


def equals(place: Spot) -> Advice | None:
    """`expect parameters = 3`."""
    if place.word.text != "=" or not (place.expected & {"COMPARISON"}):
        return None
    if place.before[:1] and place.before[0] in ("require", "expect", "if", "else", "}"):
        return Advice(message="`=` does not compare", help="write `==`")
    return None


def colon(place: Spot) -> Advice | None:
    """`if deep:`, `unit(width: 16)`."""
    if place.word.text != ":":
        return None
    if "LBRACE" in place.expected and not place.wants_value:
        what = place.before[0] if place.before else "it"
        if what == "stage":
            help_ = "write `stage name = n * block(..)`, or `stage name { .. }`"
            return Advice(message="`:` does not begin a stage", help=help_)
        if place.before[1:2] == ["with"]:
            said = place.line_before.partition("with")[2].strip()
            help_ = f"write `{what}: with {said} {{ .. }}`"
            return Advice(message="the `:` stands behind the name", help=help_)
        return Advice(message="a body stands in braces", help="write `{ .. }` in place of `:`")
    if place.opened and place.opened[-1].text == "(" and place.kind(-1) == "NAME":
        help_ = f"write `{place.text(-1)} = {place.text(1)}`"
        return Advice(message="an argument is named with `=`", help=help_)
    return None
