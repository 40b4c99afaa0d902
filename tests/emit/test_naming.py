import ast
import keyword

from torch import nn

from archdsl.emit.python.names import FILE_NAMES, Names
from archdsl.ir.names import RESERVED_ATTRIBUTES, class_name


def test_no_layer_can_hide_what_torch_modules_have():
    found = set(dir(nn.Module())) | set(dir(nn.Sequential()))
    public = {name for name in found if not name.startswith("_")}
    assert public - RESERVED_ATTRIBUTES == set()


def test_names_are_given_once():
    names = Names()
    assert [names.unique("conv") for _ in range(3)] == ["conv", "conv2", "conv3"]


def test_a_number_never_makes_a_name_that_is_taken():
    names = Names(("conv2",))
    assert [names.unique("conv"), names.unique("conv")] == ["conv", "conv3"]


def test_names_that_mean_something_else_are_changed():
    names = Names()
    for word in ("self", "nn", "torch", "F", "Tensor", "range", "class", "None", "match", "super"):
        given = names.unique(word)
        assert given != word
        assert given.isidentifier()
        assert not keyword.iskeyword(given)


def test_class_names_are_in_cap_words():
    assert class_name("squeeze_excite") == "SqueezeExcite"
    assert class_name("wrn_depth40_k4") == "WrnDepth40K4"


def test_classes_are_called_like_blocks_unless_that_is_taken():
    names = Names()
    assert names.unique_class("Bottleneck") == "Bottleneck"
    assert names.unique_class("Bottleneck") == "Bottleneck2"
    assert names.unique_class("Tensor") == "TensorBlock"
    assert names.unique_class("Scale") == "ScaleBlock"


def test_thousands_of_names_are_cheap():
    names = Names()
    assert len({names.unique("block") for _ in range(20_000)}) == 20_000


def test_names_of_files_are_identifiers():
    assert all(ast.parse(name) for name in FILE_NAMES)
