"""docs/from-pytorch.md: both sides of each pair give the same, with the same weights."""

import re
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from archdsl.pipeline import compile_text
from tests.generated import build, examples, load, outputs_in, scattered

PAGE = Path(__file__).parent.parent / "docs" / "from-pytorch.md"
PAIR = re.compile(
    r"^## (?P<title>.+)\n(?:.*\n)*?```python\n(?P<python>(?:.*\n)*?)```\n\n"
    r"```arch(?P<words>.*)\n(?P<arch>(?:.*\n)*?)```\n",
    re.MULTILINE,
)
PAIRS = {found["title"]: found for found in PAIR.finditer(PAGE.read_text("utf-8"))}


def spec_of(found):
    """Return the spec of the right side of a pair."""
    if "fragment=network" not in found["words"]:
        return found["arch"]
    return f"network fragment {{\n    input(3, 32, 32)\n{found['arch']}}}\n"


def module_of(found):
    """Return the module of the left side."""
    names = {"torch": torch, "nn": nn, "F": F, "OrderedDict": OrderedDict}
    exec(found["python"], names)
    return names["module"]


def test_there_are_thirty_pairs():
    text = PAGE.read_text("utf-8")
    assert len(PAIRS) == text.count("\n## ") == text.count("```python") >= 30
    assert f"{len(PAIRS)} modules" in text


@pytest.mark.parametrize("title", PAIRS)
@pytest.mark.parametrize("training", [False, True])
def test_both_sides_give_the_same(title, training):
    compilation = compile_text(spec_of(PAIRS[title]))
    assert not compilation.warnings
    module, ours = module_of(PAIRS[title]).double(), scattered(build(load(compilation)))
    theirs = list(module.state_dict().values())
    given = list(ours.state_dict().values())
    assert [tuple(t.shape) for t in theirs] == [tuple(t.shape) for t in given]
    wanted = dict(zip(module.state_dict(), given, strict=True))
    module.load_state_dict(wanted, strict=True)
    learns = [[p.requires_grad for p in each.parameters()] for each in (module, ours)]
    assert learns[0] == learns[1]
    images = examples(compilation.network)
    found = []
    for each in (module, ours):
        torch.manual_seed(0)
        found.append(outputs_in(each.train(training)(*images)))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-12)


def test_weights_begin_as_they_say():
    found = PAIRS["How weights begin"]
    torch.manual_seed(0)
    stds = [
        [p.std().item() for p in each.parameters()]
        for each in (module_of(found), build(load(compile_text(spec_of(found)))))
    ]
    # sqrt(2 / fan_in), fan_in 27 and 8; of 216 and 32 numbers
    for std in stds:
        assert std == pytest.approx([(2 / 27) ** 0.5, (2 / 8) ** 0.5], rel=0.3)
