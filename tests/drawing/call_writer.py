"""Calls and declarations of blocks as they are drawn."""

import re
from dataclasses import replace

from tests.drawing.branch_writer import BranchWriter
from tests.drawing.fixed import written
from tests.drawing.layers import Geometry, conv, same
from tests.drawing.pieces import (
    Body,
    Env,
    Map,
    Piece,
    Trace,
    Unfit,
    Value,
    constant,
    hiding,
    variable,
)
from tests.drawing.places import Declaration, LayerValue, Parameter, Place, taken
from tests.drawing.words import ACTIVATIONS, BLOCKS, NUMBERS


class CallWriter(BranchWriter):
    """Draws calls of blocks, and what blocks are declared with."""

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
                stride = taken(env)
            return callee(env).enter(arguments, env, given, trace, stride)

        inside = self.traced(lambda t: apply(place.env.child(), place.given, t))
        text += (said := self.annotations(inside, "block", 12))
        return Piece((text,), hiding(apply, said), inline=not said), None

    def traced(self, apply):
        trace = Trace()
        try:
            apply(trace)
        except (Unfit, ZeroDivisionError):
            return Trace()
        return trace

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
                offered = self.offered_flag(place)
                if offered:
                    return offered
                return self.condition(place) if self.chance(30) else constant(self.chance(50))
            case "rate":
                return self.rate(place)
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
        kinds = ["number", "count", "flag", "layer", "conv", "kernels", "rate"]
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
        inside = self.traced(lambda t: block.enter(self.example(block), Env(), given, t))
        block.annotations = self.annotations(inside, "block", 18)
        block.word = "sequence" if self.chance(12) else "block"
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
            "rate": ["dropout", "p", "rate"],
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
            env,
            Map(8, shape),
            variable("in_channels"),
            in_block=True,
            top=True,
            names={p.name for p in block.parameters} | {"in_channels", "stride"},
        )
