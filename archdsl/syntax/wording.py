"""Words for what the grammar expects: a person never reads a token's name."""

from collections.abc import Iterable

_WORDS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": 'a `"string"`',
    "COMPARISON": "a comparison",
    "SIGN": "`+` or `-`",
    "STAR": "`*`",
    "POWER": "`**`",
    "DIVISION": "`/`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "LSQB": "`[`",
    "RSQB": "`]`",
    "COMMA": "`,`",
    "COLON": "`:`",
    "EQUAL": "`=`",
    "DOT": "`.`",
    "$END": "the end of the file",
}
_EXPRESSION = frozenset(("NUMBER", "STRING", "LPAR", "LSQB", "NAME"))
_ITEM = frozenset(("LET", "REQUIRE", "EXPECT", "STAGE", "FOR", "NAME"))
_DECLARATION = frozenset(("NETWORK", "BLOCK", "IMPORT", "TRAIN"))
_OPERATORS = frozenset(("SIGN", "STAR", "POWER", "DIVISION", "COMPARISON", "AND", "OR", "DOT"))
_GOES_ON = frozenset(("LPAR", "LSQB", "DOT", "COLON", "WITH", "STAR"))  # with what came before


def expected_words(terminals: Iterable[str]) -> str:
    """Return "`=`, a name or `}`" for the terminals that the parser could have gone on with."""
    left = set(terminals)
    words: list[str] = []
    for group, word in (
        (_ITEM, "a layer, a block or a statement"),
        (_DECLARATION, "a declaration (`network`, `block`, `train` or `import`)"),
        (_EXPRESSION, "a value"),
        (_OPERATORS, "an operator"),
    ):
        if group <= left:
            left -= (
                group | {"IF", "NOT", "TRUE", "FALSE", "SIGN", "LBRACE", "TRAIN", "STRING"}
                if (group is not _OPERATORS and group is not _DECLARATION)
                else group
            )
            words.append(word)
    if "NAME" not in left and frozenset(terminals) >= _ITEM:
        left -= _GOES_ON
    words += sorted(_WORDS.get(t, f"`{t.lower()}`") for t in left)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
