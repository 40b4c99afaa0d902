import json

from archdsl.analyses.counts import count
from archdsl.analyses.tensors import entries
from archdsl.report.document import report, to_json
from archdsl.report.literal import written
from archdsl.report.table import Format, show
from archdsl.report.tables import counts_table, heading, summary, tensors_table


def test_the_json_object_holds_the_numbers(shared_in_network):
    # The figures are worked out by hand in tests/analyses/test_counts.py.
    assert json.loads(to_json(report(shared_in_network, count(shared_in_network)))) == {
        "schema": 1,
        "network": "tiny",
        "arguments": {"depth": 3},
        "input": [3, 8, 8],
        "output": [10],
        "inputs": [],
        "outputs": [],
        "parameters": {"total": 2902, "learned": 2758, "frozen": 144, "unshared": 3190},
        "buffers": 36,
        "convolutions": {"layers": 7, "tensors": 5},
        "macs": 40192,
        "training_macs": 0,
        "deployed_bits": 92864,
        "parts": [
            {
                "name": "stem",
                "output": [4, 8, 8],
                "parameters": 116,
                "macs": 6912,
                "blocks": 0,
            },
            {
                "name": "conv2",
                "output": [4, 8, 8],
                "parameters": 24,
                "macs": 10240,
                "blocks": 1,
            },
            {
                "name": "conv2",
                "output": [4, 8, 8],
                "parameters": 48,
                "macs": 20480,
                "blocks": 2,
            },
            {"name": "linear1", "output": [10], "parameters": 2570, "macs": 2560, "blocks": 0},
            {"name": "shared", "output": None, "parameters": 144, "macs": 0, "blocks": 0},
        ],
        "phases": [],
        "growth": None,
        "diagnostics": [],
    }


def test_the_json_object_has_a_line_for_each_key_and_each_part(shared_in_stage):
    lines = to_json(report(shared_in_stage, count(shared_in_stage))).splitlines()
    assert lines[0] == "{"
    assert lines[1] == '  "schema": 1,'
    assert len(lines) == 2 + 17 + 3 + 1  # braces, keys, parts, the bracket that ends them


def test_the_table_adds_up_to_its_last_line(shared_in_stage):
    table = counts_table(count(shared_in_stage).parts, "part")
    assert show(table, Format.TEXT) == (
        "part     kind    output     blocks  parameters  shared away    MACs\n"
        "-------  ------  ---------  ------  ----------  -----------  ------\n"
        "stem     stem    [4, 8, 8]       0         116            0   6,912\n"
        "conv2    stage   [4, 8, 8]       3         216          288  30,720\n"
        "linear1  linear  [10]            0       2,570            0   2,560\n"
        "-------  ------  ---------  ------  ----------  -----------  ------\n"
        "total                            3       2,902          288  40,192\n"
    )


def test_a_complete_table_keeps_the_columns_that_say_nothing(shared_in_stage):
    table = counts_table(count(shared_in_stage).parts, "part", complete=True)
    assert [column.title for column in table.columns] == [
        "part",
        "kind",
        "output",
        "blocks",
        "parameters",
        "learned",
        "frozen",
        "shared away",
        "MACs",
        "trained bits",
        "deployed bits",
    ]


def test_the_table_says_what_is_learned_where_something_is_frozen(shared_in_network):
    table = counts_table(count(shared_in_network).parts, "part")
    titles = [column.title for column in table.columns]
    assert titles[4:7] == ["parameters", "learned", "frozen"]
    assert table.footer is not None
    assert table.footer[4:7] == (2902, 2758, 144)


def test_the_summary_says_what_sharing_saves(shared_in_stage, shared_in_network):
    assert summary(count(shared_in_stage).sums) == (
        "2,902 parameters (3,190 without sharing, 9.0 % saved)\n"
        "7 convolutions with 5 weights\n"
        "40,192 multiply-accumulates for one input\n"
    )
    frozen = "2,758 of them are learned, 144 are frozen"
    assert summary(count(shared_in_network).sums).splitlines()[1] == frozen


def test_the_heading_shows_the_network_as_it_is_called(shared_in_stage):
    assert heading(shared_in_stage) == "tiny(depth = 3): [3, 8, 8] -> [10]\n"


def test_the_table_of_tensors_is_the_state_dict(shared_in_stage):
    lines = show(tensors_table(entries(shared_in_stage)), Format.CSV).splitlines()
    assert lines[:2] == [
        "tensor,shape,kind,learned,uses,bits",
        "stem.0.weight,4x3x3x3,parameter,true,1,32",
    ]
    assert "conv2.shared_conv2.weight,4x4x3x3,parameter,true,3,32" in lines


def test_values_are_written_as_the_language_has_them():
    assert written({"a": [1, 0.5, True], "b": "c"}) == "{a: [1, 0.5, true], b: c}"
