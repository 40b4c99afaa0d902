"""Random networks that grow, of blocks that can: nearly all of them compute the same afterwards.

What is drawn are rising widths and numbers of blocks, stages of blocks of many kinds, layers
between them, a head, and what stays fixed in which of these.
"""

from hypothesis import strategies as st

from tests.growing_families import recipe

# Blocks that keep the width or change it, and may become more: their new ones add nothing at first.
RESIDUAL = {
    "basic": """
block basic(width) {
    preactivation { bn relu }
    residual      { conv3x3(width, stride = stride) bn relu conv3x3(width) }
    shortcut      { conv1x1(width, stride = stride) }
}
""",
    "post": """
block post(width) {
    residual { conv3x3(width, stride = stride) bn relu conv3x3(width) bn }
    shortcut { conv1x1(width, stride = stride) bn }
    relu
}
""",
    "padded": """
block padded(width) {
    residual { bn tanh conv3x3(width, stride = stride, bias = true) bn silu conv3x3(width) }
    shortcut { avgpool1x1(stride = stride) pad_channels(width) }
}
""",
    "grouped": """
block grouped(width) {
    residual {
        conv1x1(2 * width) bn relu
        conv3x3(2 * width, stride = stride, groups = 2) bn relu
        conv1x1(width) bn
    }
    shortcut { conv1x1(width, stride = stride) bn }
    relu
}
""",
    "cardinal": """
block cardinal(width) {
    residual {
        conv1x1(2 * width) bn relu
        conv3x3(2 * width, stride = stride, groups = width) bn relu
        conv1x1(width) bn
    }
    shortcut { conv1x1(width, stride = stride) bn }
    relu
}
""",
    "inverted": """
block inverted(width) {
    sum {
        branch {
            conv1x1(3 * in_channels) bn silu
            conv3x3(3 * in_channels, stride = stride, groups = 3 * in_channels) bn silu
            excite
            conv1x1(width) bn
        }
        if stride == 1 and in_channels == width { identity }
    }
}
block excite {
    product {
        identity
        branch {
            avgpool conv1x1(in_channels / 3, bias = true) silu
            conv1x1(in_channels, bias = true) sigmoid
        }
    }
}
""",
    "shuffled": """
block shuffled(width) {
    residual {
        conv1x1(2 * width, groups = if in_channels % 2 == 0 then 2 else 1) bn relu
        channel_shuffle(2)
        conv3x3(2 * width, stride = stride, groups = 2 * width) bn
        conv1x1(width, groups = if width % 2 == 0 then 2 else 1) bn
    }
    shortcut { conv1x1(width, stride = stride) bn }
    relu
}
""",
    "scaled": """
block scaled(width) {
    residual { conv3x3(width, stride = stride, bias = true) gelu conv1x1(width) scale(0.1) }
    shortcut { conv1x1(width, stride = stride, bias = true) }
}
""",
}
# Blocks that are wider, and as many in each phase.
OTHER = {
    "plain": "block plain(width) { conv3x3(width, stride = stride) bn relu }\n",
    "biased": "block biased(width) { conv3x3(width, stride = stride, bias = true) prelu }\n",
    "halves": """
block halves(width) {
    conv3x3(width, stride = stride) bn ncrelu
    concat { identity branch { conv1x1(width) relu } branch { avgpool3x3(stride = 1) } }
}
""",
    "dirac": """
block dirac {
    ncrelu
    conv3x3(in_channels) with dirac(b_per = B_PER)
    bn
}
""",
    "dense": """
block dense(width) {
    bn conv3x3(width, stride = stride)
    for i in range(2) { concat { identity branch { bn relu conv3x3(width) } } }
}
""",
    "fire": """
block fire(width) {
    conv1x1(width, bias = true) relu
    concat {
        branch { conv1x1(width, stride = stride, bias = true) relu }
        branch { conv3x3(2 * width, stride = stride, bias = true) relu }
    }
}
""",
}
# A block without a stage, and one that counts its channels from what it is given.
BETWEEN_BLOCK = "block between { bn relu conv1x1(2 * in_channels) pad_channels(in_channels + 1) }\n"
# A stage whose number of blocks rises as a loop, each with more channels than the one before it.
LOOPED = """
block looped(width) {
    concat { identity branch { bn relu conv1x1(2 * width) bn relu conv3x3(width) } }
}
"""
BETWEEN = (
    "maxpool2x2",
    "avgpool2x2",
    "dropout(0.2)",
    "conv1x1(WIDTH, bias = true) gelu",
    "conv_transpose2x2(WIDTH, stride = 2, bias = true) relu",
    "between",
    "instancenorm",
    "upsample(2)",
    "bn with bn(scale)",
    "bn with bn(frozen)",
    "conv_transpose2x2(2 * WIDTH, stride = 2, groups = 2) elu",
    "conv1x1(6) slice(0, 4) conv1x1(WIDTH)",
)
HEADS = (
    "avgpool linear(10)",
    "bn relu avgpool linear(10)",
    "flatten linear(10)",
    "conv1x1(10, bias = true) avgpool",
    "avgpool linear(WIDTH) relu linear(10)",
)
FIXED = ("freeze(grown)", "freeze(grown, epochs = 2)", "trainable", "freeze")


