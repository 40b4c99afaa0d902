"""Arguments of a network that its text computes with: widths, counts, rates, flags, classes."""

from fractions import Fraction

from tests.drawing.expressions import Expressions
from tests.drawing.pieces import Unfit, Value, constant, variable
from tests.drawing.places import Parameter
from tests.drawing.words import NUMBERS

POOLS = {
    "width": NUMBERS,
    "repeat": ["depth", "times", "n", "lambda", "num", "blocks_per_stage"],
    "rate": ["dropout", "p", "drop_rate", "rate"],
    "flag": ["wide", "last", "with_bn", "pass_"],
    "classes": ["classes", "num_classes", "outputs"],
}


class Offered(Expressions):
    """Draws arguments of a network, and the expressions over them."""

    def __init__(self, draw):
        super().__init__(draw)
        self.offered: dict[str, list[str]] = {kind: [] for kind in POOLS}

    def offered_parameters(self, names, env):
        """Return some parameters, each with its default; the environment has their values."""
        found = []
        for kind in ("width", "repeat", "width", "rate", "flag", "classes"):
            if not self.chance(45):
                continue
            name = self.fresh(POOLS[kind], names)
            default = self.offered_default(kind, env)
            env.values[name] = default.of(env)
            self.offered[kind].append(name)
            found.append((Parameter(name, kind, default), default))
        return found

    def offered_default(self, kind, env):
        """Return a literal, or now and then a formula over the parameters before."""
        known = [n for n in self.offered["width"] if n in env.values]
        match kind:
            case "width" if known and self.chance(30):
                base = self.choose(known)
                return Value(f"2 * {base}", lambda e: 2 * e[base], atom=False)
            case "flag" if known and self.chance(25):
                base = self.choose(known)
                return Value(f"{base} > 6", lambda e: e[base] > 6, atom=False)
            case "width":
                return constant(self.choose((8, 4, 16, 12)))
            case "repeat":
                return constant(self.choose((2, 3, 1, 4)))
            case "rate":
                text = self.choose(("0.1", "0.3", "0.25"))
                return Value(text, lambda _: Fraction(text))
            case "flag":
                return constant(self.chance(50))
            case _:
                return constant(self.choose((10, 5)))

    def known(self, kind, place):
        """Return the names of a kind that may be used here."""
        if place.in_block:
            return []
        names = place.env.names()
        return [name for name in self.offered[kind] if name in names]

    def width(self, place, most=32, multiple=1):
        """Return a number of channels."""

        def accept(value):
            return 1 <= value <= most and value % multiple == 0

        return self.offered_width(place, accept) or super().width(place, most, multiple)

    def offered_width(self, place, accept):
        """Return an expression over an argument, None where there is none that fits."""
        known = self.known("width", place)
        if not known or not self.chance(60):
            return None
        found = self.arithmetic(variable(self.choose(known)), place)
        try:
            value = found.of(place.env)
        except (Unfit, ZeroDivisionError):
            return None
        if not isinstance(value, int | Fraction) or value != int(value):
            return None
        return found if accept(int(value)) else None

    def repeats(self, place):
        """Return how many blocks a stage has, None where no argument says so."""
        known = self.known("repeat", place)
        if not known or not self.chance(75):
            return None
        name = self.choose(known)
        by = self.choose((2, 3))
        return self.choose(
            (
                variable(name),
                variable(name),
                Value(f"{by} * {name}", lambda e: by * e[name], atom=False),
                Value(f"(({name} + 1) // 2)", lambda e: (e[name] + 1) // 2),
                Value(f"ceil({name} / {by})", lambda e: -(-e[name] // by)),
                Value(f"({name} % {by} + 1)", lambda e: e[name] % by + 1),
                Value(
                    f"(if {name} > 2 then {name} else 2)",
                    lambda e: max(2, e[name]),
                ),
            )
        )

    def offered_flag(self, place):
        """Return an expression for a flag, None where no argument says so."""
        flags, widths = self.known("flag", place), self.known("width", place)
        if flags and self.chance(60):
            name = self.choose(flags)
            if self.chance(25):
                return Value(f"not {name}", lambda e: not e[name], atom=False)
            return variable(name)
        if widths and self.chance(25):
            name = self.choose(widths)
            return Value(f"{name} > 8", lambda e: e[name] > 8, atom=False)
        return None

    def rate(self, place):
        """Return a rate of dropout."""
        known = self.known("rate", place)
        if known and self.chance(80):
            return variable(self.choose(known))
        text = self.choose(("0.1", "0.2"))
        return Value(text, lambda _: Fraction(text))
