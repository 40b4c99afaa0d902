"""Bodies, conditions and loops as they are drawn."""

from tests.drawing.fixed import let
from tests.drawing.layer_writer import LayerWriter
from tests.drawing.layers import same
from tests.drawing.pieces import Body, Piece, Trace, Unfit, hiding
from tests.drawing.places import SAME, outside, scoped
from tests.drawing.words import COMMON, LABELS, NUMBERS


class BodyWriter(LayerWriter):
    """Draws bodies, conditions and loops."""

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
        if place.keep and (
            after.size != place.given.size or after.reduction != place.given.reduction
        ):
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
        if place.labels is not None:  # not in a loop, which would mark it twice
            kinds.append(self.marked)
        if self.blocks:
            kinds += [self.call, self.call, self.call]
        if not place.keep:
            kinds += [self.loop]
            kinds += (
                [self.stage] if self.blocks and not place.stage and place.labels is not None else []
            )
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
        said = self.annotations(self.trace_of(body, place), "part", 30)

        def apply(env, given, trace):
            return body.apply(scoped(env, given, in_block=in_block), given, trace)

        return Piece(body.braced(before + said), hiding(apply, said)), outside(inside, place)

    def trace_of(self, body, place):
        """Return what annotations around a body here could be about."""
        trace = Trace()
        try:
            body.apply(scoped(place.env, place.given, in_block=place.in_block), place.given, trace)
        except (Unfit, ZeroDivisionError):
            return Trace()
        return trace

    def condition_item(self, place):
        """Return an `if`."""
        test, in_block = self.condition(place), place.in_block
        inside, beside = place.inside(labels=None), place.inside(labels=None)
        chosen = self.body(inside, 3)
        otherwise = self.body(beside, 2) if self.chance(50) else None

        def apply(env, given, trace):
            body = chosen if test.of(env) else otherwise
            return (
                body.apply(scoped(env, given, in_block=in_block), given, trace) if body else given
            )

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
        if len(names) == 1:
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
