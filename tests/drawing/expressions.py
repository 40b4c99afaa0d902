"""Choices, names, expressions and annotations."""

from collections.abc import Callable, Sequence
from fractions import Fraction

from hypothesis import strategies as st

from tests.drawing.pieces import Piece, Trace, Unfit, Value, constant, hiding, variable
from tests.drawing.places import Declaration
from tests.drawing.words import BN, LABELS, NO_CONVOLUTIONS, QUOTED, SCHEMES, WEIGHTED, WIDTHS


class Expressions:
    """Draws choices, names, expressions and annotations."""

    # drawn by the classes below this one
    argument: Callable[..., Value]
    call: Callable[..., tuple[Piece, object]]
    combination: Callable[..., tuple[Piece, object]]
    marked: Callable[..., tuple[Piece, object]]
    stage: Callable[..., tuple[Piece, object]]
    traced: Callable[..., Trace]
    plain_block: Callable[..., list[Piece]]
    residual_block: Callable[..., list[Piece]]
    recursive_block: Callable[..., list[Piece]]

    def __init__(self, draw):
        self.draw = draw
        self.blocks: list[Declaration] = []
        self.uniform = self.chance(35)  # one width, so that many layers have equal geometry

    # ------------------------------------------------------------ choices

    def integer(self, least, most):
        return self.draw(st.integers(least, most))

    def choose(self, options: Sequence):
        return options[self.integer(0, len(options) - 1)]

    def chance(self, percent):
        return self.integer(0, 99) >= 100 - percent

    def fresh(self, pool, taken):
        """Return a name that is not taken, and take it."""
        name = self.choose(pool)
        while name in taken:
            name = f"{name}{len(taken)}"
        taken.add(name)
        return name

    def label(self, place, percent=10):
        """Return "name: " or nothing, and the name."""
        if place.labels is None or not self.chance(percent):
            return "", None
        if self.chance(25):  # what only quotes can name
            return f'"{self.fresh(QUOTED, place.labels)}": ', None
        name = self.fresh(LABELS, place.labels)
        return (f'"{name}": ' if self.chance(10) else f"{name}: "), name

    # ------------------------------------------------------------ values

    def number(self, place, accept, fallback):
        """Return an expression whose value is acceptable here, or else one of the fallbacks."""
        if self.chance(45):
            return constant(self.choose(fallback))
        names = [
            name
            for name, value in place.env.names().items()
            if isinstance(value, int | Fraction) and not isinstance(value, bool)
        ]
        if not names:
            return constant(self.choose(fallback))
        found = self.arithmetic(variable(self.choose(names)), place)
        try:
            value = found.of(place.env)
        except (Unfit, ZeroDivisionError):
            value = None
        if isinstance(value, Fraction) and value == int(value):
            value = int(value)
        if isinstance(value, int) and accept(value):
            return found
        return constant(self.choose(fallback))

    def arithmetic(self, base, place):
        """Return an expression over a name."""
        by = self.choose((2, 4, 3))
        match self.integer(0, 13):
            case 0 | 1 | 2 | 3:
                return base
            case 12:
                exponent = self.choose((2, 1, 3))
                return Value(
                    f"{base.tight} ** {exponent}", lambda e: base.of(e) ** exponent, atom=False
                )
            case 13:
                text = f"2 ** floor(log({base.text}, 2))"
                return Value(text, lambda e: _power_of_two(base.of(e)), atom=False)
            case 4:
                return Value(f"{by} * {base.tight}", lambda e: by * base.of(e), atom=False)
            case 5:
                return Value(
                    f"{base.tight} / {by}", lambda e: Fraction(base.of(e)) / by, atom=False
                )
            case 6:
                return Value(f"{base.tight} // {by}", lambda e: base.of(e) // by, atom=False)
            case 7:
                return Value(f"{base.tight} + {by}", lambda e: base.of(e) + by, atom=False)
            case 8:
                text = f"round_to({base.text} * 1.5, 4)"
                return Value(text, lambda e: _round_to(Fraction(3, 2) * base.of(e), 4))
            case 9:
                return Value(f"max({base.text}, {by})", lambda e: max(base.of(e), by))
            case 10:
                return Value(f"[{by}, {base.text}][1]", base.of)
            case _:
                test = self.condition(place)
                return Value(
                    f"if {test.text} then {base.text} else {by * 4}",
                    lambda e: base.of(e) if test.of(e) else by * 4,
                    atom=False,
                )

    def width(self, place, most=32, multiple=1):
        """Return a number of channels."""
        if self.uniform and most >= 8 and self.chance(80):
            return constant(8)
        fitting = [w for w in WIDTHS if w % multiple == 0 and w <= most] or [multiple]
        return self.number(place, lambda v: 1 <= v <= most and v % multiple == 0, fitting)

    def condition(self, place):
        """Return a condition."""
        names = place.env.names()
        flags = [n for n, v in names.items() if isinstance(v, bool)]
        numbers = [
            n for n, v in names.items() if isinstance(v, int | Fraction) and not isinstance(v, bool)
        ]
        if flags and self.chance(40):
            name = self.choose(flags)
            if self.chance(30):
                return Value(f"not {name}", lambda e: not e[name], atom=False)
            return variable(name)
        if place.in_block and self.chance(40):
            return Value("stride == 1", lambda e: e["stride"] == 1, atom=False)
        if not numbers:
            return constant(True)
        name, bound = self.choose(numbers), self.choose((0, 8, 1, 2, 16))
        sign = self.choose((">", "<=", "==", "!="))
        test = {
            ">": lambda v: v > bound,
            "<=": lambda v: v <= bound,
            "==": lambda v: v == bound,
            "!=": lambda v: v != bound,
        }[sign]
        found = Value(f"{name} {sign} {bound}", lambda e: test(e[name]), atom=False)
        if self.chance(20):
            return Value(
                f"{found.text} or {name} % 2 == 1",
                lambda e: found.of(e) or e[name] % 2 == 1,
                atom=False,
            )
        return found

    # ------------------------------------------------------------ annotations

    def annotations(self, inside, where, percent=20):
        """Return " with .." or nothing; `where` is what it stands on, `inside` what is in there."""
        if not self.chance(percent + 25 * self.uniform * bool(inside.selectors)):
            return ""
        return f" with {', '.join(self.said(inside, where))}"

    def said(self, inside, where):
        found, selectors = [], inside.selectors
        if selectors and self.chance(85 if self.uniform else 60):
            often = [s for s in selectors if selectors.count(s) > 1] or selectors
            found.append(self.share(often))
        layer = where.startswith(WEIGHTED)
        for word, percent in ((self.choose(BN), 25), ("freeze", 15)):
            if self.chance(percent) and (word == "freeze" or not layer or where == "bn"):
                found.append(word)
        if inside.bare and self.chance(60 if "dirac" in inside.schemes else 30):
            often = ["dirac"] if "dirac" in inside.schemes else inside.schemes[:1]
            words = [*inside.schemes, *2 * often, "plain"]
            found.append(self.choose(SCHEMES[self.choose(words)]))
        if where in ("stage", "network", "block") and self.chance(25):
            found.append(f"stochastic_depth({self.choose((0.2, 0.1, 0.5, 0))})")
        if self.chance(8):
            words = {f.split("(")[0] for f in found}
            more = [
                w
                for w in ("plain", "bn(learned)", "trainable")
                if w.split("(")[0] not in words and not (w == "trainable" and "freeze" in words)
                if not (w.startswith("bn") and layer and where != "bn")
                if not (w == "plain" and (words.intersection(SCHEMES) or where in NO_CONVOLUTIONS))
            ]
            found += [self.choose(more)] if more else []
        others = [] if where in NO_CONVOLUTIONS else ["plain"]
        return found or [self.choose(("freeze", *others, *([] if layer else ["bn(frozen)"])))]

    def share(self, selectors):
        taken = [self.choose(selectors)]
        if self.chance(20):
            taken.append(self.choose(selectors))
        options = [f"from = {self.choose((2, 1, 3))}"] if self.chance(25) else []
        options += ["strides = any"] if self.chance(30) else []
        return f"share({', '.join([*dict.fromkeys(taken), *options])})"

    def labelled(self, piece, label, place=None):
        """Return a layer with its name and perhaps annotations, which end its line.

        A convolution at a `place` may have a weight scheme.
        """
        text = f"{label}{piece.lines[0]}"
        word = piece.lines[0].partition("(")[0]
        percent = 30 if word == "bn" else 8 if word.startswith(WEIGHTED) else 0
        inside = Trace()
        if place is not None:
            percent = 20
            inside = self.traced(lambda t: piece.apply(place.env.child(), place.given, t))
            inside.named.clear()
        said = self.annotations(inside, word, percent)
        return Piece((text + said,), hiding(piece.apply, said), inline=not said)


def _power_of_two(value):
    """Return the largest power of two that is not above a number."""
    if value < 1:
        raise Unfit
    return 1 << (int(value).bit_length() - 1)


def _round_to(value, step):
    rounded = max(step, int(value + Fraction(step, 2)) // step * step)
    return rounded + step if rounded < Fraction(9, 10) * value else rounded
