"""torch.export and its file keep each weight once, and give the network's outputs at any batch."""

import io

import pytest
import torch
from torch.export import Dim, ExportedProgram

from tests.uses.networks import FACTS, SHARING, SMALL, build, images

pytestmark = pytest.mark.filterwarnings(
    "ignore:`isinstance\\(treespec, LeafSpec\\)`:FutureWarning"  # torch's own code
)


@pytest.fixture(scope="module")
def exports(classes):
    """Each network with its export, from one batch size."""
    pairs = {}
    for name in FACTS:
        network = build(classes[name]).eval()
        shapes = ({0: Dim("batch")},)
        pairs[name] = network, torch.export.export(network, (images(name),), dynamic_shapes=shapes)
    return pairs


@pytest.fixture
def network(exports, name):
    return exports[name][0]


@pytest.fixture
def exported(exports, name):
    return exports[name][1]


def uses(exported: ExportedProgram) -> dict[str, int]:
    """How many operations read each parameter, by name."""
    inputs = exported.graph_signature.inputs_to_parameters
    nodes = {node.name: node for node in exported.graph.nodes if node.op == "placeholder"}
    return {parameter: len(nodes[name].users) for name, parameter in inputs.items()}


def test_every_parameter_is_listed_once(exported, network, facts):
    listed = list(exported.graph_signature.parameters)
    assert len(listed) == facts.parameters
    assert listed == [name for name, _ in network.named_parameters()]
    assert sum(exported.state_dict[parameter].numel() for parameter in listed) == facts.numel


def test_a_shared_weight_is_read_by_all_its_users(exported, facts):
    read = uses(exported)
    assert {parameter: count for parameter, count in read.items() if count > 1} == facts.shared
    assert set(read.values()) == {1, *facts.shared.values()}


def test_the_graph_has_each_convolution(exported, facts):
    targets = [node.target for node in exported.graph.nodes]
    assert targets.count(torch.ops.aten.conv2d.default) == facts.convolutions


def test_outputs_are_equal_for_other_batch_sizes(exported, network, name):
    again = exported.module()
    for batch in (2, 5):
        with torch.no_grad():
            torch.testing.assert_close(
                again(images(name, batch)), network(images(name, batch)), rtol=0, atol=0
            )


@pytest.mark.parametrize("name", SHARING)
def test_the_file_of_an_export_keeps_the_sharing(exported, network, facts, x):
    file = io.BytesIO()
    torch.export.save(exported, file)
    # the rest is the graph: less than a tenth as long as the weights would be without sharing
    elements = facts.numel + sum(b.numel() for b in network.buffers())
    assert 4 * elements < len(file.getvalue()) < 4 * elements + 1_000_000
    file.seek(0)
    loaded = torch.export.load(file)
    assert uses(loaded) == uses(exported)
    with torch.no_grad():
        assert torch.equal(loaded.module()(x), network(x))


@pytest.mark.parametrize("name", SMALL)
def test_training_mode_can_be_exported_and_measures_moments(classes, name, x):
    network = build(classes[name]).train()
    exported = torch.export.export(network, (x,)).run_decompositions()
    measured = exported.graph_signature.buffers_to_mutate.values()
    assert sorted(measured) == sorted(name for name, _ in network.named_buffers())


@pytest.mark.parametrize("name", SMALL)
def test_core_operators_suffice(exported, network, x):
    lowered = exported.run_decompositions()
    assert uses(lowered) == uses(exported)
    with torch.no_grad():
        torch.testing.assert_close(lowered.module()(x), network(x))
