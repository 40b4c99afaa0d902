"""Network: what a spec means, with every number known and repetition still folded.

    Network, Block, Part  ->  body: tuple of Step          Stage  ->  items: tuple of Item
    Step  =  a Node, the maps that it takes and gives, where it stands, when it is there
    Node  =  LayerNode | Block | Part | Stage | Join

What flows in a body are *maps*, by name: MAIN is what the body is given and, at its end, what it
gives. Layers in a row take MAIN and give MAIN; a branch takes MAIN and gives a map of its own; a
Join takes what branches gave and gives MAIN. A Block or Part that uses maps from outside takes them
behind the one that flows through it, and names them anew: `given`; so with those that it gives to
the body around, `made`. The name of a map is the same in
every instance of a declaration, whether all of its steps are there or not.

An *owner* (Network, Stage, Block, Part) may hold shared weights in `owned`; a LayerNode that uses
one has its id in `shared` and no weight of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from math import prod
from typing import TypeAlias, TypeVar

from archdsl.ir.initialization import Initialization
from archdsl.ir.layers import Layer, Size, Weighted
from archdsl.ir.numbers import Asked, Expr, Number, Test, Truth, Value
from archdsl.ir.recipe import Recipe
from archdsl.record import Placed, Record
from archdsl.source import Span

Kind = TypeVar("Kind")

Site: TypeAlias = tuple[int, ...]
"""Where a step stands in the text of its declaration: offsets of items and turns of loops.

