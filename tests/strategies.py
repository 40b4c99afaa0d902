"""Random specs: whole programs of the language, drawn so that nearly all of them compile.

`specs()` draws a Drawn: the text of a spec, arguments for its network, and the output that
tests/drawing.py works out for it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from hypothesis import strategies as st

from tests.drawing import (
    Body,
    Env,
    Geometry,
    Map,
    Piece,
    Trace,
    Unfit,
    Value,
    adaptive_pool,
    channel_split,
    constant,
    conv,
    conv_transpose,
    divided,
    divisors,
    hiding,
    enlarged,
    flatten,
    linear,
    number,
    pad,
    pool,
    same,
    together,
    variable,
)

ACTIVATIONS = (
    "relu",
    "relu6",
    "leaky_relu",
    "leaky_relu(0.2)",
    "elu",
    "elu(0.5)",
    "selu",
    "celu(2)",
    "gelu",
    "silu",
    "mish",
    "hardswish",
    "hardsigmoid",
    "hardtanh",
    "sigmoid",
    "logsigmoid",
    "tanh",
    "softplus",
    "softsign",
    "prelu",
    "prelu(true)",
    "prelu(per_channel = true, init = 0.1)",
)
COMMON = ("relu", "bn", "relu", "bn", "silu", "bn(eps = 1e-3)", "bn(momentum = 0.01)")
WIDTHS = (8, 4, 16, 12, 6, 24, 5)
# names that generated code might trip over stand among plain ones
WEIGHTED = ("conv", "linear", "bn", "layernorm", "groupnorm", "prelu", "scale")
LABELS = """proj spatial conv1 bn1 relu features conv2 fc x out stem head shortcut downsample block1
    blocks conv weight bias self layers relu1 linear1 skip a input branch1 sum size F stage1
    body""".split()
NUMBERS = """width k growth expand m lambda x self out dropout n F nn torch class channels index
    drop_rate bias kernel_size scale max features depth int def""".split()
BLOCKS = """basic unit wide dense Block x nn inner fire cell level torch Tensor Sequential conv_bn
    module_ Scale""".split()
NETWORKS = "net resnet wide_net Unit basic x nn torch tiny2".split()


@dataclass(frozen=True)
class Drawn:
    """A random spec."""

    text: str
    arguments: dict[str, str]
    output: tuple[int, ...]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a block or network; the value is an example of what it is given."""

    name: str
    kind: str  # "number", "count", "flag", "layer", "conv", "block", "kernels"
    default: Value | None


@dataclass
class Declaration:
    """A block."""

    name: str
    parameters: list[Parameter]
    body: Body = field(default_factory=lambda: Body(()))
    annotations: str = ""

    @property
    def simple(self):
        return all(p.default for p in self.parameters[1:])

    def lines(self):
        inside = ", ".join(
            f"{p.name} = {p.default.text}" if p.default else p.name for p in self.parameters
        )
        return self.body.braced(f"block {self.name}({inside}){self.annotations}")

    def enter(self, arguments, env, given, trace, stride=None):
        """Return what an instance of the block makes of a map."""
        if trace.depth > 5:
            raise Unfit
        if "stride" in arguments:
            stride = number(arguments["stride"], env)
        inner = Env({"in_channels": given.channels, "stride": stride or 1})
        for parameter in self.parameters:
            if parameter.name in arguments:
                inner.values[parameter.name] = arguments[parameter.name].of(env)
            elif parameter.default:
                inner.values[parameter.name] = parameter.default.of(inner)
            else:
                raise Unfit
        trace.count()
        trace.depth += 1
        apply = hiding(self.body.apply, self.annotations)
        found = apply(inner, given.restarted(), trace)
        trace.depth -= 1
        if (stride or 1) != 1 and "stride" not in inner.used:
            raise Unfit
        return replace(found.passed(*given.reduction))


@dataclass(frozen=True)
class LayerValue:
    """A layer as a value: `act = relu`, `conv = conv3x3`."""

    make: Callable[..., Piece]


@dataclass
class Place:
    """Where a piece is drawn: the names and the map that are there in the example."""

    env: Env
    given: Map
    channels: Value | None  # the channels as an expression, where it is known
    in_block: bool
    keep: bool = False  # pieces must keep height and width
    names: set[str] = field(default_factory=set)  # declared in this body
    labels: set[str] | None = field(default_factory=set)  # written here; None: none may be
    nesting: int = 0
    stage: bool = False  # in a written-out stage
    top: bool = False  # directly in a block or network
    layers: int = 0  # so far

    def inside(self, **changes):
        """Return the place at the start of a body here."""
        env = self.env.child()
        channels = self.channels
        if not self.in_block:
            env.values["in_channels"] = self.given.channels
            channels = variable("in_channels")
        changes = {"labels": set(), "top": False, "stage": False} | changes
        given = changes.pop("given", self.given)
        return replace(
            self,
            env=env,
            given=given,
            channels=changes.pop("channels", channels),
            names=set(),
            nesting=self.nesting + 1,
            **changes,
        )


def scoped(env, given, *, in_block):
    """Return the names inside a body: in a network `in_channels` is what flows in."""
    return env.child() if in_block else env.child(in_channels=given.channels)


SAME = object()  # a piece that keeps the channels


