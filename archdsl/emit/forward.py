"""A class's sites -> the statements of its `forward`, grouped as one would write them by hand."""

from collections.abc import Iterable, Iterator
from typing import assert_never

from archdsl.emit.layers import hands_weight
from archdsl.emit.naming import Names
from archdsl.emit.options import optional_sites
from archdsl.emit.plan import (
    Assign,
    Call,
    Conditional,
    Keyword,
    Loop,
    Operation,
    Parameter,
    Python,
    Return,
    Sequence,
    Statement,
    Text,
)
from archdsl.emit.python import INDENT, WIDTH, flat
from archdsl.emit.resolve import Presence, Resolved
from archdsl.emit.runs import slices
from archdsl.emit.units import (
    CombineSite,
    Item,
    LayerSite,
    PartSite,
    ResidualSite,
    Site,
    StageSite,
    Unit,
    direct_layers,
)
from archdsl.ir.layers import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Flatten,
    Layer,
    Linear,
    Pad,
    PixelShuffle,
    Pool,
    Upsample,
)
from archdsl.ir.network import FeatureMap, Network, Operator, Shared
from archdsl.record import Record

BODY = 2 * INDENT  # the indentation of a method's statements
_ROOM = WIDTH - BODY - len("return ")
DEEPEST = 4  # so many calls inside each other are read at a glance
_MODULES = {Conv: "nn.Conv2d", ConvTranspose: "nn.ConvTranspose2d", Linear: "nn.Linear"}
_OPERATORS = {Operator.SUM: "+", Operator.PRODUCT: "*"}


class Forward(Record):
    """The parameters of a forward after self, and its statements."""

    inputs: tuple[Parameter, ...]
    statements: tuple[Statement, ...]


def forward(unit: Unit, resolved: Resolved, shared: dict[int, Shared]) -> Forward:
    """Return the forward of a unit's class; the unit must have all that any instance has."""
    flow = _Flow(unit, resolved, shared)
    statements = flow.stage(unit.items) if unit.items else flow.body(unit.body)
    return Forward(flow.inputs, tuple(statements))


