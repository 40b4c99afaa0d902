"""The networks of all phases once more, with what `freeze(grown)` keeps fixed in each of them."""

from collections.abc import Sequence
from typing import assert_never

from archdsl.analyses.growth.layouts import Lengths
from archdsl.analyses.growth.matching import Matched, MatchedNetwork, MatchedWeight
from archdsl.analyses.growth.nesting import columns_of
from archdsl.analyses.growth.rows import FoundRows, Rows, layers_of
from archdsl.ir.network import (
    Block,
    Fixed,
    FixedOld,
    FixedPart,
    Item,
    Join,
    LayerNode,
    Network,
    Node,
    Part,
    Shared,
    Stage,
    Step,
)
from archdsl.ir.rebuild import replace


def with_fixed(network: MatchedNetwork, rows: FoundRows, phase: int) -> Network:
    """Return the network of a phase; runs are cut where blocks of a later growth begin."""
    fixer = _Fixer(rows, phase, nested=network.phases.nested)
    return replace(
        network.networks[phase],
        body=fixer.body(network.inner),
        owned=fixer.weights(network.owned),
    )


class _Fixer:
    """Says of each layer which part is fixed in a phase."""

    def __init__(self, rows: FoundRows, phase: int, *, nested: bool) -> None:
        self.rows = rows
        self.phase = phase
        self.nested = nested

    def body(self, body: Sequence[Matched]) -> tuple[Step, ...]:
        """Return the steps of a body that are there in the phase."""
        found = ((matched, matched.steps[self.phase]) for matched in body)
        return tuple(replace(s, node=self.node(m)) for m, s in found if s is not None)

    def node(self, matched: Matched) -> Node:
        """Return a node that is there in the phase."""
        node = matched.nodes[self.phase]
        match node:
            case LayerNode():
                if not self._is_as_said(node.fixed, matched.since):
                    node = replace(node, fixed=self._old_part(self.rows.of_layer(matched)))
                columns = columns_of(layers_of(matched), self.phase) if self.nested else ()
                return (
                    replace(node, layer=replace(node.layer, columns=columns)) if columns else node
                )
            case Join():
                return node
            case Block() | Part():
                owned = self.weights(matched.owned)
                return replace(node, body=self.body(matched.inner), owned=owned)
            case Stage():
                return replace(node, items=self._items(matched), owned=self.weights(matched.owned))
            case None:
                raise AssertionError("it is not there yet")
            case _:
                assert_never(node)

    def _items(self, stage: Matched) -> tuple[Item, ...]:
        """Return the members of a stage; a copy is named by its own index."""
        node = stage.nodes[self.phase]
        assert isinstance(node, Stage)
        items: list[Item] = []
        for member in stage.inner:
            if member.since <= self.phase:
                start, count = member.copies
                inner = replace(self.node(member), name=str(start))
                old = _item(node.items, start)
                items.append(replace(old, node=inner, count=count))
        return tuple(items)

    def weights(self, owned: Sequence[MatchedWeight]) -> tuple[Shared, ...]:
        """Return the shared weights that an owner has in the phase."""
        found: list[Shared] = []
        for matched in owned:
            weight = matched.weights[self.phase]
            if weight is None:
                continue
            if not self._is_as_said(weight.fixed, matched.since):
                weight = replace(weight, fixed=self._old_part(self.rows.of_weight(matched)))
            found.append(weight)
        return tuple(found)

    def _is_as_said(self, fixed: Fixed | None, since: int) -> bool:
        """Say whether what is fixed is the same in all phases, or the layer is a new one."""
        return not isinstance(fixed, FixedOld) or since >= self.phase

    def _old_part(self, rows: Rows | None) -> FixedPart:
        """Return the part of a layer that was there in the phase before."""
        assert rows is not None, "a layer that keeps nothing has nothing to fix"
        outputs = self._old(rows.outputs)
        inputs = None if rows.inputs is None else self._old(rows.inputs)
        return FixedPart(outputs=outputs, inputs=inputs)

    def _old(self, rows: Sequence[Lengths]) -> tuple[tuple[int, int], ...]:
        """Return where the channels of the phase before lie in this one."""
        found: list[tuple[int, int]] = []
        start = 0
        for lengths in rows:
            old, now = lengths[self.phase - 1], lengths[self.phase]
            if old:
                found.append((start, start + old))
            start += now
        return tuple(found)


def _item(items: Sequence[Item], place: int) -> Item:
    """Return the member of a stage at a place."""
    end = 0
    for item in items:
        end += item.count
        if place < end:
            return item
    raise AssertionError("a stage has all members of a phase")
