"""Network: what a spec means, with every number known and repetition still folded.

    Network.body, Part.body, Block.body  ->  tuple of Node
    Node = LayerNode | Block | Residual | Combine | Part | Stage

An *owner* (Network, Stage, Block, Part) may hold shared weights in `owned`; a LayerNode that uses
one has its id in `shared` and no weight of its own.
"""

from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

from archdsl.ir.initialization import Initialization
from archdsl.ir.layers import Layer, Weighted
from archdsl.ir.numbers import Expr, Number
from archdsl.ir.recipe import Recipe
from archdsl.record import Record
from archdsl.source import Span


class FeatureMap(Record):
    """What flows between layers, without the batch: [channels, height, width] or [channels]."""

    channels: int
    size: tuple[int, int] | None = None  # (height, width)

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

    `exprs` has one entry for a number or an equal (height, width) pair, else two.
    """

    field: str  # name of the field of the layer
    exprs: tuple[Expr, ...]


class Shared(Record, kw_only=True):
    """A weight that several layers use, at its owner."""

    id: int  # unique in the network as it is folded; copies of the owner have copies of the weight
    name: str  # attribute of the owner: "shared_conv2"
    layer: Weighted  # its tensors are this layer's; with `strides = any` the users differ in stride
    uses: int  # layers that use it, per copy of the owner
    frozen: bool = False
    span: Span


class LayerNode(Record, kw_only=True):
    """A layer in its place."""

    kind: str  # the language's word without its kernel: "conv", "bn", "maxpool"
    label: str | None  # the written name
    name: str = ""  # attribute or index, unique in its class unless the layer keeps nothing
    layer: Layer
    input: FeatureMap
    output: FeatureMap
    written: tuple[Written, ...] = ()
    shared: int | None = None  # id of the Shared whose weight it uses
    frozen: bool = False
    implied: bool = False  # a flatten that the spec leaves unsaid
    span: Span


class Drop(Record):
    """Stochastic depth of a run: copy i of the block has rate * (first + i) / total."""

    rate: Fraction
    first: int  # from 1
    total: int


class Let(Record):
    """A number named by `let` at the top level of a block's body."""

    name: str
    number: Number


class Block(Record, kw_only=True):
    """An instance of a declared block: a class of its own in generated code.

    Expressions inside are over `in_channels`, `stride`, the parameters and the lets; those of
    `in_channels`, `stride` and `arguments` here are over the names of whoever uses the block.
    """

    declaration: str  # name of the block in the spec
    file: str  # the spec that declares it: two files may each have a `basic`
    label: str | None
    name: str = ""
    in_channels: Number
    stride: Number
    arguments: tuple[tuple[str, Number], ...]  # numeric ones, in the order of the declaration
    lets: tuple[Let, ...]
    body: "tuple[Node, ...]"
    input: FeatureMap
    output: FeatureMap
    out_channels: Number  # over the names of whoever uses the block
    owned: tuple[Shared, ...] = ()
    drop: Drop | None = None
    span: Span


class Part(Record, kw_only=True):
    """A body with a name: a stem, a head, `features: { .. }`, a branch, a shortcut."""

    kind: str  # "stem", "branch", "shortcut"
    label: str | None
    name: str = ""
    body: "tuple[Node, ...]"  # empty: the identity
    form: Form = Form.SEQUENTIAL
    input: FeatureMap
    output: FeatureMap
    owned: tuple[Shared, ...] = ()
    span: Span


class Residual(Record, kw_only=True):
    """preactivation, residual and shortcut of a block; the first two name members of the block.

    Where the block changes the shape, the preactivation feeds both branches and `shortcut` is
    there; else the preactivation belongs to the residual branch and the shortcut is the identity.
    """

    preactivation: "tuple[Node, ...]"
    residual: "tuple[Node, ...]"
    shortcut: Part | None
    changes_shape: bool
    input: FeatureMap
    output: FeatureMap
    span: Span


class Operator(StrEnum):
    """How branches come together."""

    SUM = "sum"
    CONCAT = "concat"
    PRODUCT = "product"


class Combine(Record, kw_only=True):
    """Branches side by side; one alone is that branch, where a condition left its identity out."""

    operator: Operator
    name: str = ""  # for tables; no module
    branches: tuple[Part, ...]
    input: FeatureMap
    output: FeatureMap
    span: Span


class Item(Record):
    """A member of a stage, `count` times in a row; each copy has its own weights."""

    node: "Node"
    count: int = 1


class Stage(Record, kw_only=True):
    """Members by index: `stage name = n * block(..)`, or the blocks of one `for`."""

    kind: str  # "stage", or the declaration's name for a `for`
    label: str | None
    name: str = ""
    items: tuple[Item, ...]
    form: Form = Form.SEQUENTIAL  # WRITTEN: members are in `self.blocks`
    stride: int = 1
    input: FeatureMap
    output: FeatureMap
    owned: tuple[Shared, ...] = ()
    span: Span


Node: TypeAlias = LayerNode | Block | Part | Residual | Combine | Stage

Literal: TypeAlias = "bool | int | float | str | list[Literal] | dict[str, Literal] | None"


class Network(Record, kw_only=True):
    """A network with all its arguments given."""

    name: str  # as declared
    file: str  # the spec's path, as given
    arguments: tuple[tuple[str, Literal], ...]
    defaults: tuple[tuple[str, Literal], ...]
    input: FeatureMap
    output: FeatureMap
    body: tuple[Node, ...]
    owned: tuple[Shared, ...] = ()
    recipe: Recipe | None = None
    init: Initialization | None = None  # None: He's, where something follows that it is made for
    span: Span