class _Flow:
    """Writes statements; `value` is the expression of what flows, in `name` once it is assigned."""

    def __init__(self, unit: Unit, resolved: Resolved, shared: dict[int, Shared]) -> None:
        self.unit = unit
        self.names = Names(("x",))
        self.statements: list[Statement] = []
        self.name = "x"
        self.value: Python = Text("x")
        self.was_pad = False
        self.chosen: dict[int, str] = {}  # variables that hold the layer to apply
        self.is_closed = False  # what flows comes from a part or block: the next begins a line
        self.output = unit.node.input
        self.commented: FeatureMap | None = unit.node.input if _is_network(unit) else None
        self.sources = {s.id: f"self.{s.name}" for s in unit.owned}
        self.inputs: tuple[Parameter, ...] = ()
        borrowing = [site for site in direct_layers(unit.body) if site.loan is not None]
        self.loans = {id(site): loan for site, loan in zip(borrowing, resolved.loans, strict=True)}
        residuals = [s for s in optional_sites(unit) if isinstance(s, ResidualSite)]
        sums = [s for s in optional_sites(unit) if isinstance(s, CombineSite)]
        self.shortcuts = {
            id(site): presence for site, presence in zip(residuals, resolved.shortcuts, strict=True)
        }
        self.adds = {id(site): name for site, name in zip(sums, resolved.sums, strict=True)}
        self._take(unit, shared, borrowing)
        self._compute(unit)

    def _take(self, unit: Unit, shared: dict[int, Shared], borrowing: list[LayerSite]) -> None:
        """Name the parameters: the shared layers that are handed in."""
        by_function = {s.loan for s in borrowing if self.loans[id(s)].function is not None}
        inputs = [Parameter("x", "Tensor")]
        for loan in unit.needs:
            name = self.names.unique(shared[loan].name)
            annotation = _MODULES[type(shared[loan].layer)] if loan in by_function else "nn.Module"
            if hands_weight(layer := shared[loan].layer):
                annotation = "tuple[Tensor, Tensor | None]" if layer.bias else "Tensor"
            inputs.append(Parameter(name, annotation))
            self.sources[loan] = name
        self.inputs = tuple(inputs)

    def _compute(self, unit: Unit) -> None:
        """Compute the weights of one's own that are handed down: once, for all who use them."""
        for weight in unit.owned:
            if hands_weight(weight.layer):
                name = self.names.unique(weight.name)
                self.statements.append(
                    Assign(name, _effective(f"self.{weight.name}", weight.layer))
                )
                self.sources[weight.id] = name

    # ------------------------------------------------------------ bodies

    def body(self, sites: list[Site]) -> list[Statement]:
        self._choose_own(sites)
        self._chain(sites)
        return [*self.statements, Return(self.value)]

    def _choose_own(self, sites: list[Site]) -> None:
        """Begin with the choice between weights of one's own and those handed in."""
        for site in direct_layers(sites):
            loan = self.loans.get(id(site))
            if loan is not None and loan.presence is Presence.SOMETIMES:
                name = self.names.unique(loan.own)
                own, layer = f"self.{loan.own}", site.node.layer
                assert site.loan is not None
                value = _effective(own, layer) if hands_weight(layer) else Text(own)
                choice = Conditional(Text(self.sources[site.loan]), f"{own} is None", value)
                self.statements.append(Assign(name, choice))
                self.chosen[id(site)] = name

    def _chain(self, sites: Iterable[Site]) -> None:
        for site in sites:
            self._step(site)

    def _step(self, site: Site) -> None:
        match site:
            case LayerSite():
                self._layer(site)
            case PartSite(node=node) | StageSite(node=node):
                self._call_module(f"self.{node.name}", (), node.output)
            case Unit(node=node):
                assert not isinstance(node, Network), "a network stands in nothing"
                self._call_module(f"self.{node.name}", self._handed(site.needs), node.output)
            case ResidualSite():
                self._residual(site)
            case CombineSite():
                self._combine(site)
            case _:
                assert_never(site)

    # ------------------------------------------------------------ layers

    def _layer(self, site: LayerSite) -> None:
        layer = site.node.layer
        begins = isinstance(layer, _BEGINNERS) and not self._is_padding()
        if self.is_closed and not isinstance(layer, Flatten):
            begins = True
        if begins:
            self._flush()
        call = self._apply(site)
        if len(flat(call)) > _ROOM or _depth(call) > DEEPEST:
            self._flush()
            call = self._apply(site)
        self.value = call
        self.is_closed = False
        self.was_pad = isinstance(layer, Pad)
        self.output = site.node.output

    def _is_padding(self) -> bool:
        return self.was_pad and not isinstance(self.value, Text)

    def _apply(self, site: LayerSite) -> Call:
        loan = self.loans.get(id(site))
        if isinstance(site.node.layer, Flatten):
            return Call("torch.flatten", (self.value, Text("1")))
        if loan is None or site.loan is None:
            return Call(f"self.{site.node.name}", (self.value,))
        source = self.chosen.get(id(site), self.sources[site.loan])
        if loan.function is None:
            return Call(source, (self.value,))
        return Call(loan.function, (self.value, *_weights(source, site), *loan.keywords))

    # ------------------------------------------------------------ parts and branches

    def _call_module(self, function: str, handed: tuple[Python, ...], output: FeatureMap) -> None:
        self._flush()
        self.value = Call(function, (self.value, *handed))
        self.is_closed = True
        self.output = output

    def _handed(self, loans: tuple[int, ...]) -> tuple[Python, ...]:
        return tuple(Text(self.sources[loan]) for loan in loans)

    def _branch(self, site: Site | None, name: str) -> Python:
        match site:
            case None:
                return Text(name)
            case PartSite(node=node):
                return Call(f"self.{node.name}", (Text(name),))
            case Unit(node=node, needs=loans):
                assert not isinstance(node, Network), "a network stands in nothing"
                return Call(f"self.{node.name}", (Text(name), *self._handed(loans)))
            case _:
                raise AssertionError("a branch is a part")

    def _combine(self, site: CombineSite) -> None:
        given = self._variable()
        operands = tuple(self._branch(branch, given) for branch in site.branches)
        self.is_closed = False
        if self.adds.get(id(site)):
            self._add_sometimes(site, given)
        elif site.node.operator is Operator.CONCAT:
            self.value = Call("torch.cat", (Sequence(operands), Keyword("dim", Text("1"))))
        else:
            self.value = self._folded(_OPERATORS[site.node.operator], operands)
        self.output = site.node.output

    def _add_sometimes(self, site: CombineSite, given: str) -> None:
        """Add the input to the other branches where the instance does that."""
        others = tuple(self._branch(b, given) for b in site.branches if b is not None)
        name = self.names.unique("out")
        self.statements.append(Assign(name, self._folded("+", others)))
        is_first = site.branches[0] is None
        operands = (Text(given), Text(name)) if is_first else (Text(name), Text(given))
        total = Operation("+", operands)
        self.value = Conditional(total, f"self.{self.adds[id(site)]}", Text(name))
        self.is_closed = True

    def _folded(self, operator: str, operands: tuple[Python, ...]) -> Python:
        """Return the operation, in steps where it does not fit a line."""
        whole = Operation(operator, operands)
        if len(flat(whole)) <= _ROOM - len("self.relu()"):
            return whole
        name = self.names.unique("out")
        self.statements.append(Assign(name, operands[0]))
        for operand in operands[1:-1]:
            step = Operation(operator, (Text(name), operand))
            self.statements.append(Assign(name, step))
        return Operation(operator, (Text(name), operands[-1]))

    def _residual(self, site: ResidualSite) -> None:
        given, target, presence = self._variable(), self.name, self.shortcuts[id(site)]
        if site.preactivation and presence is Presence.ALWAYS:
            self._chain(site.preactivation)
            given = self._variable()
        self.name = self.names.unique("out")
        if presence is not Presence.ALWAYS:
            self._chain(site.preactivation)
        other = self._shortcut(site, given, presence)
        self._chain(site.residual)
        self._flush()
        self.value = self._folded("+", (self.value, other))
        self.name = target
        self.is_closed = False
        self.output = site.node.output

    def _shortcut(self, site: ResidualSite, given: str, presence: Presence) -> Python:
        """Return the shortcut; where the shape changes, the preactivation feeds it too."""
        if presence is Presence.NEVER:
            return Text(given)
        if not (site.preactivation and presence is Presence.SOMETIMES):
            return self._branch(site.shortcut, given)
        assert site.node.shortcut is not None
        call = self._branch(site.shortcut, self._variable())
        name = self.names.unique("shortcut")
        absent = f"self.{site.node.shortcut.name} is None"
        self.statements.append(Assign(name, Conditional(Text(given), absent, call)))
        return Text(name)

    # ------------------------------------------------------------ stages

    def stage(self, items: list[Item]) -> list[Statement]:
        loops = [
            Loop("block", Text(f"self.blocks{where}"), (self._block_call(loans),))
            for where, loans in slices(items)
        ]
        return [*self.statements, *loops, Return(Text("x"))]

    def _block_call(self, loans: tuple[int, ...]) -> Statement:
        return Assign("x", Call("block", (Text("x"), *self._handed(loans))))

    # ------------------------------------------------------------ variables

    def _flush(self) -> None:
        """Assign what flows to a variable, if it is not in one."""
        if isinstance(self.value, Text):
            return
        comment = ""
        if self.commented is not None and self.output != self.commented:
            comment = f"({', '.join(('N', *map(str, self.output.shape)))})"
            self.commented = self.output
        self.statements.append(Assign(self.name, self.value, comment))
        self.value = Text(self.name)
        self.is_closed = False

    def _variable(self) -> str:
        """Return the variable that holds what flows."""
        self._flush()
        assert isinstance(self.value, Text)
        return self.value.text


_BEGINNERS = (
    Conv,
    ConvTranspose,
    Linear,
    Pool,
    AdaptivePool,
    Pad,
    Upsample,
    PixelShuffle,
)


def _depth(node: Python) -> int:
    """Return how many calls stand inside each other, along first arguments."""
    return 1 + _depth(node.arguments[0]) if isinstance(node, Call) else 0


def _weights(source: str, site: LayerSite) -> Iterator[Python]:
    layer = site.node.layer
    assert isinstance(layer, Conv | ConvTranspose | Linear)
    if hands_weight(layer):
        yield Text(f"*{source}" if layer.bias else source)
        return
    yield Text(f"{source}.weight")
    if layer.bias:
        yield Text(f"{source}.bias")


def _effective(source: str, layer: Layer) -> Python:
    """Return the weight that a scheme computes; with the bias, if there is one."""
    assert isinstance(layer, Conv)
    weight = Text(f"{source}.effective_weight()")
    return Sequence((weight, Text(f"{source}.bias")), is_tuple=True) if layer.bias else weight


def _is_network(unit: Unit) -> bool:
    return isinstance(unit.node, Network)