class Writer:
    """Draws one spec."""

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
        name = self.fresh(LABELS, place.labels)
        return f"{name}: ", name

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
        match self.integer(0, 11):
            case 0 | 1 | 2 | 3:
                return base
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
                return Value(f"[{by}, {base.text}][1]", lambda e: base.of(e))
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
            n
            for n, v in names.items()
            if isinstance(v, int | Fraction) and not isinstance(v, bool)
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

    def annotations(self, selectors, where, percent=20):
        """Return " with .." or nothing; `where` says what it is written on."""
        if not self.chance(percent + 25 * self.uniform * bool(selectors)):
            return ""
        return f" with {', '.join(self.said(selectors, where))}"

    def said(self, selectors, where):
        found = []
        if selectors and self.chance(85 if self.uniform else 60):
            often = [s for s in selectors if selectors.count(s) > 1] or selectors
            for _ in range(1 + self.chance(6)):
                found.append(self.share(often))
        layer = where.startswith(WEIGHTED)
        for word, percent in (("bn(frozen)", 20), ("freeze", 15)):
            if self.chance(percent) and (word == "freeze" or not layer or where == "bn"):
                found.append(word)
        if where in ("stage", "network", "block") and self.chance(25):
            found.append(f"stochastic_depth({self.choose((0.2, 0.1, 0.5, 0))})")
        if self.chance(8):
            words = {f.split("(")[0] for f in found}
            more = [
                w
                for w in ("plain", "bn(learned)", "trainable")
                if w.split("(")[0] not in words and not (w == "trainable" and "freeze" in words)
                if not (w.startswith("bn") and layer and where != "bn")
            ]
            found += [self.choose(more)] if more else []
        return found or [self.choose(("freeze", "plain", *([] if layer else ["bn(frozen)"])))]

    def share(self, selectors):
        taken = [self.choose(selectors)]
        if self.chance(20):
            taken.append(self.choose(selectors))
        options = [f"from = {self.choose((2, 1, 3))}"] if self.chance(25) else []
        options += ["strides = any"] if self.chance(30) else []
        return f"share({', '.join([*dict.fromkeys(taken), *options])})"

    def labelled(self, piece, label, place):
        """Return a layer with its name and perhaps annotations, which end its line."""
        text = f"{label}{piece.lines[0]}"
        word = piece.lines[0].partition("(")[0]
        percent = 30 if word == "bn" else 8 if word.startswith(WEIGHTED) else 0
        said = self.annotations([], word, percent)
        return replace(piece, lines=(text + said,), inline=not said)

    # ------------------------------------------------------------ layers

    def layer(self, place):
        """Return a layer that fits here, and its channels."""
        if place.given.size is None:
            return self.of_vector(place)
        if self.chance(45):
            return self.convolution(place)
        if place.keep or self.chance(60):
            return self.keeping(place)
        return self.changing(place)

    def of_vector(self, place):
        if self.chance(40):
            label, name = self.label(place)
            out = self.width(place)
            extra = self.choose(([], [], ["bias = false"], ["bias = true"]))
            return self.labelled(linear(out, extra, label=name), label, place), out
        words = (*COMMON, "layernorm", "dropout(0.1)", "scale", "factor(0.5)", "flatten")
        return self.labelled(same(self.choose((*words, *ACTIVATIONS))), "", place), SAME

    def keeping(self, place):
        """Return a layer that keeps the shape."""
        label, _ = self.label(place, 8)
        channels = place.given.channels
        match self.integer(0, 9):
            case 0 | 1 | 2 | 3:
                piece = same(self.choose(COMMON))
            case 4 | 5:
                piece = same(self.choose(ACTIVATIONS))
            case 6:
                by = constant(self.choose(divisors(channels)))
                text = self.choose((f"groupnorm({by.text})", f"channel_shuffle({by.text})"))
                piece = divided(text, by)
            case 7:
                piece = same(
                    self.choose(("local_response_norm", "local_response_norm(3)")), spatial=True
                )
            case 8:
                words = ("scale", "layernorm", "scale(0.1)", "factor(0.5)", "layernorm(eps = 1e-6)")
                piece = same(self.choose(words))
            case _:
                words = ("dropout", "stochastic_depth", "dropout2d")
                piece = same(f"{self.choose(words)}({self.choose((0.1, 0.5, 0))})")
        return self.labelled(piece, label, place), SAME

    def convolution(self, place):
        """Return a convolution or a transposed one."""
        label, name = self.label(place)
        groups = None
        out = self.width(place)
        extra = self.choose(([], [], ["bias = true"], ["bias = false"]))
        if self.chance(20) and place.channels is not None:
            groups, out = place.channels, place.channels
        elif self.chance(20):
            groups = constant(self.choose(divisors(place.given.channels, number(out, place.env))))
        if not place.keep and self.chance(20):
            word = self.choose(("conv_transpose2x2", "conv_transpose3x3", "conv_transpose1x2"))
            height, width = int(word[-3]), int(word[-1])
            stride = constant(self.choose((2, 1, [2, 1])))
            more = constant(1) if stride.text == "2" and self.chance(30) else None
            padding = constant(self.choose((0, [1, 0]))) if self.chance(20) else None
            geometry = Geometry(constant([height, width]), stride, padding)
            piece = conv_transpose(word, out, geometry, groups, more, extra, label=name)
            return self.labelled(piece, label, place), out
        word, kernel = self.kernel(place)
        dilation = constant(self.choose((2, [1, 2]))) if self.chance(10) else None
        stride, padding = self.stride(place), None
        if not place.keep and self.chance(10):
            padding = constant(self.choose((0, 1, [1, 0])))
        piece = conv(
            word, out, Geometry(kernel, stride, padding, dilation), groups, extra, label=name
        )
        return self.labelled(piece, label, place), out

    def kernel(self, place):
        """Return the word of a convolution and its kernel, odd so that the size is kept."""
        names = [n for n, v in place.env.names().items() if isinstance(v, int) and v in (1, 3, 5)]
        if self.chance(75):
            word = self.choose(("conv3x3", "conv1x1", "conv3x3", "conv1x3", "conv5x1"))
            return word, constant([int(word[-3]), int(word[-1])])
        if names and self.chance(50):
            return "conv", variable(self.choose(names))
        return "conv", constant(self.choose((3, [3, 1], 1, 5)))

    def stride(self, place):
        if place.keep:
            return None
        if (place.in_block or place.stage) and self.chance(50):
            return variable("stride")
        return constant(self.choose((2, [1, 2], 1))) if self.chance(20) else None

    def changing(self, place):
        """Return a layer that changes the shape and is no convolution."""
        label, _ = self.label(place, 8)
        match self.integer(0, 9):
            case 0 | 1 | 2:
                piece = self.pooling(place)
            case 3:
                size = constant(self.choose((1, 2, [2, 3]))) if self.chance(50) else None
                piece = adaptive_pool(self.choose(("avgpool", "maxpool")), size)
            case 4:
                factor = constant(self.choose((2, 1)))
                mode = ", mode = bilinear" if self.chance(40) else ""
                piece = enlarged(f"upsample({factor.text}{mode})", factor)
            case 5:
                factor = constant(2)
                piece = enlarged("pixel_shuffle(2)", factor, shuffled=True)
                return self.labelled(piece, label, place), None
            case 6 | 7:
                border = self.choose((1, [0, 1, 0, 1], [1, 0, 2, 1]))
                piece = pad(border, self.choose((None, "reflect", "replicate", "zeros")))
            case 8:
                parts = self.choose(divisors(place.given.channels)[:3])
                part = self.integer(0, parts - 1)
                piece = channel_split(constant(parts), constant(part))
                return self.labelled(piece, label, place), None
            case _:
                return self.labelled(flatten(), label, place), None
        return self.labelled(piece, label, place), SAME

    def pooling(self, place):
        """Return a pooling with a window."""
        kind = self.choose(("maxpool", "avgpool"))
        kernel = self.choose(((2, 2), (3, 3), (3, 2)))
        stride = None
        if self.chance(60):
            stride = variable("stride") if place.in_block else constant(self.choose((2, 1, [2, 1])))
        padding = constant(self.choose((0, 1, [1, 0]))) if self.chance(20) else None
        dilation = None
        if kind == "maxpool" and self.chance(15):
            dilation, padding = constant(2), constant(self.choose((0, 1)))
        extra = ["count_include_pad = true"] if kind == "avgpool" and self.chance(30) else []
        word = f"{kind}{kernel[0]}x{kernel[1]}" if self.chance(80) else kind
        geometry = Geometry(constant(list(kernel)), stride, padding, dilation)
        return pool(word, geometry, ceil=self.chance(35), extra=extra)

    # ------------------------------------------------------------ bodies

    def pieces(self, place, most, *, least=1):
        """Return pieces in a row; the place moves on with them."""
        found = [self.piece(place) for _ in range(self.integer(least, most))]
        return [piece for piece in found if piece is not None]

    def piece(self, place):
        """Return a piece that fits here, and move on behind it; None in a spec that is full."""
        for _ in range(3):
            found = self.advance(place, *self.candidate(place))
            if found is not None:
                return found
        return self.advance(place, same(self.choose(COMMON)), SAME)

    def advance(self, place, piece, channels):
        """Return the piece and move on behind it; None where it does not fit."""
        trace = Trace(layers=place.layers)
        try:
            after = Body((piece,)).apply(place.env, place.given, trace)
        except (Unfit, ZeroDivisionError):
            return None
        if place.keep and (after.size != place.given.size or after.reduction != place.given.reduction):
            return None
        if channels is not SAME:
            place.channels = channels
        place.given, place.layers = after, trace.layers
        return piece

    def candidate(self, place):
        """Return some piece and its channels."""
        if place.stage:
            return self.call(place) if self.blocks and self.chance(80) else self.layer(place)
        if place.nesting > 3 or self.chance(58):
            return self.layer(place)
        kinds = [self.combination, self.condition_item, self.part]
        if self.blocks:
            kinds += [self.call, self.call, self.call]
        if not place.keep:
            kinds += [self.loop]
            kinds += [self.stage] if self.blocks and not place.stage and place.labels is not None else []
        if self.chance(12):
            return self.let(place)
        return self.choose(kinds)(place)

    def let(self, place):
        """Return a `let`."""
        name = self.fresh(NUMBERS, place.names | set(place.env.names()))
        place.names.add(name)
        value = self.width(place)
        return let(name, value), SAME

    def body(self, place, most=4, *, least=1):
        return Body(tuple(self.pieces(place, most, least=least)), wide=not self.chance(20))

    def part(self, place):
        """Return a stem, a head or a body with a name."""
        in_block = place.in_block
        inside = place.inside()
        body = self.body(inside)
        if place.labels is None or self.chance(50):
            label, _ = self.label(place)
            before = f"{label}{self.choose(('stem', 'head'))}"
        else:
            before = f"{self.fresh(LABELS, place.labels)}:"
        said = self.annotations(self.selectors(body, place), "part", 30)

        def apply(env, given, trace):
            return body.apply(scoped(env, given, in_block=in_block), given, trace)

        return Piece(body.braced(before + said), hiding(apply, said)), _outside(inside, place)

    def selectors(self, body, place):
        """Return what `share` could name in a body here."""
        trace = Trace()
        try:
            body.apply(
                scoped(place.env, place.given, in_block=place.in_block), place.given, trace
            )
        except (Unfit, ZeroDivisionError):
            return []
        return trace.selectors

    def condition_item(self, place):
        """Return an `if`."""
        test, in_block = self.condition(place), place.in_block
        inside, beside = place.inside(labels=None), place.inside(labels=None)
        chosen = self.body(inside, 3)
        otherwise = self.body(beside, 2) if self.chance(50) else None

        def apply(env, given, trace):
            body = chosen if test.of(env) else otherwise
            return body.apply(scoped(env, given, in_block=in_block), given, trace) if body else given

        lines = chosen.braced(f"if {test.text}")
        if otherwise:
            more = otherwise.braced("else")
            lines = (*lines[:-1], f"{lines[-1]} {more[0]}", *more[1:])
        return Piece(lines, apply), None

    def loop(self, place):
        """Return a `for`: of blocks, which makes a run, or of any items."""
        values = self.choose(([8, 16], [4], [3, 1, 3], [8, 8, 8]))
        header, names = f"in {values}", ["w"]
        if self.chance(40):
            count = self.integer(1, 3)
            values, header, names = list(range(count)), f"in range({count})", ["j"]
        elif self.chance(50):
            names = ["i", "w"]
        in_block = place.in_block
        inside = place.inside(labels=None)
        inside.env.values |= dict(zip(names, (0, values[0]), strict=False))
        if names == ["w"] or names == ["j"]:
            inside.env.values[names[0]] = values[0]
        if self.blocks and self.chance(60):
            found = self.advance(inside, *self.call(inside, label=False))
            body = Body((found or same("relu"),))
        else:
            body = self.body(inside, 3)

        def apply(env, given, trace):
            for index, value in enumerate(values):
                inner = scoped(env, given, in_block=in_block)
                inner.values |= {"i": index, "w": value} if len(names) == 2 else {names[0]: value}
                given = body.apply(inner, given, trace)
            return given

        lines = body.braced(f"for {', '.join(names)} {header}")
        return Piece(lines, apply), None

    # ------------------------------------------------------------ branches

    def combination(self, place):
        """Return a sum, concat or product."""
        operator = self.choose(("sum", "concat", "product"))
        if operator == "product" or place.given.size is None:
            return self.gate(place) if place.channels is not None else self.layer(place)
        branches, channels = (self.adding if operator == "sum" else self.concatenating)(place)
        return self.combined(operator, branches, place), channels

    def combined(self, operator, branches, place):
        in_block = place.in_block
        at = scoped(place.env, place.given, in_block=in_block)
        selectors = [s for b in branches for s in self.traced(lambda t, b=b: b.apply(at, place.given, t))]
        said = self.annotations(selectors, "combine", 12)

        def apply(env, given, trace):
            inner = scoped(env, given, in_block=in_block)
            found = [b.apply(inner, given.restarted(), trace) for b in branches]
            after = together(operator, [f for f in found if f is not None])
            return after.passed(*given.reduction)

        inside = [line for branch in branches for line in branch.lines]
        lines = (f"{operator}{said} {{", *(f"    {line}" for line in inside), "}")
        return Piece(lines, hiding(apply, said))

    def branch(self, place, ending, most=3):
        """Return a branch of pieces that keep the size, and then `ending`'s."""
        inside = place.inside(keep=True, given=place.given.restarted())
        pieces = self.pieces(inside, most, least=0)
        pieces += ending(inside)
        return self.branch_of(Body(tuple(pieces)), place)

    def branch_of(self, body, place):
        label, _ = self.label(place)
        said = self.annotations(self.selectors(body, place), "branch", 6)
        in_block = place.in_block

        def apply(env, given, trace):
            return body.apply(scoped(env, given, in_block=in_block), given, trace)

        return Piece(body.braced(f"{label}branch{said}"), hiding(apply, said))

    def adding(self, place):
        """Return the branches of a sum and its channels."""
        identity = Piece((f"{self.label(place, 5)[0]}identity",), lambda _, given, __: given)
        if place.channels is not None and self.chance(50):
            target = place.channels
            branches = [self.branch(place, lambda at: self.to(at, target))]
            branches += [self.branch(place, lambda at: self.to(at, target))] * self.chance(30)
            branches.insert(self.integer(0, len(branches)), identity)
            return branches, target
        target = self.width(place)
        stride = None if place.keep or not place.in_block else variable("stride")
        branches = [
            self.branch(place, lambda at: self.to(at, target, stride), 2)
            for _ in range(self.integer(1, 3))
        ]
        if place.top and place.in_block and place.channels is not None and self.chance(50):
            branches.append(guarded(identity, target, stride is not None, place.channels))
        return branches, target

    def to(self, place, target, stride=None):
        """Return pieces that end in so many channels."""
        word = self.choose(("conv1x1", "conv3x3"))
        kernel = constant([int(word[-3]), int(word[-1])])
        found = [conv(word, target, Geometry(kernel, stride), None, [])]
        return [*found, same("bn")] if self.chance(50) else found

    def concatenating(self, place):
        """Return the branches of a concat; its channels are their sum, which no name has."""
        branches = [self.branch(place, lambda _: []) for _ in range(self.integer(1, 3))]
        if self.chance(60):
            branches.insert(0, Piece(("identity",), lambda _, given, __: given))
        return branches, None

    def gate(self, place):
        """Return a product: squeeze and excite, or two branches of equal shape."""
        identity = Piece(("identity",), lambda _, given, __: given)
        channels = place.channels
        if place.given.size is None:
            body = Body((linear(channels, []), same("sigmoid")))
        elif self.chance(65):
            hidden = constant(self.choose((4, 2, 8)))
            one = Geometry(constant([1, 1]))
            body = Body(
                (
                    adaptive_pool(self.choose(("avgpool", "maxpool")), None),
                    conv("conv1x1", hidden, one, None, ["bias = true"]),
                    same("silu"),
                    conv("conv1x1", channels, one, None, ["bias = true"]),
                    same("sigmoid"),
                )
            )
        else:
            inside = place.inside(keep=True, given=place.given.restarted())
            body = Body((*self.pieces(inside, 2, least=0), *self.to(inside, channels), same("tanh")))
        branches = [identity, self.branch_of(body, place)]
        if self.chance(30):
            branches.reverse()
        return self.combined("product", branches, place), channels if body else None

    # ------------------------------------------------------------ blocks

    def call(self, place, *, label=True):
        """Return a call of a block."""
        held = [n for n, v in place.env.names().items() if isinstance(v, Declaration)]
        if held and self.chance(60):
            name = self.choose(held)
            found = place.env[name]
            callee = lambda env: env[name]  # noqa: E731
        else:
            found = self.choose(self.blocks)
            name, callee = found.name, lambda _: found
        arguments = self.arguments(found, place)
        if place.in_block and not place.keep and self.chance(30):
            arguments["stride"] = variable("stride")
        elif not place.keep and self.chance(12):
            arguments["stride"] = constant(2)
        before = self.label(place, 20)[0] if label else ""
        stage = place.stage
        text = f"{before}{name}{written(found, arguments, self)}"

        def apply(env, given, trace):
            stride = None
            if stage and "stride" not in arguments:
                stride = _taken(env)
            return callee(env).enter(arguments, env, given, trace, stride)

        selectors = self.traced(lambda t: apply(place.env.child(), place.given, t))
        text += (said := self.annotations(selectors, "block", 12))
        return Piece((text,), hiding(apply, said), inline=not said), None

    def traced(self, apply):
        trace = Trace()
        try:
            apply(trace)
        except (Unfit, ZeroDivisionError):
            return []
        return trace.selectors

    def arguments(self, block, place):
        """Return arguments for a block's parameters; some defaults are left."""
        found = {}
        for i, parameter in enumerate(block.parameters):
            if parameter.default and self.chance(50):
                continue
            preferred = self.chance(40) and place.channels is not None
            if i == 0 and preferred and isinstance(place.channels, Value):
                found[parameter.name] = place.channels
            else:
                found[parameter.name] = self.argument(parameter.kind, place)
        return found

    def argument(self, kind, place):
        """Return a value of a kind."""
        match kind:
            case "number":
                return self.width(place, 24)
            case "count":
                return constant(self.choose((1, 2, 0)))
            case "flag":
                return self.condition(place) if self.chance(30) else constant(self.chance(50))
            case "layer":
                text = self.choose((*ACTIVATIONS, "bn", "dropout(0.2)"))
                return Value(text, lambda _: LayerValue(lambda: same(text)))
            case "conv":
                word = self.choose(("conv3x3", "conv1x1", "conv1x3"))
                kernel = Geometry(constant([int(word[-3]), int(word[-1])]))

                def make(out, stride):
                    return conv(word, out, replace(kernel, stride=stride), None, [])

                return Value(word, lambda _: LayerValue(make))
            case "block":
                simple = [b for b in self.blocks if b.simple]
                found = self.choose(simple)
                return Value(found.name, lambda _: found)
            case _:
                return constant(self.choose(([3, 3], [1, 3], [3], [1, 3, 1])))

    def declaration(self):
        """Return a new block; it may use the ones before it."""
        taken = {b.name for b in self.blocks}
        names: set[str] = set()
        block = Declaration(self.fresh(BLOCKS, taken), [])
        block.parameters = [Parameter(self.fresh(NUMBERS, names), "number", None)]
        if self.chance(15):
            block.parameters[0] = replace(block.parameters[0], default=constant(8))
        kinds = ["number", "count", "flag", "layer", "conv", "kernels"]
        kinds += ["block"] if any(b.simple for b in self.blocks) else []
        for _ in range(self.integer(0, 3)):
            block.parameters.append(self.parameter(names, self.choose(kinds)))
        place = self.inside(block)
        ways = [self.residual_block, self.plain_block, self.residual_block, self.recursive_block]
        draw = self.plain_block if place.given.size is None else self.choose(ways)
        given = place.given
        pieces = draw(place, block)
        block.body = Body(tuple(pieces), wide=not self.chance(20))
        self.drop_unused(block)
        selectors = self.traced(lambda t: block.enter(self.example(block), Env(), given, t))
        block.annotations = self.annotations(selectors, "block", 18)
        return block

    def drop_unused(self, block):
        """Take away most of the parameters that the body does not use."""
        text = "\n".join(block.body.lines())
        block.parameters[1:] = [
            p
            for p in block.parameters[1:]
            if re.search(rf"\b{p.name}\b(?!\s*=(?!=))", text) or self.chance(10)
        ]

    def parameter(self, names, kind):
        pools = {
            "number": NUMBERS,
            "count": ["depth", "times", "level", "n"],
            "flag": ["wide", "last", "is_first", "pass_"],
            "layer": ["act", "norm", "function", "module"],
            "conv": ["mix", "convolution", "op"],
            "kernels": ["kernels", "sizes", "list"],
            "block": ["unit", "part", "sub"],
        }
        name = self.fresh(pools[kind], names)
        default = self.argument(kind, Place(Env(), Map(8, (8, 8)), None, in_block=False))
        if kind == "number" and self.chance(40):
            default = Value("in_channels", lambda env: env["in_channels"])
        return Parameter(name, kind, None if self.chance(10) else default)

    def example(self, block):
        """Return arguments for all parameters that need one."""
        nowhere = Place(Env(), Map(8, (8, 8)), None, in_block=False)
        found = {p.name: self.argument(p.kind, nowhere) for p in block.parameters if not p.default}
        return {**found, block.parameters[0].name: constant(8)}

    def inside(self, block):
        """Return the place at the start of a block, with example arguments."""
        shape = None if self.chance(10) else (8, 8)
        env = Env({"in_channels": 8, "stride": self.choose((1, 2))})
        for name, value in self.example(block).items():
            env.values[name] = value.of(env)
        for p in block.parameters:
            if p.name not in env.values:
                env.values[p.name] = p.default.of(env)
        return Place(
            env, Map(8, shape), variable("in_channels"), in_block=True, top=True,
            names={p.name for p in block.parameters} | {"in_channels", "stride"},
        )

    def values_used(self, place, block):
        """Return pieces that use the parameters that are layers, lists or flags."""
        found = []
        for p in block.parameters[1:]:
            match p.kind:
                case "layer":
                    found.append(held_layer(p.name))
                case "conv":
                    stride = variable("stride") if not place.keep and self.chance(40) else None
                    found.append(held_conv(p.name, self.width(place), stride))
                case "kernels":
                    found.append(kernels_loop(p.name, self.width(place)))
                case "count" if self.chance(50):
                    found.append(counted(p.name))
                case _:
                    continue
        return [piece for piece in found if self.advance(place, piece, None)]

    def plain_block(self, place, block):
        """Return the body of a block of any pieces."""
        pieces = self.lets(place)
        pieces += self.pieces(place, 2, least=0)
        pieces += self.values_used(place, block)
        return pieces + self.pieces(place, 4)

    def lets(self, place):
        found = []
        for _ in range(self.chance(35) + self.chance(10)):
            piece = self.advance(place, *self.let(place))
            found += [piece] if piece else []
        return found

    def residual_block(self, place, block):
        """Return the body of a block with a residual branch."""
        pieces = self.lets(place)
        pieces += self.pieces(place, 2, least=1) if self.chance(12) else []
        pieces.append(self.residual(place, block))
        if self.chance(50) and (relu := self.advance(place, same("relu"), SAME)):
            pieces.append(relu)
            pieces += [self.residual(place, block)] if self.chance(15) else []
        return pieces

    def residual(self, place, block):
        """Return preactivation, residual and shortcut."""
        before = Body(tuple(same(self.choose(COMMON)) for _ in range(2 * self.chance(35))))
        fixed = place.channels is not None and self.chance(20)
        target = place.channels if fixed else self.width(place)
        stride = None if place.keep or self.chance(20) else variable("stride")
        inside = place.inside(keep=True, labels=place.labels, given=place.given.restarted())
        pieces = self.pieces(inside, 2, least=0) + self.values_used(inside, block)
        if self.chance(50):
            pieces += self.to(inside, self.width(inside), stride)
            pieces += [same("relu"), *self.to(inside, target)]
        else:
            pieces += self.to(inside, target, stride)
        branch = Body(tuple(pieces))
        ways = [self.to(place, target, stride)]
        if self.chance(20):
            geometry = Geometry(constant([3, 3]), stride or constant(1))
            ways = [[pool("avgpool3x3", geometry, ceil=False, extra=[]), *self.to(place, target)]]
        shortcut = Body(tuple(ways[0])) if not (fixed and stride is None) else None
        place.channels = target
        return self.residual_of(before, branch, shortcut, place)

    def residual_of(self, before, branch, shortcut, place):
        bodies = {"preactivation": before, "residual": branch, "shortcut": shortcut}
        parts, rules = [], {}
        for word, body in bodies.items():
            if body is not None and (body.pieces or word != "preactivation"):
                label, _ = self.label(place, 12)
                said = self.annotations(self.selectors(body, place), "part", 6)
                parts.append(body.braced(f"{label}{word}{said}"))
                rules[word] = hiding(body.apply, said)
        if self.chance(10):
            parts.reverse()

        def apply(env, given, trace):
            entered = given.restarted()
            if before.pieces:
                entered = rules["preactivation"](env.child(), entered, trace)
            after = rules["residual"](env.child(), entered, trace)
            beside = given
            if after.reduction != (1, 1) or after.channels != given.channels:
                if shortcut is None:
                    raise Unfit
                start = entered if before.pieces else given
                beside = rules["shortcut"](env.child(), start.restarted(), trace)
            if beside.shape != after.shape:
                raise Unfit
            return after.passed(*given.reduction)

        piece = Piece(tuple(line for part in parts for line in part), apply)
        place.given = Body((piece,)).apply(place.env, place.given, Trace())
        return piece

    def recursive_block(self, place, block):
        """Return the body of a block that calls itself `depth` times, as a U-Net does."""
        width = block.parameters[0].name
        depth = next((p.name for p in block.parameters if p.kind == "count"), None)
        if depth is None:
            depth = "depth" if width != "depth" else "times"
            while depth in place.names:
                depth += "_"
            block.parameters.append(Parameter(depth, "count", constant(self.choose((1, 2)))))
            place.names.add(depth)
            place.env.values[depth] = 1
        inside = place.inside(keep=True, labels=None)
        first = self.to(inside, variable(width))
        down, up = [], []
        if self.chance(60):
            down = [pool("maxpool2x2", Geometry(constant([2, 2])), ceil=self.chance(20), extra=[])]
            up = [
                conv_transpose(
                    "conv_transpose2x2",
                    variable(width),
                    Geometry(constant([2, 2]), constant(2)),
                    None,
                    [],
                    [],
                )
            ] if self.chance(50) else [enlarged("upsample(2)", constant(2)), *self.to(inside, variable(width))]
            up = [p for p in up if p.lines]
        else:
            up = self.to(inside, variable(width))
        again = itself(block, width, depth, self.choose((1, 2)))
        below = Body((*down, again, *up))
        operator = self.choose(("concat", "sum", None))
        if operator:
            branches = [
                Piece(("identity",), lambda _, given, __: given),
                self.branch_of(below, replace(place, channels=variable(width))),
            ]
            deeper = Body((self.combined(operator, branches, place), *self.to(inside, variable(width))))
        else:
            deeper = below
        return [*first, when(f"{depth} > 0", lambda e: e[depth] > 0, deeper)]

    # ------------------------------------------------------------ stages

    def stage(self, place):
        """Return a stage of repeats, or one written out."""
        name = self.fresh(["conv2", "layer1", "stage1", "group", "blocks", "x", "conv3"], place.labels)
        if self.chance(25):
            return self.written_stage(place, name)
        stride = self.choose((2, 1, 3)) if self.chance(45) and not place.keep else 1
        held = [n for n, v in place.env.names().items() if isinstance(v, Declaration)]
        block = place.env[held[0]] if held and self.chance(50) else self.choose(self.blocks)
        callee = held[0] if held and block is place.env[held[0]] else block.name
        arguments = self.arguments(block, place)
        count = self.choose((2, 3, 1, 4, 5))
        factors = f"{count} * "
        if self.chance(20):
            factors, count = f"2 * {count} * ", 2 * count
        elif count == 1 and self.chance(50):
            factors = ""
        head = f"stage {name}{f'(stride = {stride})' if stride > 1 else ''} = "
        text = f"{head}{factors}{callee}{written(block, arguments, self)}"

        def apply(env, given, trace):
            for i in range(count):
                found = env[callee] if callee in held else block
                given = found.enter(arguments, env, given, trace, stride if i == 0 else 1)
            return given

        selectors = self.traced(lambda t: apply(place.env.child(), place.given, t))
        said = self.annotations(selectors, "stage", 55)
        return Piece((text + said,), hiding(apply, said)), None

    def written_stage(self, place, name):
        """Return a stage with its members written one by one."""
        stride = self.choose((2, 1))
        in_block = place.in_block
        inside = place.inside(labels=None, stage=True)
        inside.env.values |= {"stride": stride, "stage": "open"}
        body = self.body(inside, 3)
        selectors = self.selectors_of_stage(body, place, stride)
        head = f"stage {name}{f'(stride = {stride})' if stride > 1 else ''}"

        def apply(env, given, trace):
            inner = scoped(env, given, in_block=in_block)
            inner.values |= {"stride": stride, "stage": "open"}
            found = body.apply(inner, given, trace)
            if stride > 1 and inner.values["stage"] == "open" and "stride" not in inner.used:
                raise Unfit
            return found

        said = self.annotations(selectors, "stage", 40)
        return Piece(body.braced(head + said), hiding(apply, said)), None

    def selectors_of_stage(self, body, place, stride):
        inner = scoped(place.env, place.given, in_block=place.in_block)
        inner.values |= {"stride": stride, "stage": "open"}
        return self.traced(lambda t: body.apply(inner, place.given, t))

    # ------------------------------------------------------------ networks

    def spec(self):
        """Return a spec."""
        for _ in range(self.choose((2, 3, 1, 4, 0))):
            self.blocks.append(self.declaration())
        name = self.fresh(NETWORKS, {b.name for b in self.blocks})
        names: set[str] = set()
        kinds = ["number", "number", "kernels", "flag", "layer"] + ["block"] * any(
            b.simple for b in self.blocks
        )
        parameters = [self.parameter(names, self.choose(kinds)) for _ in range(self.integer(0, 3))]
        parameters = [
            p if p.default and "in_channels" not in p.default.text else replace(p, default=constant(8))
            if p.kind == "number" else p
            for p in parameters
        ]
        parameters = [p for p in parameters if p.default]
        env, arguments = Env(), {}
        for p in parameters:
            value = p.default
            if p.kind in ("number", "flag", "kernels") and self.chance(25):
                value = self.argument(p.kind, Place(Env(), Map(8, (8, 8)), None, in_block=False))
                arguments[p.name] = value.text
            env.values[p.name] = value.of(env)
        given = self.input()
        header, pieces, said = self.network_body(env, given, names)
        inside = ", ".join(f"{p.name} = {p.default.text}" for p in parameters)
        head = f"network {name}{f'({inside})' if inside or self.chance(10) else ''}{said}"
        lines = [f"{head} {{", *(f"    {line}" for line in (*header, *pieces.lines())), "}"]
        output = self.output(pieces, env, given)
        if not arguments and self.chance(25):
            lines.insert(-1, f"    expect output == {list(output)}")
        blocks = [line for block in self.blocks for line in ("", *block.lines())]
        text = "\n".join([*lines, *blocks] if self.chance(70) else [*blocks[1:], "", *lines])
        return Drawn(text + "\n", arguments, output)

    def input(self):
        """Return what a network is given: mostly an image."""
        if self.chance(10):
            return Map(self.choose((4, 1, 8)), None)
        height = self.choose((8, 16, 7, 12, 9, 5))
        return Map(self.choose((3, 1, 4, 8)), (height, height if self.chance(80) else 10))

    def network_body(self, env, given, names):
        """Return the first lines of a network, what follows them, and its annotations."""
        place = Place(
            env, given, constant(given.channels), in_block=False, top=True,
            names=names | {"in_channels", "stride"},
        )
        header = [f"input({', '.join(map(str, given.shape))})"]
        if self.chance(20) and (test := self.condition(place)).of(env):
            header.insert(0, f'require {test.text}, "as it should be"')
        pieces = self.lets(place)
        pieces += self.pieces(place, 2, least=0)
        if self.blocks:
            for _ in range(self.choose((1, 2, 0, 3))):
                found = self.advance(place, *self.stage(place))
                pieces += [found] if found else []
        pieces += self.pieces(place, 5)
        if self.chance(50):
            pieces += self.ending(place)
        body = Body(tuple(pieces), wide=not self.chance(20))
        said = self.annotations(self.selectors(body, replace(place, given=given)), "network", 35)
        return header, body, said

    def ending(self, place):
        """Return pooling and a linear layer."""
        found = []
        if place.given.size not in (None, (1, 1)):
            found.append(self.advance(place, adaptive_pool("avgpool", None), SAME))
        found.append(self.advance(place, linear(constant(10), []), constant(10)))
        return [piece for piece in found if piece]

    def output(self, body, env, given):
        fresh = Env({k: v for k, v in env.values.items()})
        after = body.apply(fresh, given, Trace())
        return after.shape[:1] if after.size == (1, 1) else after.shape


