"""Growing networks in the hands of a test: their files as modules, phases beside their counts."""

import copy
import sys
import types

import torch
from torch import nn

from archdsl.analyses.tensors import entries
from tests.generated import scattered

FILES = ("processes", "data", "model", "parts", "growth")


class Loaded:
    """What growth.py and the files that it imports define."""

    def __init__(self, compilation, name="drawn_net"):
        texts = compilation.files(name)
        self.compilation = compilation
        before = {file: sys.modules.get(file) for file in FILES}
        try:
            for file in FILES:
                module = sys.modules[file] = types.ModuleType(file)
                exec(compile(texts[f"{file}.py"], f"{name}/{file}.py", "exec"), module.__dict__)
                setattr(self, file, module)
        finally:
            for file, module in before.items():
                if module is None:
                    del sys.modules[file]
                else:
                    sys.modules[file] = module
        self.network = getattr(self.model, compilation.class_name(name))

    def build(self, phase):
        """Return the network of a phase, in float64, that drops nothing."""
        model = self.network(phase).double()
        for module in model.modules():
            if isinstance(module, nn.Dropout | nn.Dropout2d) or hasattr(module, "p"):
                module.p = 0.0
        return model

    def grow(self, model, phase):
        """Return the network of a phase that goes on from the one before."""
        larger = self.build(phase)
        self.growth.embed(model, larger, phase)
        return larger


def check_phases(loaded):
    """Each phase has the tensors of its table, and the last one is the default."""
    for phase, compilation in enumerate(loaded.compilation.phases):
        rows = {row.name: (row.shape, row.kind) for row in entries(compilation.network)}
        with torch.device("meta"):
            model = loaded.network(phase)
        kinds = dict.fromkeys(dict(model.named_parameters()), "parameter")
        found = {k: (tuple(t.shape), kinds.get(k, "buffer")) for k, t in model.state_dict().items()}
        assert found == rows
        learned = sum(
            torch.empty(model.get_parameter(part.name).shape)[part.where].numel()
            for part in loaded.growth.learning(phase, 0)
        )
        assert learned == compilation.counts.sums.learned
    with torch.device("meta"):
        assert {k: t.shape for k, t in loaded.network().state_dict().items()} == {
            k: t.shape for k, t in model.state_dict().items()
        }


def changes(loaded, batch=2):
    """Return how much the output changes at each growth, in evaluation and in training."""
    torch.manual_seed(0)
    shape = loaded.compilation.network.input.shape
    x = torch.randn(batch, *shape, dtype=torch.float64)
    found = []
    model = scattered(loaded.build(0))
    for phase in range(1, len(loaded.compilation.phases)):
        larger = loaded.grow(model, phase)
        with torch.no_grad():
            for training in (False, True):
                old, new = (copy.deepcopy(each).train(training)(x) for each in (model, larger))
                found.append(float((new - old).abs().max() / old.abs().max()))
        model = larger
        with torch.no_grad():
            for p in model.parameters():  # as if it had learned
                p.add_(0.01 * torch.randn_like(p))
    return found
