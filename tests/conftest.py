"""Networks built by hand: what the analyses are given, without a parser before them."""

import signal

import pytest
from hypothesis import settings

from archdsl.ir.layers import BatchNorm, Conv, Flatten, Linear
from archdsl.ir.making import literal
from archdsl.ir.network import (
    MAIN,
    Block,
    FeatureMap,
    Form,
    Item,
    Join,
    LayerNode,
    Network,
    Operator,
    Part,
    Shared,
    SharedWeight,
    Stage,
    Step,
)
from archdsl.source import SourceFile, Span

# the same examples on every run, unless a test asks for others
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")
# A shell that runs the tests in its background has them, and what they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

NOWHERE = Span(SourceFile("test.arch", ""), 0, 0)
IMAGE = FeatureMap(3, (8, 8))
MAP = FeatureMap(4, (8, 8))


def layer(kind, name, layer, input, output, **facts):
    return LayerNode(
        kind=kind,
        label=None,
        name=name,
        layer=layer,
        input=input,
        output=output,
        span=NOWHERE,
        **facts,
    )


def row(*nodes):
    """Return the steps of nodes one after another."""
    return tuple(Step(node=node, site=(i,)) for i, node in enumerate(nodes))


def conv(c_in, c_out, kernel):
    return Conv(
        in_channels=c_in,
        out_channels=c_out,
        kernel_size=(kernel, kernel),
        padding=(kernel // 2,) * 2,
    )


def shared_conv(uses, **facts):
    return Shared(id=1, name="shared_conv2", layer=conv(4, 4, 3), uses=uses, span=NOWHERE, **facts)


def block(body, **facts):
    return Block(
        declaration="unit",
        file="test.arch",
        label=None,
        in_channels=literal(4),
        stride=literal(1),
        arguments=(),
        lets=(),
        body=body,
        input=MAP,
        output=MAP,
        out_channels=literal(4),
        makes=literal(4),
        span=NOWHERE,
        **facts,
    )


def unit(**facts):
    """1x1 convolution, batch normalization, and a 3x3 convolution with a weight of its owner's."""
    body = (
        layer("conv", "conv1", conv(4, 4, 1), MAP, MAP),
        layer("bn", "bn1", BatchNorm(num_features=4, spatial=True), MAP, MAP),
        layer("conv", "conv2", conv(4, 4, 3), MAP, MAP, shared=SharedWeight(1)),
    )
    join = Join(operator=Operator.SUM, name="sum", input=MAP, output=MAP, span=NOWHERE)
    beside = (0, 1)
    steps = (
        Step(node=body[0], gives=(beside,), site=(0, 1, 0)),
        Step(node=body[1], takes=(beside,), gives=(beside,), site=(0, 1, 1)),
        Step(node=body[2], takes=(beside,), gives=(beside,), site=(0, 1, 2)),
        Step(node=join, takes=(beside, MAIN), site=(0, 3)),
    )
    return block(steps, **facts)


def stem(**facts):
    body = (
        layer("conv", "0", conv(3, 4, 3), IMAGE, MAP, **facts),
        layer("bn", "1", BatchNorm(num_features=4, spatial=True), MAP, MAP, **facts),
    )
    return Part(
        kind="stem",
        label="stem",
        name="stem",
        body=row(*body),
        input=IMAGE,
        output=MAP,
        span=NOWHERE,
    )


def stage(count, item, **facts):
    return Stage(
        kind="stage",
        label="conv2",
        name="conv2",
        items=(Item(node=item, count=count, site=(0,)),),
        input=MAP,
        output=MAP,
        span=NOWHERE,
        **facts,
    )


def head():
    flat, out = FeatureMap(256), FeatureMap(10)
    return (
        layer("flatten", "flatten1", Flatten(), MAP, flat, implied=True),
        layer("linear", "linear1", Linear(in_features=256, out_features=10), flat, out),
    )


def network(*body, **facts):
    return Network(
        name="tiny",
        file="test.arch",
        arguments=(("depth", 3),),
        defaults=(("depth", 3),),
        input=IMAGE,
        output=FeatureMap(10),
        body=row(*body),
        span=NOWHERE,
        **facts,
    )


@pytest.fixture
def shared_in_stage():
    """Three units whose 3x3 convolutions share the weight that their stage owns."""
    owner = stage(3, unit(), form=Form.WRITTEN, owned=(shared_conv(3),))
    return network(stem(), owner, *head())


@pytest.fixture
def shared_in_block():
    """Five blocks of two units each; each block owns the weight that its two units share."""
    first, second = unit(name="unit1"), unit(name="unit2")
    return network(stem(), stage(5, block(row(first, second), owned=(shared_conv(2),))), *head())


@pytest.fixture
def shared_in_network():
    """Two stages of a unit each; the weight they share is the network's."""
    item = unit()
    return network(
        stem(), stage(1, item), stage(2, item), *head(), owned=(shared_conv(3, frozen=True),)
    )


@pytest.fixture
def million():
    """A million units in a row, each with a shared weight to itself."""
    return network(stem(), stage(1_000_000, unit(owned=(shared_conv(1),))), *head())


@pytest.fixture
def nested():
    """A block in a block, 100 deep, with the parts and branches that a block may put between."""
    inside = stem()
    for _ in range(100):
        for kind in ("branch", "body", "body"):
            inside = Part(
                kind=kind,
                label=None,
                name="0",
                body=row(inside),
                input=MAP,
                output=MAP,
                span=NOWHERE,
            )
        inside = block(row(inside), name="unit1")
    return network(inside)