# ---------------------------------------------------------------- pieces of fixed form


def let(name, value):
    """Return `let name = value`."""

    def apply(env, given, _):
        env.values[name] = value.of(env)
        return given

    return Piece((f"let {name} = {value.text}",), apply)


def held_layer(name):
    """Return the use of a parameter that is a layer."""
    return Piece((name,), lambda env, given, trace: env[name].make().apply(env, given, trace), True)


def held_conv(name, out, stride):
    """Return the use of a parameter that is a kind of convolution."""
    arguments = [out.text, *([f"stride = {stride.text}"] if stride else [])]

    def apply(env, given, trace):
        return env[name].make(out, stride).apply(env, given, trace)

    return Piece((f"{name}({', '.join(arguments)})",), apply, inline=True)


def kernels_loop(name, out):
    """Return convolutions with the kernels of a list."""
    body = Body((conv("conv", out, Geometry(variable("kernel")), None, []), same("relu")))

    def apply(env, given, trace):
        for kernel in env[name]:
            given = body.apply(env.child(kernel=kernel), given, trace)
        return given

    return Piece(body.braced(f"for kernel in {name}"), apply)


def counted(name):
    """Return a layer as often as a number says."""

    def apply(env, given, trace):
        for _ in range(env[name]):
            given = same("relu").apply(env, given, trace)
        return given

    return Piece((f"for t in range({name}) {{ bn }}",), apply)


