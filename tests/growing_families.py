"""Networks that grow: the specs of this repository that are made to, and a small one of its own."""

import re
from pathlib import Path

SPECS = Path(__file__).resolve().parents[1] / "specs"
RECIPE = """
train quick {
    data      = digits
    batch     = 32
    epochs    = 8
    optimizer = sgd(lr = 0.1, momentum = 0.9, weight_decay = 5e-4)
    schedule  = constant
    grow      = GROW
}
"""

# What grows, how its lists are written, and what is replaced in the spec: smaller images and fewer
# blocks, so that a test is quick.
FAMILIES = {
    "densenet, width": (
        "../tests/specs/densenet_unnamed",
        "growth = [2, 4, 6]",
        {"growth = 32,": "growth = 6,", "[6, 12, 24, 16]": "[2, 1, 2]"},
    ),
    "densenet, depth": (
        "../tests/specs/densenet_unnamed",
        "depth = [121, 161, 169]",
        {
            "depth = 121, growth = 32": "depth = 169, growth = 4",
            "[6, 12, 24, 16]": "[1, 1]",
            "[6, 12, 36, 24]": "[1, 2]",
            "[6, 12, 32, 32]": "[1, 3]",
        },
    ),
    "diracnet": (
        "diracnet",
        "k = [1, 2, 3]",
        {"depth = 34, k = 2": "depth = 10, k = 3", "16 * k": "2 * k", "32 * k": "4 * k"},
    ),
    "mobilenet": (
        "../tests/specs/mobilenet_stages",
        "width = [0.5, 0.75, 1.0]",
        {"1280": "64", "320 ": "64 ", "160 ": "48 ", "96 ": "32 ", "64 *": "32 *"},
    ),
    "efficientnet, with squeeze and excitation": (
        "efficientnet",
        "b = [0, 2]",
        {
            "b = 0,": "b = 2,",
            "260": "32",
            "224": "32",
            "1280": "64",
            "320 ": "64 ",
            "192 ": "48 ",
            "112 ": "32 ",
            "80 ": "32 ",
        },
    ),
    "resnet, by its tables": (
        "resnet",
        "depth = [18, 34]",
        {"depth = 50": "depth = 34", "(64)": "(4)", "(128)": "(8)", "(256)": "(8)", "(512)": "(8)"},
    ),
    "resnext, by groups": (
        "resnext",
        "groups = [2, 3, 4]",
        {
            "groups = 32": "groups = 4",
            "[3, 4, 6, 3]": "[2, 1, 1, 1]",
            "256": "8",
            "512": "16",
            "1024": "16",
            "2048": "16",
        },
    ),
    "resnext, by the width of groups": (
        "resnext",
        "group_width = [1, 2, 4]",
        {
            "groups = 32": "groups = 3",
            "[3, 4, 6, 3]": "[2, 1, 1, 1]",
            "256": "8",
            "512": "16",
            "1024": "16",
            "2048": "16",
        },
    ),
    "unet": (
        "unet",
        "width = [2, 3, 4]",
        {
            "width = 64, depth = 4": "width = 4, depth = 2",
            "image = 256": "image = 16",
            "    conv1x1(classes, bias = true)\n": "    avgpool linear(classes)\n",
        },
    ),
    "preact_resnet": ("preact_resnet", "depth = [11, 20, 29]", {"depth = 164": "depth = 29"}),
    "share_wrn": (
        "share_wrn",
        "k = [1, 2, 4]",
        {"depth = 40": "depth = 22", "16 * k": "2 * k", "32 * k": "4 * k", "64 * k": "4 * k"},
    ),
    "wrn": (
        "wrn",
        "depth = [10, 16, 22], k = [1, 2, 3]",
        {"depth = 28, k = 10": "depth = 22, k = 3", "16 * k": "2 * k", "32 * k": "4 * k"},
    ),
}


def recipe(growths, epochs=8, more=""):
    """Return the text of a recipe that grows a network so often."""
    at = f"at({list(range(2, 2 + growths))}{more})"
    return RECIPE.replace("GROW", at).replace("epochs    = 8", f"epochs    = {epochs}")


def family(name):
    """Return the text of a spec that grows."""
    file, grow, replaced = FAMILIES[name]
    text = (SPECS / f"{file}.arch").read_text()
    text = re.sub(r"(?m)^(import .*|    (expect|train) .*)\n", "", text)
    text = re.sub(r"input\(3, (224|32), \1\)", r"input(3, 32, 32)", text)
    for old, new in replaced.items():
        assert old in text, old
        text = text.replace(old, new)
    head = re.search(r"(?ms)^network .*?\{\n", text)
    assert head is not None
    said = f"    grow {grow}\n    train = quick\n"
    growths = grow.split("]")[0].count(",")
    return text[: head.end()] + said + text[head.end() :] + recipe(growths)
