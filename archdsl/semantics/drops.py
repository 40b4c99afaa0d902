"""Stochastic depth: which branches it is about, and the places of those whose rates grow.

A rate grows over all residual branches that an annotation of a stage or a network reaches, however
deep they stand in blocks. A block has one rate for its text, and one place: the last of those that
it has, since what is inside its branch comes before the branch's end.
"""

from collections.abc import Iterable

from archdsl.ir.layers import StochasticDepth
from archdsl.ir.network import Drop, DropRun, FeatureMap, LayerNode, Network, Node
from archdsl.ir.rebuild import map_children, map_steps, replace
from archdsl.record import Record
from archdsl.recursion import deep_recursion
from archdsl.semantics.context import Context, DropScope
from archdsl.semantics.state import Elaboration
from archdsl.source import Span
from archdsl.syntax import tree


class Entered(Record):
    """Where a block stands among the places of its run."""

    scope: DropScope
    run: int
    places: int  # before it
    around: int  # before the block around it


def enter(elaboration: Elaboration, context: Context) -> Entered | None:
    """Begin a block that a growing rate is about."""
    scope = context.drop
    if scope is None or not scope.grows:
        return None
    entered = Entered(scope, _run(elaboration, scope), scope.places, scope.around)
    scope.around = scope.places
    return entered


def leave(
    elaboration: Elaboration,
    entered: Entered | None,
    inside: Context,
    declaration: tree.BlockDeclaration,
) -> Drop | None:
    """End a block; return the places that it has with all that is in it.

    A branch that is written and not built here is a place too: a block has the rate that it would
    have if the shape stayed, as published EfficientNets have it.
    """
    if entered is None:
        return None
    scope = entered.scope
    if inside.drop is scope and has_branch(elaboration, declaration.body):
        scope.places += 1
    places = scope.places - entered.places
    scope.around = entered.around
    return Drop(entered.run, entered.places - entered.around + 1, places) if places else None


def has_branch(elaboration: Elaboration, body: tree.Body) -> bool:
    """Say whether a residual branch stands in a text: `residual`, or `identity` in a `sum`."""
    known = elaboration.residual.get(id(body))
    if known is None:
        known = elaboration.residual[id(body)] = body, _has_branch(body.items)  # it keeps the id
    return known[1]


def _has_branch(items: Iterable[tree.BodyItem]) -> bool:
    waiting = [(item, False) for item in items]
    while waiting:
        item, in_sum = waiting.pop()
        word = item.call.name.text if isinstance(item, tree.Element) else None
        if word == "residual" or (in_sum and word == "identity"):
            return True
        in_sum = word == "sum" or (in_sum and word is None)
        waiting += [(inner, in_sum) for body in _bodies(item) for inner in body.items]
    return False


def _bodies(item: tree.BodyItem) -> Iterable[tree.Body]:
    match item:
        case tree.Condition(body=body, otherwise=tree.Body() as otherwise):
            return body, otherwise
        case (
            tree.Element(body=tree.Body() as body)
            | tree.NamedBody(body=body)
            | tree.StageItem(content=tree.Body() as body)
            | tree.LoopItem(body=body)
            | tree.Condition(body=body)
        ):
            return (body,)
        case _:
            return ()


def _run(elaboration: Elaboration, scope: DropScope) -> int:
    if scope.run is None:
        scope.run = len(elaboration.drop_runs)
        elaboration.drop_runs.append(scope)
    return scope.run


# ---------------------------------------------------------------- branches


class Rate(Record):
    """The rate of a branch: itself, its place in a run, or neither where its block has a place."""

    rate: float | None = None
    drop: Drop | None = None


def rate_here(elaboration: Elaboration, context: Context) -> Rate | None:
    """Return the rate of a residual branch that stands here; None where nothing drops it."""
    scope = context.drop
    if scope is None:
        return None
    scope.reached = True
    if not scope.grows:
        return Rate(float(scope.rate))
    if context.in_run:
        return Rate()
    scope.places += 1
    return Rate(drop=Drop(_run(elaboration, scope), scope.places))


def stochastic_depth(rate: Rate, made: FeatureMap, span: Span) -> LayerNode:
    """Return the stochastic depth at the end of a residual branch."""
    return LayerNode(
        kind="stochastic_depth",
        label=None,
        layer=StochasticDepth(p=rate.rate),
        input=made,
        output=made,
        drop=rate.drop,
        span=span,
    )


@deep_recursion()
def resolve_drops(network: Network) -> Network:
    """Return the network with the rates of branches that stand in no block of their run."""
    runs = network.drop_runs

    def resolved(node: Node) -> Node:
        match node:
            case LayerNode(drop=Drop() as drop):
                return replace(node, layer=StochasticDepth(p=_rate(runs, drop)), drop=None)
            case _:
                return map_children(node, resolved)

    return replace(network, body=map_steps(network.body, resolved)) if runs else network


def _rate(runs: tuple[DropRun, ...], drop: Drop) -> float:
    run = runs[drop.run]
    return float(run.rate * drop.first / run.total)