def when(text, test, body):
    """Return `if .. { .. }`."""

    def apply(env, given, trace):
        return body.apply(env.child(), given, trace) if test(env) else given

    return Piece(body.braced(f"if {text}"), apply)


def guarded(identity, target, strided, channels):
    """Return the identity of a sum where it fits: else None comes together."""
    tests = (["stride == 1"] if strided else []) + [f"{channels.tight} == {target.tight}"]

    def fits(env):
        return (not strided or env["stride"] == 1) and channels.of(env) == target.of(env)

    lines = (f"if {' and '.join(tests)} {{ {identity.lines[0]} }}",)
    return Piece(lines, lambda env, given, _: given if fits(env) else None)


def itself(block, width, depth, factor):
    """Return the call of a block in itself, one level deeper."""
    wider = variable(width) if factor == 1 else Value(
        f"{factor} * {width}", lambda env: factor * env[width], atom=False
    )
    less = Value(f"{depth} - 1", lambda env: env[depth] - 1, atom=False)
    others = {
        p.name: variable(p.name) for p in block.parameters[1:] if p.name != depth and not p.default
    }
    arguments = {width: wider, depth: less, **others}
    inside = [f"{name} = {value.text}" for name, value in arguments.items()]
    return Piece(
        (f"{block.name}({', '.join(inside)})",),
        lambda env, given, trace: block.enter(arguments, env, given, trace),
        inline=True,
    )


