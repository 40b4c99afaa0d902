from itertools import islice

from archdsl.analyses.tensors import Entry, entries, num_tensors

BN = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def test_entries_stand_in_the_order_of_registration(shared_in_stage):
    assert [entry.name for entry in entries(shared_in_stage)] == [
        "stem.0.weight",
        *(f"stem.1.{name}" for name in BN),
        "conv2.shared_conv2.weight",
        *(
            name
            for index in range(3)
            for name in (
                f"conv2.blocks.{index}.conv1.weight",
                *(f"conv2.blocks.{index}.bn1.{name}" for name in BN),
            )
        ),
        "linear1.weight",
        "linear1.bias",
    ]


def test_an_entry_says_what_pytorch_keeps(shared_in_stage):
    by_name = {entry.name: entry for entry in entries(shared_in_stage)}
    shared = Entry("conv2.shared_conv2.weight", (4, 4, 3, 3), "parameter", True, 3, 32)
    counter = Entry("stem.1.num_batches_tracked", (), "buffer", False, 1, 64)
    assert by_name["conv2.shared_conv2.weight"] == shared
    assert by_name["stem.1.num_batches_tracked"] == counter


def test_each_copy_of_an_owner_has_a_weight_of_its_own(shared_in_block):
    owned = [entry.name for entry in entries(shared_in_block) if "shared" in entry.name]
    assert owned == [f"conv2.{index}.shared_conv2.weight" for index in range(5)]


def test_a_frozen_parameter_is_not_learned(shared_in_network):
    first = next(entries(shared_in_network))
    assert (first.name, first.learned) == ("shared_conv2.weight", False)


def test_the_number_of_entries_is_known_without_listing_them(shared_in_stage, million):
    assert num_tensors(shared_in_stage) == len(list(entries(shared_in_stage))) == 27
    assert num_tensors(million) == 6 + 7 * 1_000_000 + 2


def test_entries_come_one_by_one(million):
    names = [entry.name for entry in islice(entries(million), 6, 9)]
    assert names == [
        "conv2.0.shared_conv2.weight",
        "conv2.0.conv1.weight",
        "conv2.0.bn1.weight",
    ]


def test_nesting_is_not_bounded_by_recursion(nested):
    assert num_tensors(nested) == len(list(entries(nested))) == 6
