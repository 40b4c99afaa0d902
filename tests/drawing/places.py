"""Blocks as drawn, and the places where pieces are drawn."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.drawing.pieces import Body, Env, Map, Piece, Unfit, Value, hiding, number, variable


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
    word: str = "block"

    @property
    def simple(self):
        return all(p.default for p in self.parameters[1:])

    def lines(self):
        inside = ", ".join(
            f"{p.name} = {p.default.text}" if p.default else p.name for p in self.parameters
        )
        return self.body.braced(f"{self.word} {self.name}({inside}){self.annotations}")

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


def taken(env):
    """Return the stride of a stage to whoever takes it first, a block or a layer; then 1."""
    while "stage" not in env.values:
        env = env.parent
    stride = 1 if "stride" in env.used else env.values["stride"]
    env.values |= {"stride": 1, "stage": "taken"}
    return stride


def outside(inside, place):
    """Return the channels of a body for what follows it, where its names mean the same outside."""
    if isinstance(inside.channels, Value) and inside.channels.text == "in_channels":
        return place.channels if place.in_block else None
    return None
