"""What is said of statements that another language would have."""

import re

from archdsl.diagnostics import Note
from archdsl.source import Span
from archdsl.syntax.hints.place import ITEM_WORDS, Advice, Spot


def assignment(place: Spot) -> Advice | None:
    """`width = 16`, `x = conv3x3(16)`, `self.conv1 = ..`, `input = (3, 32, 32)`."""
    before = place.before
    if place.word.text != "=" or not place.in_body or not before or place.text(-2) == ".":
        return None
    name, value = before[-1], place.rest.lstrip("= ")
    if name in ("initialization", "initializer", "initialize", "weight_init"):
        message = "what weights begin as is said with `init`"
        return Advice(message=message, span=place.span(-1), help=f"write `init = {value}`")
    if value.startswith("{") or place.text(1) == "{":
        body = value or "{ .. }"
        word = name if name in ("stem", "head") else f"{name}:"
        return Advice(message="a body follows without `=`", help=f"write `{word} {body}`")
    if re.match(r"[A-Za-z_]\w*\s*\(|relu|bn\b", value) and not value.startswith(_FUNCTIONS):
        message = "a layer is named with `:`, and what it gives with `mark`"
        return Advice(message=message, help=f"write `{name}: {value}`, or `{value} mark {name}`")
    return Advice(message="a value is named with `let`", help=f"write `let {name} = {value}`")


_FUNCTIONS = ("range", "len", "min", "max", "sum", "abs", "round", "floor", "ceil")


def dotted(place: Spot) -> Advice | None:
    """`self.conv1 = ..`, `nn.Conv2d(..)`: `levels.c2` alone is a map."""
    if place.text(-2) != "." or not place.in_body:
        return None
    owner, name = place.text(-3), place.text(-1)
    if owner == "self":
        value = place.rest.partition("=")[2].strip() or "conv3x3(16)"
        message, help_ = "there is no `self`; a layer is named with `:`", f"write `{name}: {value}`"
        return Advice(message=message, help=help_, span=place.span(-2))
    message = f"`{owner}.{name}` is no layer"
    return Advice(message=message, help=SINGLE_WORDS, span=place.span(-3, -1))


SINGLE_WORDS = "layers are single words, such as `conv3x3(64)`, `bn`, `relu`"


def repeat(place: Spot) -> Advice | None:
    """`3 * unit(16)`, `repeat 3 { .. }`, `3 x unit(16)`, `stage s 3 * unit(16)`."""
    before = place.before
    if place.word.kind != "NUMBER":
        return None
    if before[:1] == ["stage"] and "EQUAL" in place.expected:
        help_ = f"write `{' '.join(before)} = {place.rest}`"
        return Advice(message="an `=` is missing before the blocks of a stage", help=help_)
    if not place.in_body:
        return None
    if before[-1:] and before[-1] in ("repeat", "loop", "times", "Repeat"):
        help_ = f"write `for i in range({place.word.text}) {{ .. }}`"
        return Advice(message=f"there is no `{before[-1]}`", span=place.span(-1), help=help_)
    match = re.match(r"(\d+)\s*(?:\*|x|X)\s*(\w.*)", place.rest)
    if match:
        message = "repeats stand behind the `=` of a stage"
        return Advice(message=message, help=f"write `stage name = {match[1]} * {match[2]}`")
    if before and place.kind(-1) == "NAME":
        return _bare_arguments(place)
    return None


def _bare_arguments(place: Spot) -> Advice:
    word = place.text(-1)
    if word in ("is", "equals", "eq"):
        return Advice(message=f"`{word}` does not compare", help="write `==`", span=place.span(-1))
    numbers = re.match(r"[\d.,_\sx]+", place.rest)
    given = ", ".join(re.findall(r"[\d._]+", numbers[0])) if numbers else place.word.text
    return Advice(message="arguments stand in round brackets", help=f"write `{word}({given})`")


