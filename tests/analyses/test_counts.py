from time import perf_counter

from archdsl.analyses.counts import Row, Sums, count, rows_by_block, rows_by_layer

# Elements by hand: stem 3*4*9 + 4+4 = 116; a unit without its 3x3 weight 4*4 + 4+4 = 24;
# that weight 4*4*9 = 144; linear 256*10 + 10 = 2570. Buffers of a batch norm: 4 + 4 + 1.
# MACs at 8*8 positions: stem 64*108 = 6912, unit 64*(16 + 144) = 10240; linear 2560.


def test_a_weight_that_a_stage_owns_is_counted_once(shared_in_stage):
    assert count(shared_in_stage).sums == Sums(
        learned=116 + 3 * 24 + 144 + 2570,
        frozen=0,
        unshared=116 + 3 * (24 + 144) + 2570,
        buffers=9 + 3 * 9,
        conv_layers=1 + 3 * 2,
        conv_tensors=1 + 3 + 1,
        macs=6912 + 3 * 10240 + 2560,
        deployed_bits=32 * (116 + 3 * 24 + 144 + 2570),
    )


def test_a_weight_that_a_block_owns_is_counted_once_per_copy_of_the_block(shared_in_block):
    assert count(shared_in_block).sums == Sums(
        learned=116 + 5 * (2 * 24 + 144) + 2570,
        unshared=116 + 5 * 2 * (24 + 144) + 2570,
        buffers=9 + 5 * 2 * 9,
        conv_layers=1 + 5 * 2 * 2,
        conv_tensors=1 + 5 * (2 + 1),
        macs=6912 + 5 * 2 * 10240 + 2560,
        deployed_bits=32 * (116 + 5 * 192 + 2570),
    )


def test_parts_are_the_direct_parts_in_order_and_what_the_network_owns(shared_in_network):
    rows = [
        (row.name, row.kind, row.output, row.blocks, row.sums.total, row.sums.unshared)
        for row in count(shared_in_network).parts
    ]
    assert rows == [
        ("stem", "stem", (4, 8, 8), 0, 116, 116),
        ("conv2", "stage", (4, 8, 8), 1, 24, 168),
        ("conv2", "stage", (4, 8, 8), 2, 48, 336),
        ("linear1", "linear", (10,), 0, 2570, 2570),
        ("shared", "shared", None, 0, 144, 0),
    ]


def test_a_frozen_weight_is_not_learned(shared_in_network):
    sums = count(shared_in_network).sums
    assert (sums.learned, sums.frozen, sums.total) == (116 + 3 * 24 + 2570, 144, 2902)


def test_a_million_copies_cost_what_one_does(million):
    start = perf_counter()
    counts = count(million)
    assert counts.sums.total == 116 + 1_000_000 * 168 + 2570
    assert counts.sums.macs == 6912 + 1_000_000 * 10240 + 2560
    assert counts.parts[1].blocks == 1_000_000
    assert perf_counter() - start < 1  # seconds; visiting a million copies takes several


def test_nesting_is_not_bounded_by_recursion(nested):
    assert count(nested).sums.total == 116
    assert rows_by_block(nested)[0].blocks == 1
    assert [row.name for row in rows_by_layer(nested)] == [
        "unit1" + ".0.0.0.unit1" * 99 + ".0.0.0.stem.0",
        "unit1" + ".0.0.0.unit1" * 99 + ".0.0.0.stem.1",
    ]


def test_rows_by_block_are_runs_of_equal_blocks_and_parts_without_blocks(shared_in_stage):
    rows = rows_by_block(shared_in_stage)
    assert [(row.name, row.kind, row.copies, row.blocks, row.sums.total) for row in rows] == [
        ("stem", "stem", 1, 0, 116),
        ("conv2.shared_conv2", "shared", 1, 0, 144),
        ("conv2.blocks.0-2", "unit", 3, 3, 72),
        ("linear1", "linear", 1, 0, 2570),
    ]


def test_rows_by_layer_are_layers_as_folded(shared_in_stage):
    rows = rows_by_layer(shared_in_stage)
    assert rows[4] == Row(
        "conv2.blocks.0-2.bn1",
        "bn",
        (4, 8, 8),
        3,
        0,
        Sums(learned=24, unshared=24, buffers=27, deployed_bits=768),
    )
    assert [row.name for row in rows] == [
        "stem.0",
        "stem.1",
        "conv2.shared_conv2",
        "conv2.blocks.0-2.conv1",
        "conv2.blocks.0-2.bn1",
        "conv2.blocks.0-2.conv2",
        "linear1",
    ]


def test_rows_of_every_kind_add_up_to_the_network(shared_in_stage, shared_in_block):
    for network in (shared_in_stage, shared_in_block):
        sums = count(network).sums
        for rows in (rows_by_block(network), rows_by_layer(network)):
            for field in Sums.__struct_fields__:
                assert sum(getattr(row.sums, field) for row in rows) == getattr(sums, field)
