"""Each layer against PyTorch's, on drawn arguments: refused alike, or the same in all."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from archdsl.diagnostics import SpecError
from archdsl.pipeline import compile_text
from tests.generated import build, load
from tests.references.layers import LAYERS, Draw
from tests.test_proof import STEADY

EXAMPLES = settings(STEADY, max_examples=30)
TRANSPOSED = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
MULTIPLYING = nn.Conv1d | nn.Conv2d | nn.Conv3d | TRANSPOSED | nn.Linear


def macs_by_hooks(module, x):
    """Return what a module gives, and the multiply-accumulates of its parts.

    Each output of a convolution or linear layer takes one filter's weights, and each input of a
    transposed convolution is multiplied with as many.
    """
    counted = []

    def count(part, given, output):
        seen = given[0] if isinstance(part, TRANSPOSED) else output
        counted.append(seen.numel() * part.weight[0].numel())

    hooks = [m.register_forward_hook(count) for m in module.modules() if isinstance(m, MULTIPLYING)]
    try:
        return module(x), sum(counted)
    finally:
        for hook in hooks:
            hook.remove()


def of_torch(example):
    """Return PyTorch's module, an input, what it gives, its MACs; None where PyTorch refuses."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(1, *example.shape, generator=generator, dtype=torch.float64)
    try:
        with torch.no_grad():
            module = example.module().double().eval()
            for parameter in module.parameters():
                parameter.normal_(generator=generator)
            output, macs = macs_by_hooks(module, x)
    except (RuntimeError, ValueError, IndexError):
        return None
    return (module, x, output, macs) if output.numel() else None


def of_archdsl(example):
    """Return the compiled network, None where the compiler refuses."""
    shape = ", ".join(map(str, example.shape))
    try:
        return compile_text(f"network drawn {{\n    input({shape})\n    {example.text}\n}}\n")
    except SpecError:
        return None


def hold(example):
    """Hold a layer against PyTorch's; return whether both have it."""
    theirs, ours = of_torch(example), of_archdsl(example)
    assert (theirs is None) == (ours is None), example
    if theirs is None or ours is None:
        return False
    module, x, output, macs = theirs
    made = build(load(ours)).double().eval()
    names = [*made.state_dict()]
    tensors = [tensor.detach() for tensor in module.state_dict().values()]
    assert [t.shape for t in made.state_dict().values()] == [t.shape for t in tensors], example
    made.load_state_dict(dict(zip(names, tensors, strict=True)))
    with torch.no_grad():
        found = made(x)
    if output.dim() > 2 and all(
        size == 1 for size in output.shape[2:]
    ):  # an output [C, 1, 1] is returned as [C]
        output = output.flatten(1)
    assert ours.network.output.shape == output.shape[1:], example
    torch.testing.assert_close(found, output, rtol=1e-9, atol=1e-9)
    assert ours.counts.sums.total == sum(p.numel() for p in module.parameters()), example
    assert ours.counts.sums.macs == macs, example
    return True


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("draw_layer", LAYERS, ids=lambda layer: layer.__name__)
def test_a_layer_is_pytorchs_and_refuses_what_pytorch_refuses(draw_layer):
    held = []

    @EXAMPLES
    @given(st.data())
    def hold_drawn(data):
        draw = Draw(lambda least, most: data.draw(st.integers(least, most)))
        held.append(hold(draw_layer(draw)))

    hold_drawn()
    assert any(held)