def brackets(place: Spot) -> Advice | None:
    """`conv3x3[64]`, `conv3x3<64>`, `with (freeze)`."""
    if place.in_body and place.word.text in ("[", "<") and place.kind(-1) == "NAME":
        help_ = f"write `{place.text(-1)}({place.text(1)})`"
        if place.text(-2) == ":":
            help_ += "; a map has no name before it"
        return Advice(message="arguments stand in round brackets", help=help_)
    return None


def stage(place: Spot) -> Advice | None:
    """`stage s = unit(16) * 3`, `stage s with share(conv) = 3 * unit(16)`."""
    before = place.before or [w.text for w in place.words[max(place.i - 8, 0) : place.i]]
    if place.expected <= {"STAR", "DOT", "LSQB"} and place.kind(-1) == "NUMBER":
        if place.text(-2) == "*" and place.text(-3) in (")", "]"):
            number = place.words[place.i - 1]
            line = place.source.text[: number.end].rpartition("\n")[2]
            block = line.partition("=")[2].rpartition("*")[0].strip() or "block(..)"
            help_ = f"write `{number.text} * {block}`"
            return Advice(
                message="the number of blocks stands first", span=place.span(-1), help=help_
            )
        return Advice(
            message="a stage repeats blocks, and none follows",
            span=place.span(-1),
            help=f"write `{place.text(-1)} * block(..)`",
        )
    if before[:1] == ["stage"] and "with" in before and place.word.text == "=":
        help_ = "write `stage name = n * block(..) with ..`"
        return Advice(message="`with` follows the blocks of a stage", help=help_)
    return None


def require(place: Spot) -> Advice | None:
    """A `require` without a message."""
    if "COMMA" not in place.expected or not place.begins_line:
        return None
    if not place.opened or place.opened[-1].text != "{":
        return None
    starts = [w for w in place.words[: place.i] if w.text in ("require", *ITEM_WORDS)]
    if not starts or starts[-1].text != "require":
        return None
    start = starts[-1].start
    condition = Span(place.source, start, place.words[place.i - 1].end)
    help_ = f'write `{condition.text}, "why"`'
    return Advice(message="`require` needs a message behind a comma", span=condition, help=help_)


def string(place: Spot) -> Advice | None:
    """`f"depth {depth}"`, and strings between layers."""
    word = place.word
    after_f = place.kind(1) == "STRING" and word.end == place.words[place.i + 1].start
    if place.expects_only("STRING") and word.kind == "NAME" and after_f:
        help_ = f"drop the `{word.text}`"
        return Advice(message="a string is plain: nothing is filled in", help=help_)
    if place.expects_only("STRING"):
        return Advice(message="a string stands in quotes", help='write `"why"`')
    if place.expects_only("COLON") and place.kind(-1) == "STRING":
        help_ = f"a comment begins with `#`; a name goes on: `{place.text(-1)}: conv3x3(16)`"
        if place.kind(-2) == "NAME" or word.text == "(":
            help_ = "a word and its arguments stand without quotes; a comment begins with `#`"
        return Advice(message="a string means nothing here", span=place.span(-1), help=help_)
    return None


_LINE_WORDS = {
    "elif": ("`elif` does not go on with an `if`", "write `else if`"),
    "elsif": ("`elsif` does not go on with an `if`", "write `else if`"),
    "elseif": ("`elseif` does not go on with an `if`", "write `else if`"),
    "while": ("there is no `while`", "write `for i in range(n) { .. }`"),
    "def": ("blocks are declared outside of networks", "write `block name(width) { .. }`"),
    "return": ("a body gives what its last layer gives", "drop `return`"),
}


def line_word(place: Spot) -> Advice | None:
    """A statement of another language that begins before the word that does not fit."""
    before = place.before
    for ahead, word in enumerate(before, -len(before)):
        if word in _LINE_WORDS and place.in_body:
            message, help_ = _LINE_WORDS[word]
            return Advice(message=message, help=help_, span=place.span(ahead))
    return None


