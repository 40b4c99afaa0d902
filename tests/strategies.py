"""Random specs: whole programs of the language, drawn so that nearly all of them compile.

`specs()` draws a Drawn: the text of a spec, arguments for its network, and the output that the
rules of tests/drawing/ give it; tests/drawing/ holds the pieces that a spec is drawn from.
"""

import zlib
from dataclasses import dataclass, replace

from hypothesis import reject
from hypothesis import strategies as st

from tests.drawing.layers import adaptive_pool, linear, same
from tests.drawing.pieces import Body, Env, Map, Trace, Unfit, constant, variable
from tests.drawing.places import SAME, Place
from tests.drawing.rare_writer import RareWriter
from tests.drawing.words import NETWORKS

INITIALIZATIONS = ("he(fan_in)", "he(fan_out)", "xavier", "truncated_normal(0.02)", "default")


def initialization(text):
    """Return the `init =` of a network: it hangs on nothing else, so it is not drawn but hashed."""
    number = zlib.crc32(text.encode()) % (2 * len(INITIALIZATIONS))
    return [f"    init = {word}" for word in INITIALIZATIONS[number : number + 1]]


_NO_START = ("residual", "shortcut", "preactivation", "else", "expect", "}")  # of an item


def with_ends(lines):
    """Return the lines of a network, of some with a named input and outputs: by a hash, too."""
    number = zlib.crc32("\n".join(lines).encode())
    kinds = number % 8, number // 8 % 4, number // 32
    if kinds[0] < 2:
        lines = [line.replace("    input(", "    input given_map(", 1) for line in lines]
    if kinds[1] != 0:
        return lines
    start = next(n for n, line in enumerate(lines) if line.startswith("    input"))
    starts = [
        n
        for n, line in enumerate(lines)
        if n > start and line[:4] == "    " != line[4:8] and not line[4:].startswith(_NO_START)
    ]
    place = starts[kinds[2] % len(starts)] if starts else len(lines) - 1
    output = (
        "output side_map { relu }",
        "output side_map during training { bn }",
        "output side_map",
        "output side_map during training { dropout(0.1) bn relu }",
    )[kinds[2] // 16 % 4]
    return [*lines[:place], f"    {output}", *lines[place:]]


@dataclass(frozen=True)
class Drawn:
    """A random spec."""

    text: str
    arguments: dict[str, str]
    output: tuple[int, ...]


class Writer(RareWriter):
    """Draws one spec."""

    def spec(self):
        """Return a spec."""
        for _ in range(self.choose((2, 3, 1, 4, 0))):
            self.blocks.append(self.declaration())
        classes = {b.name.capitalize() for b in self.blocks}  # as generated code calls them
        name = self.fresh(NETWORKS, {b.name for b in self.blocks} | classes)
        names: set[str] = set()
        parameters = self.network_parameters(names)
        env, arguments = Env(), {}
        for p, default in parameters:
            value = default
            if p.kind in ("number", "flag", "kernels") and self.chance(25):
                value = self.argument(p.kind, Place(Env(), Map(8, (8, 8)), None, in_block=False))
                arguments[p.name] = value.text
            env.values[p.name] = value.of(env)
        if self.chance(70):
            parameters += self.offered_parameters(names, env)
        given = self.input()
        header, pieces, said = self.network_body(env, given, names)
        inside = ", ".join(f"{p.name} = {default.text}" for p, default in parameters)
        head = f"network {name}{f'({inside})' if inside or self.chance(10) else ''}{said}"
        lines = [f"{head} {{", *(f"    {line}" for line in (*header, *pieces.lines())), "}"]
        output = self.output(pieces, env, given)
        if not arguments and self.chance(25):
            lines.insert(-1, f"    expect output == {list(output)}")
        lines[-1:-1] = initialization("\n".join(lines))
        lines = with_ends(lines)
        blocks = [line for block in self.blocks for line in ("", *block.lines())]
        text = "\n".join([*lines, *blocks] if self.chance(70) else [*blocks[1:], "", *lines])
        return Drawn(text + "\n", arguments, output)

    def network_parameters(self, names):
        """Return the parameters of a network, each with its default."""
        kinds = ["number", "number", "kernels", "flag", "layer"]
        kinds += ["block"] * any(b.simple for b in self.blocks)
        drawn = [self.parameter(names, self.choose(kinds)) for _ in range(self.integer(0, 3))]
        found = []
        for p in drawn:
            if p.kind == "number" and (not p.default or "in_channels" in p.default.text):
                found.append((p, constant(8)))
            elif p.default:
                found.append((p, p.default))
        return found

    def input(self):
        """Return what a network is given: mostly an image."""
        if self.chance(10):
            return Map(self.choose((4, 1, 8)), None)
        height = self.choose((8, 16, 7, 12, 9, 5))
        return Map(self.choose((3, 1, 4, 8)), (height, height if self.chance(80) else 10))

    def network_body(self, env, given, names):
        """Return the first lines of a network, what follows them, and its annotations."""
        place = Place(
            env,
            given,
            constant(given.channels),
            in_block=False,
            top=True,
            names=names | {"in_channels", "stride"},
        )
        header = [f"input({', '.join(map(str, given.shape))})"]
        if self.chance(20) and (test := self.condition(place)).of(env):
            header.insert(0, f'require {test.text}, "as it should be"')
        pieces = self.lets(place)
        pieces += self.pieces(place, 2, least=0)
        pieces += self.rare(place)
        if self.blocks:
            for _ in range(self.choose((1, 2, 0, 3))):
                found = self.advance(place, *self.stage(place))
                pieces += [found] if found else []
        pieces += self.pieces(place, 5)
        if (rates := self.known("rate", place)) and self.chance(70):
            found = self.advance(place, same(f"dropout({self.choose(rates)})"), SAME)
            pieces += [found] if found else []
        if self.chance(90 if self.known("classes", place) else 50):
            pieces += self.ending(place)
        body = Body(tuple(pieces), wide=not self.chance(20))
        said = self.annotations(self.trace_of(body, replace(place, given=given)), "network", 45)
        return header, body, said

    def ending(self, place):
        """Return pooling and a linear layer."""
        found = []
        known = self.known("classes", place)
        classes = variable(known[0]) if known else constant(10)
        if place.given.size not in (None, (1, 1)):
            found.append(self.advance(place, adaptive_pool("avgpool", None), SAME))
        found.append(self.advance(place, linear(classes, []), classes))
        return [piece for piece in found if piece]

    def output(self, body, env, given):
        fresh = Env(env.values)
        after = body.apply(fresh, given, Trace())
        return after.shape[:1] if after.size == (1, 1) else after.shape


@st.composite
def specs(draw):
    """Draw a spec, the arguments of its network and the output it must have."""
    try:
        return Writer(draw).spec()
    except Unfit:  # a residual that was put together does not fit where it stands: very rare
        reject()
