"""What is suggested instead of other libraries' words is a spec itself."""

import re

import pytest

from archdsl.pipeline import compile_text
from archdsl.semantics import hints, other_names
from archdsl.semantics.words import split_word

LAYERS = sorted(set(other_names.LAYERS.values()) - {"else if", "input(3, 32, 32)"})


@pytest.mark.parametrize("suggestion", LAYERS)
def test_suggested_layers_compile(suggestion):
    layers = suggestion.replace("..", "conv3x3(64)")
    if suggestion == "identity":
        layers = "sum { identity branch { relu } }"
    if suggestion == "linear(10)":
        layers = "avgpool linear(10)"
    word = split_word(layers.partition("(")[0])
    dimensions = len(word[1]) if word is not None and word[1] else 2
    sizes = ", 32" * dimensions
    compiled = compile_text(
        f"network n {{\ninput(64{sizes})\nunit\n}}\nblock unit {{ {layers} }}\n"
    )
    assert not compiled.warnings


@pytest.mark.parametrize(
    "name", ["Conv2d", "BatchNorm2d", "Dense", "GlobalAveragePooling2D", "gap"]
)
def test_words_of_other_libraries_are_known_however_they_are_written(name):
    for written in (name, name.lower(), re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)):
        help_ = hints.layer_help(written, None, ("conv", "bn", "linear", "avgpool"))
        assert help_ is not None
        assert help_.startswith("write `")
