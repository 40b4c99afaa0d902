"""What each phase of a growing network has, learns and costs."""

import json

import pytest

import archdsl
from archdsl.analyses.growth.costs import training_macs
from archdsl.cli import main
from archdsl.ir.network import FixedPart, LayerNode
from archdsl.ir.recipe import GrowAt
from archdsl.pipeline import compile_text

# Parameters for width w, by hand: 9 w + 2 w, 18 w^2 + 4 w, 72 w^2 + 8 w, 40 w + 10; MACs at
# 14 x 14 and twice 7 x 7 positions: 1,764 w + 882 w^2 + 3,528 w^2 + 40 w.
GROWN = """\
network grown(width = 16) with freeze(grown) {
    grow width = [4, 8, 12, 16]
    input(1, 28, 28)
    stem:  unit(width, stride = 2)
    conv2: unit(2 * width, stride = 2)
    conv3: unit(4 * width)
    head with trainable { avgpool linear(10) }
    train = mnist_grown
}
block unit(width) { conv3x3(width, stride = stride) bn relu }
train mnist_grown {
    data      = mnist
    batch     = 64
    epochs    = 8
    optimizer = adam(lr = 3e-3)
    schedule  = cosine
    grow      = at([3, 5, 7])
}
"""
SINE = """\
network sine(hidden = 500) {
    grow hidden = [125, 250, 375, 500]
    input(1)
    linear(hidden) with freeze(grown)
    tanh
    linear(1)
}
"""
WRN = """\
network wrn_grown(depth = 28, k = 10) {
    grow depth = [16, 22, 28], k = [4, 8, 10]
    let n = (depth - 4) / 6
    input(3, 32, 32)
    stem                    { conv3x3(16) }
    stage conv2             = n * wide(16 * k)
    stage conv3(stride = 2) = n * wide(32 * k)
    stage conv4(stride = 2) = n * wide(64 * k)
    head                    { bn relu avgpool linear(10) }
}
block wide(width) {
    preactivation { bn relu }
    residual      { conv3x3(width, stride = stride) bn relu conv3x3(width) }
    shortcut      { conv1x1(width, stride = stride) }
}
"""


@pytest.fixture
def spec(tmp_path, monkeypatch):
    """A folder of its own to be in, with `grown.arch` in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grown.arch").write_text(GROWN)
    return "grown.arch"


def of_phases(text, *names):
    sums = [phase.counts.sums for phase in compile_text(text).phases]
    return [tuple(getattr(each, name) for name in names) for each in sums]


def test_a_convolutional_network_that_keeps_what_it_learned():
    assert of_phases(GROWN, "total", "learned", "macs") == [
        (1_702, 1_702, 77_776),
        (6_274, 4_742, 296_672),
        (13_726, 7_782, 656_688),
        (24_058, 10_822, 1_157_824),
    ]


def test_the_sine_regressor():
    # 3 hidden + 1; the 2 of each old unit are fixed
    assert of_phases(SINE, "total") == [(376,), (751,), (1_126,), (1_501,)]
    assert of_phases(SINE, "learned") == [(376,), (501,), (626,), (751,)]


def test_a_wide_residual_network_in_depth_and_width():
    # Zagoruyko & Komodakis 2016, Table 4; nothing is fixed
    found = of_phases(WRN, "total", "learned")
    assert found == [(n, n) for n in (2_748_890, 17_158_106, 36_479_194)]


def test_blocks_that_are_new_learn_and_old_ones_are_fixed_whole():
    text = WRN.replace("k = [4, 8, 10]", "k = [10, 10, 10]")
    text = text.replace("k = 10) {", "k = 10) with freeze(grown) {")
    first, second, third = of_phases(text, "total", "learned", "frozen")
    # phase 0 is WRN-16-10, phase 1 WRN-22-10: Table 4
    assert first == (17_116_634, 17_116_634, 0)
    assert second == (26_797_914, 26_797_914 - 17_116_634, 17_116_634)
    assert third == (36_479_194, 36_479_194 - 26_797_914, 26_797_914)


def test_a_member_by_its_arguments_has_nothing_fixed():
    member = compile_text(GROWN, arguments={"width": "8"})
    assert member.phases == ()
    assert member.counts.sums.learned == member.counts.sums.total == 6_274


def test_a_shared_weight_is_fixed_once():
    text = """\
