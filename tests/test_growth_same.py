"""Networks whose old channels lie elsewhere than in front compute the same after each growth."""

import pytest

from archdsl.pipeline import compile_text
from tests.growing import Loaded, changes, check_phases

RECIPE = """\
train quick {
    data = cifar10  batch = 1  epochs = 20  optimizer = sgd(lr = 0.1)  schedule = cosine
    grow = plateau(train_loss, window = 2)
}
"""
STAGE = "conv3x3(8 * k) bn relu\nstage s = k * u(8 * k)\nconv3x3(7) relu"
NETWORKS = {  # a body and blocks; k is 1, 2 and 3
    "groups": ("conv3x3(4 * k) conv3x3(6 * k, groups = 2) relu conv1x1(5)", ""),
    "more groups behind ncrelu": (
        "conv3x3(4 * k) ncrelu conv3x3(16 * k, groups = 4 * k) relu conv1x1(5)",
        "",
    ),
    "scales, offsets and what moves pixels": (
        (
            "conv3x3(4 * k) offset scale(dims = 3) offset(dims = 4) scale(per = layer) blur(3)"
            " pixel_unshuffle(2) upsample(size = 7) conv1x1(5)"
        ),
        "",
    ),
    "a softmax over branches": (
        "conv3x3(4 * k) softmax(over = branches, parts = 2) conv1x1(5)",
        "",
    ),
    "a softmax over pixels": ("conv3x3(4 * k) softmax(over = pixels) conv1x1(5)", ""),
    "a gate of one channel": (
        "conv3x3(4 * k) relu product { identity branch { conv3x3(1) sigmoid } } conv1x1(5)",
        "",
    ),
    "linear layers at each pixel": (
        "linear(4 * k, per_pixel = true) gelu(tanh) linear(5, per_pixel = true)",
        "",
    ),
    "padding as in TensorFlow": (
        (
            "conv3x3(4 * k, stride = 2, padding = same)\n"
            "maxpool3x3(stride = 2, padding = same) conv1x1(5)"
        ),
        "",
    ),
    "new blocks that end in an offset": (
        STAGE,
        "block u(w) { residual { conv3x3(w) bn offset } relu }",
    ),
    "a shuffle": ("conv3x3(4 * k) conv3x3(4 * k, groups = 2) channel_shuffle(2) conv1x1(5)", ""),
    "dense, in width and depth": (
        "conv3x3(8 * k) relu\nfor j in range(k) { dense(4 * k) }\nconv1x1(7)",
        "block dense(g) { concat { identity branch { bn relu conv3x3(g) } } }",
    ),
    "new blocks that end in groups": (
        STAGE,
        "block u(w) { residual { conv3x3(w) bn relu conv3x3(w, groups = 4) bn } relu }",
    ),
    "new blocks that end in a depthwise convolution": (
        STAGE,
        "block u(w) { residual { conv3x3(w) relu conv3x3(w, groups = w) } relu }",
    ),
    "new blocks that end in a tiled delta": (
        STAGE,
        "block u(w) { residual { conv3x3(w / 2) relu conv3x3(w) with dirac\nbn } relu }",
    ),
    "new blocks of ncrelu": (
        STAGE,
        "block u(w) { residual { bn ncrelu conv3x3(w) with dirac\n} }",
    ),
    "new blocks with a gate": (
        STAGE,
        """block u(w) {
    residual {
        conv1x1(4 * w) bn relu6
        conv3x3(4 * w, groups = 4 * w) bn relu6
        product { identity branch { avgpool conv1x1(w) silu conv1x1(4 * w) sigmoid } }
        conv1x1(w) bn
    }
}""",
    ),
    "blocks of 4 groups": (
        STAGE,
        """block u(w) {
    residual { conv1x1(w) bn relu conv3x3(w, groups = 4) bn relu conv1x1(w) bn }
    relu
}""",
    ),
    "a shortcut and a preactivation": (
        "conv3x3(16)\nstage s = k * u(16 * (k + 1))\nbn relu",
        """block u(w) {
    preactivation { bn relu }
    residual      { conv3x3(w) bn relu conv3x3(w) }
    shortcut      { conv1x1(w) }
}""",
    ),
    "new layers between old ones": (
        """conv3x3(8 * k) ncrelu
if k > 1 { sum { identity branch { conv3x3(16 * k) } } }
if k > 2 { sum { branch { bn conv3x3(16 * k, groups = 4) } identity } }
conv3x3(7) relu""",
        "",
    ),
    "a new branch of a concatenation": (
        """conv3x3(4 * k) relu
concat { identity branch { conv3x3(4 * k) } if k > 1 { branch { conv3x3(4 * k) } } }""",
        "",
    ),
    "up and down": (
        """conv3x3(4 * k) bn relu
concat {
    identity
    branch {
        maxpool2x2 conv3x3(8 * k) relu
        conv_transpose(4 * k, kernel = 2, stride = 2) relu
    }
}
conv3x3(7)""",
        "",
    ),
    "named maps, in width and depth": (
        """conv3x3(4 * k) bn relu
mark early
stage body = k * unit(4 * k)
mark late
inner: { conv3x3(6 * k) concat { early identity } }
up(4 * k, skip = early, more = [early, late])
sum { identity branch from late { conv1x1(4 * k) } }""",
        """block unit(w) { residual { conv3x3(w) bn relu conv3x3(w) bn } relu }
block up(w, skip: map, more: maps) {
    concat { identity skip for m in more { m } }
    conv3x3(w) bn relu
    sum { skip identity }
}""",
    ),
    "maps of named bodies, in width and depth": (
        """encoder: {
    conv3x3(4 * k) bn relu
    mark early
    stage body = k * unit(4 * k)
    inner: { conv3x3(2 * k) mark deep relu conv3x3(4 * k) }
}
parts: split(2 * k)
concat { identity encoder.early parts.before branch from encoder.inner.deep { relu } }
conv3x3(4 * k)""",
        """block unit(w) { residual { conv3x3(w) bn relu conv3x3(w) bn } relu }
block split(w) { conv3x3(w) mark before relu }""",
    ),
    "flattened halves": ("conv3x3(2 * k) ncrelu avgpool16x16 flatten linear(8 * k) relu", ""),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_it_computes_the_same(name):
    body, blocks = NETWORKS[name]
    end = "linear(10)" if "flatten" in body else "avgpool linear(10)"
    text = f"""\
network n(k = 3) with freeze(grown) {{
grow k = [1, 2, 3]
input(3, 32, 32)
{body}
{end}
train = quick
}}
{blocks}
{RECIPE}"""
    loaded = Loaded(compile_text(text))
    check_phases(loaded)
    assert max(changes(loaded)) < 1e-12  # of float64: sums are added up in another order