class _Writer:
    """Draws a network."""

    def __init__(self, draw):
        self.draw = draw
        self.blocks: dict[str, str] = {}

    def one(self, *of):
        return self.draw(st.sampled_from(of))

    def chance(self, percent):
        return self.draw(st.integers(1, 100)) <= percent

    def rising(self, phases, first, most):
        """Return as many numbers as there are phases, none below the one before it."""
        found = [self.draw(st.integers(1, first))]
        for _ in range(phases - 1):
            found.append(found[-1] + self.draw(st.integers(0, most)))
        return found

    def width(self):
        """Return a number of channels: most of them grow."""
        return self.one("w", "2 * w", "3 * w", "w + 1", "4", "w")

    def fixed(self, percent, *more):
        """Return what is said of a part: what of it is fixed, and more."""
        said = [*more, *([self.one(*FIXED)] if self.chance(percent) else [])]
        return f" with {', '.join(said)}" if said else ""

    def stage(self, number):
        """Return the line of a stage, or of a body of blocks."""
        stride = self.one("", "", "(stride = 2)")
        kind = self.one(*RESIDUAL, *RESIDUAL, *OTHER, "looped")
        if kind == "looped":
            self.blocks[kind] = LOOPED
            return f"more{number}: {{ for i in range(n) {{ looped({self.width()}) }} }}"
        if kind == "dirac":
            self.blocks[kind] = OTHER[kind].replace("B_PER", self.one('"layer"', '"channel"'))
            return f"stage s{number} = 2 * dirac{self.fixed(20)}"
        if kind in OTHER:
            self.blocks[kind] = OTHER[kind]
            return f"stage s{number}{stride} = 2 * {kind}({self.width()}){self.fixed(20)}"
        shares = self.chance(10)
        text = RESIDUAL[kind]
        if shares:
            text, kind = text.replace(f"block {kind}", f"block shared_{kind}"), f"shared_{kind}"
        self.blocks[kind] = text
        count = "3" if shares else self.one("n", "n", "2 * n", "2")
        fixed = self.fixed(20, *(["share(conv3x3)"] if shares else []))
        return f"stage s{number}{stride} = {count} * {kind}({self.width()}){fixed}"

    def between(self):
        """Return the line of layers between stages."""
        found = self.one(*BETWEEN)
        if found == "between":
            self.blocks[found] = BETWEEN_BLOCK
        return found.replace("WIDTH", self.width())

    def spec(self, said):
        """Return the text."""
        phases = self.draw(st.integers(2, 3))
        widths, counts = self.rising(phases, 3, 2), self.rising(phases, 2, 1)
        if len({*zip(widths, counts, strict=True)}) < phases:
            widths = [width + phase for phase, width in enumerate(widths)]
        lines = [f"stem: {{ conv3x3({self.width()}) bn relu }}"]
        for number in range(self.draw(st.integers(1, 3))):
            if self.chance(40):
                lines.append(self.between())
            lines.append(self.stage(number))
        head = self.one(*HEADS).replace("WIDTH", self.width())
        lines.append(f"head{self.one('', ' with trainable')} {{ {head} }}")
        body = "\n".join(f"    {line}" for line in lines)
        text = f"""\
network net(w = {widths[-1]}, n = {counts[-1]}){self.fixed(60)} {{
    grow w = {widths}, n = {counts}{said}
    input(1, 16, 16)
{body}
    train = quick
}}
"""
        return text + "\n".join(self.blocks.values()) + recipe(phases - 1)


@st.composite
def growing_specs(draw, said=""):
    """Draw the text of a spec whose network grows; `said` follows what grows."""
    return _Writer(draw).spec(said)