def written(block, arguments, writer):
    """Return the arguments of a call as written: leading ones by position, now and then by name."""
    found, positional = [], not writer.chance(20)
    for p in block.parameters:
        if p.name not in arguments:
            positional = False
        elif positional:
            found.append(arguments[p.name].text)
        else:
            found.append(f"{p.name} = {arguments[p.name].text}")
    if "stride" in arguments:
        found.append(f"stride = {arguments['stride'].text}")
    return f"({', '.join(found)})" if found else ""


def _taken(env):
    """Return the stride of a stage to whoever takes it first, a block or a layer, and 1 to others."""
    while "stage" not in env.values:
        env = env.parent
    stride = 1 if "stride" in env.used else env.values["stride"]
    env.values |= {"stride": 1, "stage": "taken"}
    return stride


def _outside(inside, place):
    """Return the channels of a body for what follows it, where its names mean the same outside."""
    if isinstance(inside.channels, Value) and inside.channels.text == "in_channels":
        return place.channels if place.in_block else None
    return None


def _round_to(value, step):
    rounded = max(step, int(value + Fraction(step, 2)) // step * step)
    return rounded + step if rounded < Fraction(9, 10) * value else rounded


@st.composite
def specs(draw):
    """Draw a spec, the arguments of its network and the output it must have."""
    return Writer(draw).spec()
