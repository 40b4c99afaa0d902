"""How a class applies the weights that it owns or is handed, and the flags of its forward."""

from collections.abc import Mapping, Sequence

from archdsl.emit.body.merged import Column, Instances, Merged, MergedCall, MergedLayer, MergedPart
from archdsl.emit.calls.fields import number_of
from archdsl.emit.calls.layers import functional, hands_weight, module_class
from archdsl.emit.classes.instances import Instance, Owner
from archdsl.emit.classes.weights import RUN, HandedIn, Owned, Source, Weights
from archdsl.emit.python.names import Names
from archdsl.emit.python.nodes import (
    Assign,
    FormalParameter,
    Invocation,
    Keyword,
    Python,
    Statement,
    Text,
)
from archdsl.emit.python.nodes import (
    Sequence as Items,
)
from archdsl.ir.layers import Conv, Layer
from archdsl.ir.names import as_word
from archdsl.ir.network import (
    MAIN,
    Block,
    Crossing,
    LayerNode,
    Network,
    Part,
    Shared,
    SharedWeight,
    Stage,
)
from archdsl.ir.numbers import Test, negated
from archdsl.record import Record


class SharedUse(Record):
    """How a layer uses a shared weight.

    `own` names the attribute of those that have a weight of their own instead. `function` is what
    applies the weight where the shared layer itself cannot be called: its geometry is another's.
    """

    source: str
    own: str
    layer: Layer
    always: bool = True  # the weight is handed in any case, used or not
    function: str | None = None
    keywords: tuple[Keyword, ...] = ()

    @property
    def hands(self) -> bool:
        """Whether it is the weight that a scheme computes, not the layer."""
        return hands_weight(self.layer)

    def effective(self, module: str) -> Python:
        """Return a layer of this kind as the source is: the layer, or its computed weight."""
        return effective(module, self.layer) if self.hands else Text(module)


def effective(module: str, layer: Layer) -> Python:
    """Return the weight that a scheme computes; with the bias, if there is one."""
    weight = Text(f"{module}.effective_weight()")
    has_bias = isinstance(layer, Conv) and layer.bias
    return Items((weight, Text(f"{module}.bias")), is_tuple=True) if has_bias else weight