network n(k = 2) with freeze(grown) {
    grow k = [1, 2]
    input(4, 8, 8)
    conv3x3(4 * k)
    stage s = 3 * unit(4 * k) with share(conv3x3)
    avgpool linear(10) with trainable
}
block unit(width) { residual { conv3x3(width) bn } }
"""
    # 4 x 4 k x 9, 9 (4 k)^2 once, 3 x 8 k of batch norm, 40 k + 10; of the old: 144 + 144 + 24
    first, second = of_phases(text, "total", "frozen")
    assert first == (144 + 144 + 24 + 50, 0)
    assert second == (288 + 576 + 48 + 90, 144 + 144 + 24)


def test_groups_and_flatten_are_fixed_where_they_lie():
    text = """\
network n(k = 2) with freeze(grown) {
    grow k = [1, 2]
    input(2, 4, 4)
    conv1x1(4 * k)
    conv1x1(4 * k, groups = 2)
    flatten
    linear(10)
}
"""
    network = compile_text(text).phases[1].network
    layers = (step.node for step in network.body if isinstance(step.node, LayerNode))
    conv, grouped, linear = (n.fixed for n in layers if isinstance(n.fixed, FixedPart))
    # the first convolution has its old outputs where the groups of the second one take them
    assert (conv.outputs, conv.inputs) == (((0, 2), (4, 6)), ((0, 2),))
    assert (grouped.outputs, grouped.inputs) == (((0, 2), (4, 6)), ((0, 2),))
    assert (linear.outputs, linear.inputs) == (((0, 10),), ((0, 32), (64, 96)))


def test_a_tensor_that_did_not_grow_is_old_as_a_whole():
    text = SINE.replace("linear(1)", "linear(1) with freeze(grown)")
    # the bias of the last layer is old: 2 of each of 125 units, 125 weights and it
    assert of_phases(text, "learned", "frozen")[1] == (375, 376)


# ---------------------------------------------------------------- what a training costs


def test_the_multiply_accumulates_of_a_training():
    # 2 epochs of each phase: (77,776 + 296,672 + 656,688 + 1,157,824) / (4 x 1,157,824) = 47.3 %
    macs = (77_776, 296_672, 656_688, 1_157_824)
    assert training_macs(GrowAt(at=(3, 5, 7)), 8, macs) == 4_377_920
    assert round(100 * 4_377_920 / (8 * 1_157_824), 1) == 47.3


def test_phases_of_unequal_length():
    assert training_macs(GrowAt(at=(2, 10)), 10, (1, 10, 100)) == 1 + 8 * 10 + 100


# ---------------------------------------------------------------- what is printed

TABLE = """\
phase  width  parameters  learned   fixed       MACs
-----  -----  ----------  -------  ------  ---------
    0      4       1,702    1,702       0     77,776
    1      8       6,274    4,742   1,532    296,672
    2     12      13,726    7,782   5,944    656,688
    3     16      24,058   10,822  13,236  1,157,824

