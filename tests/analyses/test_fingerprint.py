"""Another network or recipe has another fingerprint, another text of the same has not."""

import pytest

from archdsl.analyses.fingerprint import fingerprint
from archdsl.pipeline import compile_text

SPEC = """\
network net(width = 8, classes = 10) {
    input(1, 8, 8)
    stem { conv3x3(width) bn relu }
    stage body = 2 * unit(width)
    head { avgpool linear(classes) }
    train = quick
}
block unit(width) {
    residual { conv3x3(width) bn relu conv3x3(width) bn }
    relu
}
train quick {
    data      = digits
    batch     = 32
    epochs    = 3
    optimizer = sgd(lr = 0.1)
    schedule  = cosine
}
"""


def of(text, **arguments):
    network = compile_text(text, arguments=arguments).network
    assert network.recipe is not None
    return fingerprint(network, network.recipe)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("network net", "# a comment\n\nnetwork other"),
        ("stem { conv3x3(width) bn relu }", "stem {\n        conv3x3(8)\n        bn relu\n    }"),
        ("epochs    = 3", "epochs    = 30"),  # a run may get more of them
        ("train quick", "train brief"),
        ("classes = 10)", "classes = 9 + 1)"),
    ],
)
def test_another_text_of_the_same_has_the_same(old, new):
    text = SPEC.replace(old, new)
    text = text.replace("train = quick", "train = brief") if "brief" in new else text
    assert text != SPEC
    assert of(text) == of(SPEC)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bn relu }\n    stage", "bn silu }\n    stage"),  # the tensors stay as they are
        ("residual {", "preactivation { relu }\n    residual {"),
        ("2 * unit", "3 * unit"),
        ("2 * unit(width)", "2 * unit(width) with share(conv)"),
        ("2 * unit(width)", "2 * unit(width) with stochastic_depth(0.1)"),
        ("2 * unit(width)", "2 * unit(width) with freeze"),
        ("stem {", "stem with bn(frozen) {"),
        ("lr = 0.1", "lr = 0.2"),
        ("cosine", "cosine(warmup = 1)"),
        ("batch     = 32", "batch     = 64"),
        ("data      = digits", "data      = digits(augment = [flip])"),
    ],
)
def test_another_network_or_recipe_has_another(old, new):
    text = SPEC.replace(old, new)
    assert text != SPEC
    assert of(text) != of(SPEC)


def test_another_width_has_another():
    assert of(SPEC, width="16") != of(SPEC)
