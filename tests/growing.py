"""Growing networks in the hands of a test: their files as modules, phases beside their counts."""

import copy
import sys
import types
from functools import partial

import torch
from torch import nn

from archdsl.analyses.tensors import entries
from archdsl.pipeline import compile_text
from tests.generated import scattered
from tests.growing_families import recipe

FILES = ("processes", "data", "model", "parts", "growth")
OPTIMIZERS = {
    "sgd": partial(torch.optim.SGD, lr=0.02, momentum=0.9, weight_decay=0.01),
    "adam": partial(torch.optim.Adam, lr=0.01, weight_decay=0.01),
    "adamw": partial(torch.optim.AdamW, lr=0.01, weight_decay=0.1),
}
# All kinds of layers that have parts, and nothing that is dead: each element has a gradient.
TINY = """
network tiny(w = 6, n = 2) with freeze(grown) {
    grow w = [2, 4, 6], n = [1, 1, 2]
    input(1, 4, 4)
    stem { conv3x3(2 * w, bias = true) bn silu }
    stage deep = n * deeper(2 * w)
    grouped: { conv3x3(2 * w, groups = 2) bn silu }
    turned: { turned(2 * w) }
    stage same = 2 * unit(2 * w) with share(conv3x3)
    up: { conv_transpose2x2(w, stride = 2, bias = true) silu }
    head with trainable { avgpool linear(10) }
    train = quick
}
block deeper(width) {
    sum { identity branch { bn silu conv1x1(width) } }
}
block turned(width) {
    conv3x3(width) with dirac(b_per = "channel")
    bn silu
}
block unit(width) { conv3x3(width) bn silu }
"""


class Loaded:
    """What growth.py and the files that it imports define."""

    def __init__(self, compilation, name="drawn_net", edit=lambda texts: texts):
        texts = edit(compilation.files(name))
        self.compilation = compilation
        before = {file: sys.modules.get(file) for file in FILES}
        try:
            for file in [file for file in FILES if f"{file}.py" in texts]:
                module = sys.modules[file] = types.ModuleType(file)
                exec(compile(texts[f"{file}.py"], f"{name}/{file}.py", "exec"), module.__dict__)
                setattr(self, file, module)
        finally:
            for file, module in before.items():
                if module is None:
                    sys.modules.pop(file, None)
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


def tiny(old="", new=""):
    """Return the small network that grows twice, with something of its text replaced."""
    text = TINY + recipe(2)
    assert old in text
    return Loaded(compile_text(text.replace(old, new)))


def old_elements(loaded, phase):
    """Return which elements of a phase's tensors come from the phase before, by `embed` alone."""
    old, new = loaded.build(phase - 1), loaded.build(phase)
    with torch.no_grad():
        for model, value in ((old, 1), (new, 0)):
            for tensor in model.state_dict().values():
                tensor.fill_(value)
    loaded.growth.embed(old, new, phase)
    return {name: tensor == 1 for name, tensor in new.state_dict().items()}


class Run:
    """A growing network in training, on points at random, by growth.py and parts.py alone."""

    def __init__(self, loaded, make, phase=0):
        torch.manual_seed(0)
        self.loaded, self.make, self.phase = loaded, make, phase
        self.model = loaded.build(phase)
        self.begin()

    def begin(self, lasted=0, states=None):
        """Let learn what learns when the phase has lasted for some epochs."""
        growth = self.loaded.growth
        if hasattr(growth, "fix_moments"):
            growth.fix_moments(self.model, self.phase, lasted)
        groups = [{"params": list(self.model.parameters())}]
        parts = growth.learning(self.phase, lasted)
        self.optimizer = self.loaded.parts.PartOptimizer(self.model, parts, groups, self.make)
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": states or {}})
        for group in self.optimizer.param_groups:
            group["lr"] = torch.tensor(self.make.keywords["lr"], dtype=torch.float64)

    def states(self):
        """Return a copy of the states of all parts."""
        return copy.deepcopy(self.optimizer.state_dict()["state"])

    def grow(self):
        """Go on to the next phase."""
        self.phase += 1
        self.model = self.loaded.grow(self.model, self.phase)
        self.begin(states=self.optimizer.state_dict()["state"])

    def gradients(self):
        """Compute the gradients of a step."""
        shape = self.loaded.compilation.network.input.shape
        x = torch.randn(2, *shape, dtype=torch.float64)
        self.optimizer.zero_grad()
        output = self.model.train()(x)
        (output * torch.randn_like(output)).sum().backward()

    def train(self, steps):
        """Take some steps."""
        for _ in range(steps):
            self.gradients()
            self.optimizer.take_gradients()
            self.optimizer.step()

    def state(self):
        """Return a copy of all tensors."""
        return {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
