"""Bodies of blocks and stages as they are drawn."""

from dataclasses import replace

from tests.drawing.call_writer import CallWriter
from tests.drawing.fixed import counted, held_conv, held_layer, itself, kernels_loop, when, written
from tests.drawing.layers import Geometry, conv_transpose, enlarged, pool, same
from tests.drawing.pieces import (
    Body,
    Piece,
    Trace,
    Unfit,
    constant,
    hiding,
    number,
    variable,
)
from tests.drawing.places import SAME, Declaration, Parameter, scoped
from tests.drawing.words import COMMON


class BlockWriter(CallWriter):
    """Draws the bodies of blocks, and stages."""

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
                case "rate":
                    found.append(same(f"dropout({p.name})"))
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
            pieces += self.to(self.width(inside), stride)
            pieces += [same("relu"), *self.to(target)]
        else:
            pieces += self.to(target, stride)
        branch = Body(tuple(pieces))
        ways = [self.to(target, stride)]
        if self.chance(20):
            geometry = Geometry(constant([3, 3]), stride or constant(1))
            ways = [[pool("avgpool3x3", geometry, ceil=False, extra=[]), *self.to(target)]]
        shortcut = Body(tuple(ways[0])) if not (fixed and stride is None) else None
        place.channels = target
        return self.residual_of(before, branch, shortcut, place)

    def residual_of(self, before, branch, shortcut, place):
        bodies = {"preactivation": before, "residual": branch, "shortcut": shortcut}
        parts, rules = [], {}
        for word, body in bodies.items():
            if body is not None and (body.pieces or word != "preactivation"):
                label, _ = self.label(place, 12)
                said = self.annotations(self.trace_of(body, place), "part", 6)
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
        first = self.to(variable(width))
        down, up = [], []
        if self.chance(60):
            down = [pool("maxpool2x2", Geometry(constant([2, 2])), ceil=self.chance(20), extra=[])]
            up = (
                [
                    conv_transpose(
                        "conv_transpose2x2",
                        variable(width),
                        Geometry(constant([2, 2]), constant(2)),
                        None,
                        [],
                        [],
                    )
                ]
                if self.chance(50)
                else [enlarged("upsample(2)", constant(2)), *self.to(variable(width))]
            )
            up = [p for p in up if p.lines]
        else:
            up = self.to(variable(width))
        again = itself(block, width, depth, self.choose((1, 2)))
        below = Body((*down, again, *up))
        operator = self.choose(("concat", "sum", None))
        if operator:
            branches = [
                Piece(("identity",), lambda _, given, __: given),
                self.branch_of(below, replace(place, channels=variable(width))),
            ]
            deeper = Body((self.combined(operator, branches, place), *self.to(variable(width))))
        else:
            deeper = below
        return [*first, when(f"{depth} > 0", lambda e: e[depth] > 0, deeper)]

    # ------------------------------------------------------------ stages

    def stage(self, place):
        """Return a stage of repeats, or one written out."""
        name = self.fresh(
            ["conv2", "layer1", "stage1", "group", "blocks", "x", "conv3"], place.labels
        )
        if self.chance(32):
            return self.written_stage(place, name)
        stride = self.choose((2, 1, 3)) if self.chance(45) and not place.keep else 1
        held = [n for n, v in place.env.names().items() if isinstance(v, Declaration)]
        block = place.env[held[0]] if held and self.chance(50) else self.choose(self.blocks)
        callee = held[0] if held and block is place.env[held[0]] else block.name
        arguments = self.arguments(block, place)
        count, factors = self.times(place)
        head = f"stage {name}{f'(stride = {stride})' if stride > 1 else ''} = "
        text = f"{head}{factors}{callee}{written(block, arguments, self)}"

        def apply(env, given, trace):
            for i in range(number(count, env)):
                found = env[callee] if callee in held else block
                given = found.enter(arguments, env, given, trace, stride if i == 0 else 1)
            return given

        inside = self.traced(lambda t: apply(place.env.child(), place.given, t))
        said = self.annotations(inside, "stage", 55)
        return Piece((text + said,), hiding(apply, said)), None

    def times(self, place):
        """Return how many blocks a stage has, and how that is written before the block."""
        offered = self.repeats(place)
        if offered:
            return offered, f"{offered.text} * "
        count = self.choose((2, 3, 1, 4, 5))
        if self.chance(20):
            return constant(2 * count), f"2 * {count} * "
        return constant(count), "" if count == 1 and self.chance(50) else f"{count} * "

    def written_stage(self, place, name):
        """Return a stage with its members written one by one."""
        stride = self.choose((2, 1))
        in_block = place.in_block
        inside = place.inside(labels=None, stage=True)
        inside.env.values |= {"stride": stride, "stage": "open"}
        body = self.body(inside, 3)
        inside = self.trace_of_stage(body, place, stride)
        head = f"stage {name}{f'(stride = {stride})' if stride > 1 else ''}"

        def apply(env, given, trace):
            inner = scoped(env, given, in_block=in_block)
            inner.values |= {"stride": stride, "stage": "open"}
            found = body.apply(inner, given, trace)
            if stride > 1 and inner.values["stage"] == "open" and "stride" not in inner.used:
                raise Unfit
            return found

        said = self.annotations(inside, "stage", 40)
        return Piece(body.braced(head + said), hiding(apply, said)), None

    def trace_of_stage(self, body, place, stride):
        inner = scoped(place.env, place.given, in_block=place.in_block)
        inner.values |= {"stride": stride, "stage": "open"}
        return self.traced(lambda t: body.apply(inner, place.given, t))