class SharedWeights:
    """What a class's forward needs to know of weights and flags, noted down for its `__init__`."""

    def __init__(
        self,
        texts: Instances,
        weights: Weights,
        inner: Mapping[int, Weights],  # by the number of an instance
        members: Names,
    ) -> None:
        self.instances = texts.instances
        self.scope = texts.scope
        self.weights = weights
        self.inner = inner
        begins = begun_by(self.instances[0].node)
        self.names = names = Names(("block",) if begins else ("x", "block"))  # of variables
        self.members = members  # attributes
        self.constants: dict[str, Python] = {}  # attributes that hold numbers of functions
        self.flags: dict[Test, str] = {}  # attributes that hold tests
        self.chosen: dict[str, str] = {}  # variables that hold a shared weight or one's own
        self.functions: set[int] = set()  # what is handed and not called
        self.maps = {each.map: names.unique(each.label) for each in given_to(self.instances[0])}
        self.flows = names.unique("x") if begins else "x"  # what flows
        self.begins = self.maps[begins[0].map] if begins else "x"  # the first of it
        self.made = tuple(each.map for each in made_in(self.instances[0].node))
        self.handed = [names.unique(shared.name) for shared in weights.handed]
        self.start: list[Statement] = []
        self.owned = [self._owned(shared) for shared in self.instances[0].node.owned]

    def _owned(self, shared: Shared) -> str:
        """Return what holds a weight of one's own; one that is computed is so once."""
        module = f"self.{shared.name}"
        if not hands_weight(shared.layer):
            return module
        name = self.names.unique(shared.name)
        self.start.append(Assign(name, effective(module, shared.layer)))
        return name

    def inputs(self) -> tuple[FormalParameter, ...]:
        """Return the parameters of forward: what some instances are not handed comes last."""
        names = dict.fromkeys((self.begins, *self.maps.values()))
        found = [FormalParameter(name, "Tensor") for name in names]
        for index in self.order():
            annotation = self._annotation(index)
            if self.weights.always(index):
                found.append(FormalParameter(self.handed[index], annotation))
            else:
                found.append(FormalParameter(self.handed[index], f"{annotation} | None", "None"))
        return tuple(found)

    def order(self) -> list[int]:
        """Return what is handed in the order of the parameters."""
        indices = range(len(self.weights.handed))
        return sorted(indices, key=lambda index: not self.weights.always(index))

    def _annotation(self, index: int) -> str:
        layer = self.weights.handed[index].layer
        if hands_weight(layer):
            return "tuple[Tensor, Tensor | None]" if layer.bias else "Tensor"
        return module_class(layer) if index in self.functions else "nn.Module"

    # ------------------------------------------------------------ weights

    def source(self, source: Source) -> str:
        """Return what holds a weight in forward."""
        names = self.handed if isinstance(source, HandedIn) else self.owned
        return names[source.index]

    def use(self, step: MergedLayer) -> SharedUse | None:
        """Return how a layer uses a shared weight, None if it never does."""
        source = self.weights.sources.get((step.stand.place, 0))
        if source is None:
            return None
        users = tuple(_if_shared(node) for node in step.column)
        layer = next(node.layer for node in users if node is not None)
        own = step.name if any(n is not None and n.shared is None for n in step.column) else ""
        if not hands_weight(layer) and self._same_geometry(users, source):
            return SharedUse(self.source(source), own, layer, self._is_always(source))
        function, keywords = functional(users, self.scope)
        if isinstance(source, HandedIn):
            self.functions.add(source.index)
        held = tuple(self._constant(keyword, step.name) for keyword in keywords)
        return SharedUse(self.source(source), own, layer, self._is_always(source), function, held)

    def _is_always(self, source: Source) -> bool:
        return isinstance(source, Owned) or self.weights.is_asked(source.index)

    def _same_geometry(self, users: Column[LayerNode], source: Source) -> bool:
        return all(
            node is None or node.layer == self._shared(source, index).layer
            for index, node in enumerate(users)
        )

    def _shared(self, source: Source, index: int) -> Shared:
        if isinstance(source, HandedIn):
            return self.weights.handed_to(source.index, index)
        return self.instances[index].node.owned[source.index]

    def _constant(self, keyword: Keyword, layer: str) -> Keyword:
        """Return the keyword; a value that instances differ in becomes an attribute."""
        if _is_literal(keyword.value):
            return keyword
        name = f"{as_word(layer)}_{keyword.name}"
        self.constants[name] = keyword.value
        return Keyword(keyword.name, Text(f"self.{name}"))

    def handed_to(self, step: MergedCall) -> tuple[Python, ...]:
        """Return what the forward of another class is handed."""
        inner = next(self.inner[i.number] for i in step.column if i is not None)
        return self.hand(inner, step.stand.place, [i for i in step.column if i is not None])

    def hand(
        self, inner: Weights, place: tuple[tuple[int, ...], ...], column: Sequence[Instance]
    ) -> tuple[Python, ...]:
        """Return the arguments for what is handed to instances of a class at a place."""
        found: list[Python] = []
        left_out = False
        indices = range(len(inner.handed))
        for index in sorted(indices, key=lambda index: not inner.always(index)):
            sources = self.weights.sources
            source = sources.get((place, index)) or sources.get((RUN, index))
            unused = all(inner.ids[i.number][index] is None for i in column)
            if source is None or unused:
                left_out = True
                continue
            value = Text(self.source(source))
            found.append(Keyword(inner.handed[index].name, value) if left_out else value)
        return tuple(found)

    # ------------------------------------------------------------ the rest

    def flag(self, test: Test, hint: str) -> str:
        """Return an expression for a test in forward: the attribute that holds it."""
        opposite = negated(test)
        if opposite in self.flags:
            return f"not self.{self.flags[opposite]}"
        if test not in self.flags:
            self.flags[test] = self.members.unique(hint)
        return f"self.{self.flags[test]}"

    def split(self, step: MergedLayer) -> tuple[Python, Python]:
        """Return the parts and the part of a channel split."""
        found: list[Python] = []
        for field in ("parts", "part"):
            value = number_of(step.column, field, self.scope)
            if not _is_literal(value):
                name = f"{as_word(step.name)}_{field}"
                self.constants[name] = value
                value = Text(f"self.{name}")
            found.append(value)
        return found[0], found[1]

    def is_sometimes(self, step: Merged) -> bool:
        """Whether some instances lack what a step has."""
        return isinstance(step, MergedPart | MergedCall) and None in step.column


def given_to(instance: Instance) -> tuple[Crossing, ...]:
    """Return the maps that the forward of a class is handed beside the one that flows."""
    match instance.node:
        case Block(given=given) | Part(given=given):
            return given
        case Network():
            return begun_by(instance.node)
        case Stage():
            return ()


def begun_by(node: Owner) -> tuple[Crossing, ...]:
    """Return the inputs of a network that have names; the first is also what flows."""
    if not isinstance(node, Network):
        return ()
    return tuple(Crossing(map=i.map, outer=MAIN, label=i.label) for i in node.inputs)


def made_in(node: Owner) -> tuple[Crossing, ...]:
    """Return the maps that a node gives beside the one that flows through it."""
    return node.made if isinstance(node, Block | Part) else ()


def made_by(step: Merged) -> tuple[Crossing, ...]:
    """Return the maps that a call gives besides."""
    match step:
        case MergedCall(column=column):
            return next(made_in(instance.node) for instance in column if instance is not None)
        case _:
            return ()


def _if_shared(node: LayerNode | None) -> LayerNode | None:
    return node if node is not None and isinstance(node.shared, SharedWeight) else None


def _is_literal(value: Python) -> bool:
    match value:
        case Text(text=text):
            return not any(character.isalpha() for character in text)
        case Items(items=items):
            return all(map(_is_literal, items))
        case Invocation() | _:
            return False