Sites of one body sort in the order of registration, and the same place of the text has the same
site in every instance of the declaration.
"""

Map: TypeAlias = tuple[int, ...]
"""The name of a map within a body: derived from the site of whoever gives it."""

MAIN: Map = ()


MARKED = 2**61  # the end of the name of a map that `mark` gives


def handed(node: "Node", taken: Sequence[Kind]) -> dict[Map, Kind]:
    """Return what flows in the body of a node at first, of what its step takes, by map."""
    given = node.given if isinstance(node, Block | Part) else ()
    beside = zip((each.map for each in given), taken[1:], strict=True)
    return {MAIN: taken[0], **dict(beside)}


def given_by(node: "Node", maps: Mapping[Map, Kind]) -> list[Kind]:
    """Return what a node gives its step, of what flows in its body at the end."""
    made = node.made if isinstance(node, Block | Part) else ()
    return [maps[MAIN], *(maps[each.map] for each in made)]


def is_marked(map_: Map) -> bool:
    """Say whether a map has a name in the spec, here or in a body around."""
    return map_[-1:] == (MARKED,)


def taken_by(network: "Network", of: Callable[["FeatureMap"], Kind]) -> dict[Map, Kind]:
    """Return what flows in a network at first, by map; one that has no name is MAIN."""
    named = {each.map: of(each.shape) for each in network.inputs}
    return {MAIN: of(network.input), **named}


def returned_by(network: "Network") -> tuple[Map, ...]:
    """Return the maps that a network gives."""
    return tuple(each.map for each in network.outputs) or (MAIN,)


class FeatureMap(Record):
    """What flows between layers, without the batch: [channels], or a map.

    A map is [channels, length], [channels, height, width] or [channels, depth, height, width].
    """

    channels: int
    size: Size | None = None

    @property
    def dimensions(self) -> int:
        """How many sizes it has beside the channels; 0: it is a vector."""
        return 0 if self.size is None else len(self.size)

    @property
    def positions(self) -> int:
        """At how many places it has each channel."""
        return prod(self.size or ())

    @property
    def shape(self) -> tuple[int, ...]:
        """As PyTorch prints it."""
        return (self.channels,) if self.size is None else (self.channels, *self.size)

    def __str__(self) -> str:
        return str(list(self.shape))


class Form(StrEnum):
    """How generated code writes a body, and so how its members are named."""

    SEQUENTIAL = "sequential"  # an nn.Sequential: members by index, or by their written names
    WRITTEN = "written"  # a class with a `forward`: members by kind and number


class Written(Record):
    """The expressions that a layer's field was written as, in the scope of its declaration.

    `exprs` has one entry for a number or equal sizes, else one for each.
    """

    field: str  # name of the field of the layer
    exprs: tuple[Expr, ...]


Channels: TypeAlias = tuple[tuple[int, int], ...]
"""Ranges of channels, in order: from, and up to but not including."""


class FixedPart(Record, kw_only=True):
    """Channels of a layer that do not learn; None is all of them.

    Of a weight this is what leads from these inputs to these outputs. Of anything that there is
    one of for each output it is that of these outputs, and nothing where `outputs` is None.
    """

    outputs: Channels | None = None
    inputs: Channels | None = None


class FixedOld(Record):
    """What a layer had before the last growth does not learn: for `epochs`, or None, for good."""

    epochs: int | None = None


Fixed: TypeAlias = FixedPart | FixedOld


class Shared(Placed, kw_only=True):
    """A weight that several layers use, at its owner."""

    id: int  # unique in the network as it is folded; copies of the owner have copies of the weight
    name: str  # attribute of the owner: "shared_conv2"
    layer: Weighted  # its tensors are this layer's; with `strides = any` the users differ in stride
    uses: int  # layers that use it, per copy of the owner
    frozen: bool = False
    fixed: Fixed | None = None
    span: Span


class Candidate(Record):
    """While a network is elaborated: the key of the weight that a layer would share."""

    key: int


class SharedWeight(Record):
    """The id of the Shared whose weight a layer uses."""

    id: int


class Drop(Record):
    """Stochastic depth of a block that is a place in a DropRun, or that has blocks which are.

    Copy i, from 0, has `places` of them from `first + i * places` on; the branch in the block's own
    text, if there is one, has the last.
    """

    run: int  # index in the network's `drop_runs`
    first: int  # from 1, in the block around if that is of the same run
    places: int = 1


class LayerNode(Placed, kw_only=True):
    """A layer in its place."""

    kind: str  # the language's word without its kernel: "conv", "bn", "maxpool"
    label: str | None  # the written name
    name: str = ""  # attribute or index, unique in its class unless the layer keeps nothing
    layer: Layer
    input: FeatureMap
    output: FeatureMap
    written: tuple[Written, ...] = ()
    shared: Candidate | SharedWeight | None = None
    frozen: bool = False
    fixed: Fixed | None = None  # the part of it that does not learn, where not all of it is frozen
    implied: bool = False  # a flatten that the spec leaves unsaid
    drop: Drop | None = None  # while a network is elaborated: of a branch in no block of its run
    span: Span


class DropRun(Record):
    """Blocks whose stochastic depth grows: the one at place i, from 1, has rate * i / total."""

    rate: Fraction
    total: int


class Let(Record):
    """A number named by `let` at the top level of the body of a block or a network."""

    name: str
    number: Number


class Require(Record):
    """`require test, "message"` in a block or a network; it holds here."""

    test: Test
    message: str
    implied: bool = False  # it is of the class alone: another member shares its weights otherwise


class Crossing(Record):
    """A map that a block or a part is handed, or gives, beside MAIN."""

    map: Map  # its name inside
    outer: Map  # its name in the body where the node stands, whose step takes or gives it
    label: str  # of the variable in generated code


class Block(Placed, kw_only=True):
    """An instance of a declared block: a class of its own in generated code.

    Expressions inside are over `in_channels`, `stride`, the parameters and the lets; those of
    `in_channels`, `stride` and `arguments` here are over the names of whoever uses the block.
    """

    declaration: str  # name of the block in the spec
    file: str  # the spec that declares it: two files may each have a `basic`
    label: str | None
    name: str = ""
    form: Form = Form.WRITTEN  # SEQUENTIAL: a `sequence`
    in_channels: Number
    stride: Number
    arguments: tuple[tuple[str, Number | Truth], ...]  # numbers and flags, as declared in order
    defaults: tuple[tuple[str, Value | bool], ...] = ()  # of those, where a literal is declared
    lets: tuple[Let, ...]
    requires: tuple[Require, ...] = ()
    decided: tuple[Asked, ...] = ()  # the tests of all `if`s in its text that were asked
    hangs: frozenset[str] = frozenset()  # names by which it chooses lists, blocks, turns of loops
    settled: frozenset[str] = frozenset()  # `hangs`, and what else of no expression hangs on
    required: tuple[Test, ...] = ()  # by the `require`s that stand deeper in its text
    body: "tuple[Step, ...]"
    input: FeatureMap
    output: FeatureMap
    out_channels: Number  # over the names of whoever uses the block
    makes: Number  # the same over the block's own names
    owned: tuple[Shared, ...] = ()
    given: tuple[Crossing, ...] = ()  # what it is handed
    made: tuple[Crossing, ...] = ()  # what it gives
    drop: Drop | None = None
    again: bool = False  # it is a module of the body that a step before it has: of the same name
    span: Span


class Part(Placed, kw_only=True):
    """A body with a name: a stem, a head, `features: { .. }`, a branch, a shortcut."""

    kind: str  # "stem", "branch", "shortcut"
    label: str | None
    name: str = ""
    body: "tuple[Step, ...]"
    form: Form = Form.SEQUENTIAL
    input: FeatureMap
    output: FeatureMap
    owned: tuple[Shared, ...] = ()
    given: tuple[Crossing, ...] = ()  # what it is handed
    made: tuple[Crossing, ...] = ()  # what it gives
    in_training: bool = False  # it runs in training only
    span: Span


class Operator(StrEnum):
    """How maps come together."""

    SUM = "sum"
    CONCAT = "concat"
    PRODUCT = "product"


class Join(Placed, kw_only=True):
    """The maps that its step takes become one; a single one stays as it is, or gets a name."""

    operator: Operator
    mark: str = ""  # the name, of the variable in generated code
    name: str = ""  # for tables; no module
    when: tuple[tuple[Test, ...], ...] = ()  # of each map: the `if`s around it among the branches
    labels: tuple[
        str, ...
    ] = ()  # written names of identities: no members, but names that are taken
    input: FeatureMap  # of what branched
    output: FeatureMap
    span: Span


class Item(Record, kw_only=True):
    """A member of a stage, `count` times in a row; each copy has its own weights."""

    node: "Node"
    count: int = 1
    site: Site
    when: tuple[Test, ...] = ()


class Stage(Placed, kw_only=True):
    """Members by index: `stage name = n * block(..)`, or the blocks of one `for`."""

    kind: str  # "stage", or the declaration's name for a `for`
    label: str | None
    name: str = ""
    items: tuple[Item, ...]
    repeats: Number | None = None  # of `n * block(..)`, or turns of the `for`: how many there are
    form: Form = Form.SEQUENTIAL  # WRITTEN: members are in `self.blocks`
    stride: int = 1
    input: FeatureMap
    output: FeatureMap
    owned: tuple[Shared, ...] = ()
    span: Span


Node: TypeAlias = LayerNode | Block | Part | Stage | Join


class Step(Record, kw_only=True):
    """What is done in a body: a node, from the maps that it takes to those that it gives."""

    node: Node
    takes: tuple[Map, ...] = (MAIN,)
    gives: tuple[Map, ...] = (MAIN,)
    site: Site
    when: tuple[Test, ...] = ()  # the `if`s around it, outermost first; all of them hold here


ArgumentValue: TypeAlias = (
    "bool | int | float | str | list[ArgumentValue] | dict[str, ArgumentValue] | None"
)


class Phases(Placed, kw_only=True):
    """The members of its own family that a network is, one after the other, while it trains."""

    names: tuple[str, ...]  # of the arguments that grow
    values: tuple[tuple[Value, ...], ...]  # theirs in each phase, from phase 0; the last: defaults
    nested: bool = False  # old channels take no input from new ones
    span: Span


class NamedInput(Record):
    """One of the inputs of a network that have names."""

    label: str
    map: Map
    shape: FeatureMap


class Output(Record):
    """One of several outputs of a network, or one that has a name."""

    label: str
    map: Map
    shape: FeatureMap
    channels: Expr | None = None  # over the names of the network
    in_training: bool = False  # it is there in training, and only then


class Network(Placed, kw_only=True):
    """A network with all its arguments given.

    What flows at first is `input`: the only input, or the first of several, which a body of
    several takes by their names. `output` is what the network gives, or the first of several.
    """

    name: str  # as declared
    file: str  # the spec's path, as given
    arguments: tuple[tuple[str, ArgumentValue], ...]
    defaults: tuple[tuple[str, ArgumentValue], ...]
    values: tuple[tuple[str, Value | bool], ...] = ()  # of the numbers and flags, exact
    formulas: tuple[Let, ...] = ()  # numbers that were not given, and whose default is a formula
    flags: tuple[tuple[str, Test], ...] = ()  # the same of flags
    lets: tuple[Let, ...] = ()
    requires: tuple[Require, ...] = ()
    decided: tuple[Asked, ...] = ()  # as of a block, and so what follows
    hangs: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()
    required: tuple[Test, ...] = ()
    sizes: tuple[tuple[Expr, ...], ...] = ()  # as written, of each input: channels, then its size
    input: FeatureMap
    output: FeatureMap
    inputs: tuple[NamedInput, ...] = ()  # those that have names: all or none
    outputs: tuple[Output, ...] = ()  # all; none where it is only what flows at the end
    body: tuple[Step, ...]
    owned: tuple[Shared, ...] = ()
    geometries: tuple[tuple[int, Weighted], ...] = ()  # under each `share`: equal ones are a weight
    lone: tuple[tuple[tuple[Site, ...], int], ...] = ()  # layers that nothing shares with, and keys
    drop_runs: tuple[DropRun, ...] = ()
    recipe: Recipe | None = None
    phases: Phases | None = None  # None: it does not grow
    init: Initialization | None = None  # None: He's, where something follows that it is made for
    span: Span