grown at epochs 3, 5 and 7 of 8: 47.3 % of the multiply-accumulates of training the last phase alone
"""


def test_params_prints_the_phases_below_the_table(spec, capsys):
    assert main(["params", spec]) == 0
    out = capsys.readouterr().out
    assert out.startswith("grown(width = 16): [1, 28, 28] -> [10]\n\npart ")
    assert out.endswith(f"\n\n{TABLE}")


def test_by_phase_prints_them_alone(spec, capsys):
    assert main(["params", spec, "--by", "phase"]) == 0
    assert capsys.readouterr().out == f"grown(width = 16): [1, 28, 28] -> [10]\n\n{TABLE}"


@pytest.mark.parametrize(
    ("format", "lines"),
    [
        ("csv", ["phase,width,parameters,learned,fixed,MACs", "0,4,1702,1702,0,77776"]),
        (
            "markdown",
            [
                "| phase | width | parameters | learned |  fixed |      MACs |",
                "| ----: | ----: | ---------: | ------: | -----: | --------: |",
                "|     0 |     4 |      1,702 |   1,702 |      0 |    77,776 |",
            ],
        ),
        (
            "latex",
            [
                r"\begin{tabular}{rrrrrr}",
                r"\toprule",
                r"phase & width & parameters & learned &  fixed &      MACs \\",
            ],
        ),
    ],
)
def test_by_phase_prints_the_table_in_other_formats(spec, capsys, format, lines):
    assert main(["params", spec, "--by", "phase", "--format", format]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[: len(lines)] == lines
    assert not any(line.startswith("grown") for line in out)


def test_json_has_the_phases_and_what_growing_costs(spec, capsys):
    assert main(["params", spec, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["phases"][1] == {
        "phase": 1,
        "arguments": {"width": 8},
        "parameters": 6_274,
        "learned": 4_742,
        "fixed": 1_532,
        "macs": 296_672,
    }
    assert len(found["phases"]) == 4
    growth = {"at": [3, 5, 7], "epochs": 8, "macs": 4_377_920, "static_macs": 9_262_592}
    assert found["growth"] == growth
    assert found["parameters"]["total"] == 24_058


def test_a_plateau_costs_what_is_not_known_before():
    text = GROWN.replace("at([3, 5, 7])", "plateau(train_loss, window = 2)")
    found = compile_text(text).report
    assert len(found.phases) == 4
    assert found.growth is None


def test_a_phase_alone_and_what_is_fixed_of_each_tensor(spec, capsys):
    assert main(["params", spec, "--format", "json", "--tensors", "--phase", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["phase"], found["arguments"], found["phases"]) == (1, {"width": 8}, [])
    assert found["parameters"] == {
        "total": 6_274,
        "learned": 4_742,
        "frozen": 1_532,
        "unshared": 6_274,
    }
    fixed = {t["name"]: (t["learned"], t["fixed"]) for t in found["tensors"]}
    # a quarter of the weight between convolutions, half of what hangs on the outputs alone
    assert fixed["stem.conv1.weight"] == (True, 36)
    assert fixed["conv2.conv1.weight"] == (True, 16 * 8 * 9 // 4)
    assert fixed["conv2.bn1.bias"] == (True, 8)
    assert fixed["conv2.bn1.running_mean"] == (False, 0)
    assert fixed["head.2.weight"] == (True, 0)


def test_tables_of_tensors_say_what_is_fixed_only_where_it_is_a_part(spec, capsys):
    for phase, titles in (("0", ["uses", "bits"]), ("1", ["uses", "bits", "fixed"])):
        assert main(["params", spec, "--tensors", "--phase", phase]) == 0
        assert capsys.readouterr().out.splitlines()[0].split()[-len(titles) :] == titles
    assert main(["params", spec, "--tensors", "--phase", "0", "--format", "csv"]) == 0
    assert capsys.readouterr().out.startswith("tensor,shape,kind,learned,uses,bits,fixed\n")


@pytest.mark.parametrize("by", ["part", "block", "layer"])
def test_rows_of_a_phase_are_of_its_member(spec, capsys, by):
    assert main(["params", spec, "--by", by, "--phase", "1", "--format", "csv"]) == 0
    rows = [line.split(",") for line in capsys.readouterr().out.splitlines()]
    at = rows[0].index("frozen")
    assert sum(int(row[at]) for row in rows[1:]) == 1_532


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["grown.arch", "--phase", "4"], "there is no phase 4: phases are 0 to 3"),
        (["grown.arch", "--phase", "-1"], "there is no phase -1: phases are 0 to 3"),
        (["grown.arch", "--set", "width=8", "--phase", "0"], "this network does not grow"),
        (["grown.arch", "--set", "width=8", "--by", "phase"], "this network does not grow"),
    ],
    ids=" ".join,
)
def test_a_phase_that_is_not_there_is_refused_in_a_sentence(spec, capsys, words, said):
    assert main(["params", *words]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error[E809]: there is no phase ")
    assert said in err.splitlines()[0]


# ---------------------------------------------------------------- from Python


def test_the_phases_are_networks_of_their_own(spec):
    network = archdsl.compile(spec)
    assert [phase.parameters.learned for phase in network.phases] == [1_702, 4_742, 7_782, 10_822]
    assert [phase.arguments for phase in network.phases] == [{"width": w} for w in (4, 8, 12, 16)]
    assert str(network).endswith(TABLE)
    assert '<th style="text-align: right">phase</th>' in network._repr_html_()
    assert json.loads(network.to_json())["phases"][3]["learned"] == 10_822
    assert archdsl.compile(spec, width=8).phases == ()
    sizes = [sum(p.numel() for p in phase.build().parameters()) for phase in network.phases]
    assert sizes == [1_702, 6_274, 13_726, 24_058]


# ---------------------------------------------------------------- bounds


def test_depth_costs_nothing():
    # its cost is that of the different blocks: a walk over six million would not end here
    phases = of_phases(
        WRN.replace("k = [4, 8, 10]", "k = [1, 1, 1]")
        .replace("k = 10", "k = 1")
        .replace("depth = 28", "depth = 6_000_004")
        .replace("[16, 22, 28]", "[604, 60_004, 6_000_004]"),
        "conv_layers",
    )
    assert phases == [(601 + 2,), (60_001 + 2,), (6_000_001 + 2,)]


def test_a_dense_network_in_a_hundred_phases_ends_in_a_sentence():
    text = """\
network n(growth = 110) {
    grow growth = range(11, 111)
    input(3, 8, 8)
    conv3x3(growth)
    for j in range(500) { concat { identity branch { conv3x3(growth) } } }
    avgpool linear(10)
}
"""
    with pytest.raises(archdsl.SpecError) as error:
        compile_text(text)
    assert error.value.diagnostics[0].code == "E309"