def python_conditional(place: Spot) -> Advice | None:
    """`16 if depth > 2 else 32`."""
    before = place.before
    if place.word.text != "else" or "if" not in before[1:]:
        return None
    at = len(before) - before[::-1].index("if") - 1
    start = place.words[place.i - len(before) + at]
    value = place.text(at - len(before) - 1)
    condition = Span(place.source, start.end, place.words[place.i - 1].end).text.strip()
    help_ = f"write `if {condition} then {value} else {place.text(1)}`"
    span = Span(place.source, start.start, place.word.end)
    return Advice(message="the condition of a value stands first", span=span, help=help_)


def in_network(place: Spot) -> Advice | None:
    """`train { .. }` and `block unit(..) { .. }` inside a network."""
    if place.text(-1) == "train" and place.expects_only("EQUAL"):
        help_ = "declare `train name { .. }` outside, and write `train = name` here"
        return Advice(message="a recipe is declared outside of the network", help=help_)
    inside = place.in_body and not place.at_margin
    if inside and place.word.text in ("block", "network") and place.kind(1) == "NAME":
        message = f"a {place.word.text} is declared outside of all bodies"
        return Advice(message=message, help="move it behind the `}` of this one")
    return None


def times(place: Spot) -> Advice | None:
    """`3 x 3` in an expression."""
    if place.word.text in ("x", "X") and place.kind(-1) == place.kind(1) == "NUMBER":
        return Advice(message=f"`{place.word.text}` does not multiply", help="write `*`")
    return None


def missing(place: Spot) -> Advice | None:
    """`let width 16`, `conv3x3(16 bn`, `network { .. }`, `.5`."""
    before, word = place.before, place.word
    if before[:1] == ["let"] and len(before) == 2 and place.expects_only("EQUAL"):
        help_ = f"write `let {before[1]} = {place.rest.lstrip(': ')}`"
        return Advice(message="a value is named with `let` and `=`", help=help_)
    if word.text == "." and place.kind(1) == "NUMBER":
        help_ = f"write `0.{place.text(1)}`"
        return Advice(message="a number begins with a digit", span=place.span(0, 1), help=help_)
    if word.text == "{" and place.expects_only("NAME"):
        help_ = f"write `{place.text(-1)} name {{ .. }}`"
        return Advice(message=f"`{place.text(-1)}` needs a name", span=place.span(-1), help=help_)
    if place.opened and place.opened[-1].text == "(" and place.expected <= {"RPAR", "COMMA"}:
        opener = place.opened[-1].start
        note = Note("opened here", Span(place.source, opener, opener + 1))
        message = f"a `)` or a `,` is missing before `{word.text}`"
        return Advice(message=message, notes=(note,), help="add the `)` behind the arguments")
    return None


def brackets_around(place: Spot) -> Advice | None:
    """`with (freeze)`, `for (i in range(3))`, `with share(conv) and freeze`."""
    if place.word.text == "(" and place.expects_only("NAME"):
        inner = re.fullmatch(r"\((.*)\)", place.rest.partition("{")[0].strip())
        help_ = f"write `{place.text(-1)} {inner[1]}`" if inner else "drop the `(`"
        message = f"what follows `{place.text(-1)}` stands without brackets"
        return Advice(message=message, help=help_)
    if place.word.text == "and" and "with" in place.before:
        return Advice(message="annotations follow each other with commas", help="write `,`")
    if place.word.text == "then" and place.before[:1] == ["if"]:
        help_ = "write `if .. { .. } else { .. }`"
        return Advice(message="an `if` between layers has bodies in braces", help=help_)
    if place.word.text == "=" and "LBRACE" in place.expected and place.before[:1] == ["block"]:
        return Advice(message="a body follows without `=`", help="drop the `=`")
    if place.word.text in ("-", "->") and "LBRACE" in place.expected:
        message = "what comes out follows from the layers"
        return Advice(message=message, help=f"drop `{place.rest}`")
    return None
