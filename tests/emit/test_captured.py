"""Steps as CUDA graphs: their bookkeeping, with a stand-in for CUDA; on CUDA see tests/uses."""

from contextlib import contextmanager

import pytest
import torch

from tests.emit.stand_ins import recipe


class Graph:
    """What a graph does: it takes no step while it is captured, and the same one at each replay."""

    captured = False

    def __init__(self):
        self.work = lambda: None

    def replay(self):
        self.work()


@pytest.fixture
def on_cuda(monkeypatch):
    """Let torch.cuda have streams and graphs of a CPU; return what was done on which stream."""
    streams, done = [], []

    class Stream:
        def wait_stream(self, other):
            done.append(("wait", self is other))

    current = Stream()

    @contextmanager
    def stream(which):
        streams.append(which)
        yield
        streams.pop()

    @contextmanager
    def graph(graph, *, stream):
        assert isinstance(stream, Stream)
        graph.captured = True
        yield
        graph.captured = False

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: current)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    return streams


def test_a_step_is_taken_on_each_batch_once_and_a_graph_reads_where_it_was_captured(load, on_cuda):
    module = load(recipe())
    taken, sides = [], []

    def step(x, y):
        sides.append(bool(on_cuda))
        if captured.graph.captured:
            captured.graph.work = lambda: taken.append((x.clone(), y.clone()))
        else:
            taken.append((x.clone(), y.clone()))

    captured = module.Captured(step)
    batches = [(torch.full((2, 1), float(i)), torch.tensor([i, i])) for i in range(6)]
    for x, y in batches:
        captured(x, y)
    assert [float(x[0, 0]) for x, _ in taken] == [0, 1, 2, 3, 4, 5]
    assert [y.tolist() for _, y in taken] == [[i, i] for i in range(6)]
    assert sides == [True, True, True, False]  # three beside the main stream, then the capture
