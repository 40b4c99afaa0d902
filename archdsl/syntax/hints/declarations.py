"""What is said of declarations, brackets and names that another language would have."""

import re

from archdsl.diagnostics import Note
from archdsl.source import Span
from archdsl.suggest import closest
from archdsl.syntax.driver import RESERVED
from archdsl.syntax.hints.place import DECLARATIONS, ITEM_WORDS, TAKES_VALUE, Advice, Spot
from archdsl.syntax.lexer import END

_OPENERS = {")": "(", "]": "[", "}": "{"}
_CLOSERS = {"(": ")", "[": "]", "{": "}"}


def not_closed(place: Spot) -> Advice | None:
    """A body, list or call that is still open where it can no longer go on."""
    if not place.opened:
        return None
    word = place.word
    declares = word.text in DECLARATIONS and place.kind(1) == "NAME" and place.begins_line
    closes_other = word.text in _OPENERS and place.opened[-1].text != _OPENERS[word.text]
    ends = word.kind == END
    in_call = place.opened[-1].text != "{" and place.begins_line and not place.wants_value
    if not (declares or closes_other or ends or in_call) or place.text(-1) in TAKES_VALUE:
        return None
    if word.text == ")" and place.opened[-1].text == "{":
        return Advice(message="this `)` closes nothing", help="drop it")
    opener = place.opened[-1] if closes_other or in_call else place.suspect
    assert opener is not None
    where = "the file ends" if ends else "it should have been closed before this"
    return Advice(
        code="E112",
        message=f"this `{opener.text}` is never closed",
        span=Span(place.source, opener.start, opener.start + 1),
        notes=() if ends else (Note(where, place.span(0)),),
        help=f"add its `{_CLOSERS[opener.text]}`{' at the end' if ends else ''}",
    )


def closes_nothing(place: Spot) -> Advice | None:
    """A bracket too many."""
    if not place.at_top or place.text(-1) != "}":
        return None
    if place.word.text == "}":
        return Advice(message="this `}` closes nothing", help="drop it")
    if place.word.text in _TOP_WORDS or closest(place.word.text, DECLARATIONS):
        return None
    return Advice(
        message=f"`{place.word.text}` stands outside of any body",
        notes=(Note("the body before it ends here", place.span(-1)),),
        help="is that `}` one too many?",
    )


_TOP_WORDS = {
    **dict.fromkeys(
        ("class", "model", "net", "arch", "architecture", "graph", "Model", "Sequential"),
        "a network is declared by `network name { .. }`",
    ),
    **dict.fromkeys(
        ("def", "function", "func", "fn", "layer", "module", "unit", "cell"),
        "a block of layers is declared by `block name(width) { .. }`",
    ),
    **dict.fromkeys(
        ("from", "include", "use", "using", "load"), 'write `import name from "file.arch"`'
    ),
    **dict.fromkeys(
        ("recipe", "training", "trainer", "optimizer", "config", "hyperparameters"),
        "a recipe is declared by `train name { .. }`",
    ),
}


def top_word(place: Spot) -> Advice | None:
    """What stands where a declaration is to stand."""
    if not place.at_top:
        return None
    word = place.word.text
    message = f"a file holds networks, blocks, recipes and imports; `{word}` begins none"
    if word in ITEM_WORDS:
        help_ = f"`{word}` stands in the body of a network or a block"
        return Advice(message=f"`{word}` stands outside of any body", help=help_)
    if match := re.match(r"from\s+([\w.]+)\s+import\s+([\w, ]+)", place.rest):
        path = match[1].replace(".", "/")
        help_ = f'write `import {match[2].strip()} from "{path}.arch"`'
        return Advice(message=message, help=help_)
    if word in _TOP_WORDS:
        return Advice(message=message, help=_TOP_WORDS[word])
    if near := closest(word, DECLARATIONS):
        return Advice(message=message, help=f"did you mean `{near}`?")
    if place.word.kind == "NAME":
        help_ = "layers stand in the body of a network: `network name { .. }`"
        return Advice(message=message, help=help_)
    if place.word.kind == "STRING":
        return Advice(message="a string means nothing here", help="a comment begins with `#`")
    return None


def importing(place: Spot) -> Advice | None:
    """`import torch`, `import unit from blocks.arch`, `import "blocks.arch"`."""
    before = place.before
    if before[:1] == ["import"] and place.word.kind == "STRING" and len(before) == 1:
        help_ = f"write `import name from {place.word.text}`"
        return Advice(message="an import says what it takes from the file", help=help_)
    if before[:1] == ["import"] and before[-1] == "from" and place.word.kind == "NAME":
        path = place.rest
        path = path if path.endswith(".arch") else f"{path}.arch"
        help_ = f'write `from "{path}"`'
        return Advice(message="the file of an import stands in quotes", help=help_)
    if place.expects_only("COMMA", "FROM"):
        name = place.text(-1)
        help_ = f'write `import {name} from "file.arch"`; Python modules are never imported'
        return Advice(
            message=f"this import does not say from which file `{name}` is",
            span=place.span(-1),
            help=help_,
        )
    return None


def name(place: Spot) -> Advice | None:
    """What stands where a name is to be, or goes on with one."""
    word, before = place.word, place.before
    declares = before[:1] and before[0] in ("network", "block", "train", "stage")
    if place.expects_only("NAME") and word.kind == "STRING":
        help_ = f"write `{_as_name(word.text)}`"
        return Advice(message="a name stands without quotes", help=help_)
    if place.expects_only("NAME") and word.text == ":" and before[-1:] == [place.text(-1)]:
        if place.text(-1) in ("network", "block", "train"):
            help_ = f"write `{place.text(-1)} name {{ .. }}`"
            return Advice(message=f"`{place.text(-1)}` needs a name", help=help_)
        return _keyword(place, -1)
    if declares and len(before) == 2 and word.text in ("-", ".") and place.kind(1) != END:
        help_ = f"write `{before[1]}_{place.text(1)}`"
        return Advice(message="names are of letters, digits and `_`", help=help_)
    return None


def _as_name(text: str) -> str:
    return re.sub(r"\W+", "_", text.strip('"')).strip("_") or "name"


def _keyword(place: Spot, ahead: int) -> Advice:
    word = place.text(ahead)
    return Advice(
        code="E108",
        message=f"`{word}` is a word of the language and cannot be a name",
        span=place.span(ahead),
        help=f"write `{word}_` or another name",
    )


def keyword_as_name(place: Spot) -> Advice | None:
    """`stage: conv3x3(16)`."""
    if place.in_body and place.word.text in RESERVED and place.text(1) in (":", "="):
        return _keyword(place, 0)
    return None
