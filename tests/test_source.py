import typing

import msgspec
import pytest

from archdsl.ir import network
from archdsl.ir.network import LayerNode
from archdsl.pipeline import compile_text
from archdsl.record import Placed, Record
from archdsl.source import SourceFile, Span
from archdsl.syntax import tree
from archdsl.syntax.parse import parse, parse_expression

TEXT = "network n {\n    input(3, 8, 8)\n    conv3x3(8)\n    conv3x3(8)\n    conv1x1(8)\n}\n"


def test_spans_are_equal_where_they_are_the_same_place():
    one, other = SourceFile("a.arch", TEXT), SourceFile("b.arch", TEXT)
    span = Span(one, 2, 5)
    assert span == Span(one, 2, 5)
    assert span == Span(SourceFile("a.arch", TEXT), 2, 5)  # read again
    assert hash(span) == hash(Span(one, 2, 5))
    different = {Span(one, 2, 6), Span(one, 1, 5), Span(other, 2, 5)}
    assert span not in different
    assert len(different) == 3
    assert span != (2, 5)


def test_nodes_compare_without_their_places():
    moved = TEXT.replace("network", "\n\n  network").replace("(8)", "( 8 )")
    found, again = (compile_text(text, name=name) for text, name in ((TEXT, "a"), (moved, "a")))
    nodes = [[step.node for step in each.network.body] for each in (found, again)]
    for one, other in zip(*nodes, strict=True):
        assert one.span != other.span
        assert one == other
        assert hash(one) == hash(other)
    first, second, third = (msgspec.structs.replace(n, name="") for n in nodes[0])
    assert isinstance(first, LayerNode)
    assert first != second  # what arrives is another
    assert third != second
    assert first != msgspec.structs.replace(first, label="a")


def test_trees_compare_without_their_places():
    one, other = (
        parse(SourceFile("a", text)).declarations for text in (TEXT, TEXT.replace("\n    ", "\n"))
    )
    assert one == other
    assert hash(one) == hash(other)
    assert one != parse(SourceFile("a", TEXT.replace("conv1x1", "conv5x5"))).declarations


def test_nodes_of_different_kinds_differ():
    span = Span(SourceFile("a", "1 + 2"), 0, 1)
    name = tree.Name("a", span)
    assert tree.StringLiteral("a", span) != name
    assert name != "a"


def test_deep_trees_compare():
    one, other = (
        parse_expression(SourceFile("a", "(" * 90 + "1" + " + 1)" * 90 + blank))
        for blank in ("", " ")
    )
    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.parametrize("module", [tree, network], ids=["tree", "network"])
def test_all_nodes_with_places_are_placed(module):
    records = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Record) and each not in (Record, Placed)
    ]
    for record in records:
        fields = [name for name, kind in typing.get_type_hints(record).items() if kind is Span]
        assert fields == (["span"] if issubclass(record, Placed) else [])
    assert sum(issubclass(record, Placed) for record in records) > 6
