"""Branches as they are drawn."""

from dataclasses import replace

from tests.drawing.body_writer import BodyWriter
from tests.drawing.fixed import guarded
from tests.drawing.layers import Geometry, adaptive_pool, conv, linear, same, together
from tests.drawing.pieces import Body, Piece, constant, hiding, variable
from tests.drawing.places import scoped

GATE = Geometry(constant([3, 3]))


class BranchWriter(BodyWriter):
    """Draws branches side by side."""

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
        inside = self.traced(lambda t: [b.apply(at, place.given, t) for b in branches])
        said = self.annotations(inside, "combine", 12)

        def apply(env, given, trace):
            inner = scoped(env, given, in_block=in_block)
            found = [b.apply(inner, given.restarted(), trace) for b in branches]
            after = together(operator, [f for f in found if f is not None])
            return after.passed(*given.reduction)

        lines = [f"    {line}" for branch in branches for line in branch.lines]
        lines = (f"{operator}{said} {{", *lines, "}")
        return Piece(lines, hiding(apply, said))

    def marked(self, place):
        """Return a map that has a name, pieces, and a sum or concat that the map is in again."""
        name = f"m{place.layers}_{self.integer(0, 10**6)}"
        start = place.given.size
        pieces = self.pieces(replace(place, keep=True, nesting=place.nesting + 1), 2)
        operator = self.choose(("sum", "concat")) if place.channels is not None else "concat"
        if start is None:
            pieces, operator = [], "concat"
        if operator == "sum":
            pieces += self.to(place.channels)
        act = self.choose((None, "relu", "tanh"))
        again = f"    branch from {name} {{ {act} }}" if act else f"    {name}"

        def apply(env, given, trace):
            marked = given.restarted()
            for piece in pieces:
                given = piece.apply(env, given, trace)
            if act:
                marked = same(act).apply(env, marked, trace)
            return together(operator, [given.restarted(), marked]).passed(*given.reduction)

        lines = [line for piece in pieces for line in piece.lines]
        lines = (f"mark {name}", *lines, f"{operator} {{", "    identity", again, "}")
        return Piece(lines, apply), place.channels if operator == "sum" else None

    def branch(self, place, ending, most=3):
        """Return a branch of pieces that keep the size, and then `ending`'s."""
        is_open = place.labels is not None and self.chance(12)  # it has no level
        labels = {"labels": place.labels} if is_open else {}
        inside = place.inside(keep=True, given=place.given.restarted(), **labels)
        pieces = self.pieces(inside, most, least=0)
        pieces += ending(inside)
        return self.branch_of(Body(tuple(pieces)), place, '"": ' if is_open else None)

    def branch_of(self, body, place, label=None):
        label = self.label(place)[0] if label is None else label
        said = self.annotations(self.trace_of(body, place), "branch", 6)
        in_block = place.in_block

        def apply(env, given, trace):
            return body.apply(scoped(env, given, in_block=in_block), given, trace)

        return Piece(body.braced(f"{label}branch{said}"), hiding(apply, said))

    def adding(self, place):
        """Return the branches of a sum and its channels."""
        identity = Piece((f"{self.label(place, 5)[0]}identity",), lambda _, given, __: given)
        if place.channels is not None and self.chance(50):
            target = place.channels
            branches = [self.branch(place, lambda _: self.to(target))]
            branches += [self.branch(place, lambda _: self.to(target))] * self.chance(30)
            branches.insert(self.integer(0, len(branches)), identity)
            return branches, target
        target = self.width(place)
        stride = None if place.keep or not place.in_block else variable("stride")
        branches = [
            self.branch(place, lambda _: self.to(target, stride), 2)
            for _ in range(self.integer(1, 3))
        ]
        if place.top and place.in_block and place.channels is not None and self.chance(50):
            branches.append(guarded(identity, target, stride is not None, place.channels))
        return branches, target

    def to(self, target, stride=None):
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
        elif self.chance(40):  # for each pixel, alike for all channels
            body = Body((conv("conv3x3", constant(1), GATE, None, []), same("sigmoid")))
        else:
            inside = place.inside(keep=True, given=place.given.restarted())
            body = Body((*self.pieces(inside, 2, least=0), *self.to(channels), same("tanh")))
        branches = [identity, self.branch_of(body, place)]
        if self.chance(30):
            branches.reverse()
        if self.chance(30):
            branches.insert(self.integer(0, len(branches)), self.factor(place))
        return self.combined("product", branches, place), channels if body else None

    def factor(self, place):
        """Return a scale beside the branches of a product."""
        vector = ("scale(0.5)", "scale(per = layer, dims = 0)")
        shaped = ("scale(1e-6, dims = 3)", "scale(dims = 4)", "scale(2, per = layer)")
        word = self.choose(vector if place.given.size is None else shaped)

        def apply(_, given, __):
            return given if given.size is None else replace(given, size=(1, 1))

        return Piece((word,), apply)
