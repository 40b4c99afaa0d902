# pyright: reportArgumentType=false
"""What `archdsl inspect` says of a checkpoint, on numbers that are worked out by hand."""

import csv
import io
import json
import math
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import archdsl
from archdsl.analyses.weights import BINS, kept_layers
from archdsl.cli import main
from archdsl.deploy.measuring import statistics
from archdsl.ir.layers import BatchNorm, ConvTranspose, Linear
from archdsl.pipeline import compile_spec
from archdsl.report.weights import ASCII, BLOCKS, line
from archdsl.report.weights import _percent as percent
from tests.report.table_readers import latex, markdown

ROOT = Path(__file__).parents[2]
SPEC = """\
network tiny {
    input(2, 4, 4)
    conv1x1(2)
    bn relu
    stage s = 3 * unit(2) with share(conv3x3)
    d1: conv1x1(2) with dirac
    d2: conv1x1(2) with dirac(v2)
    d3: conv1x1(2) with dirac(norm = false)
    signs: conv1x1(4) with binary
    avgpool linear(2)
}
block unit(width) { residual { conv3x3(width) bn } }
"""


@pytest.fixture
def state(tmp_path, monkeypatch):
    """The state of the network of tiny.arch in the current folder, saved as state.pt."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.arch").write_text(SPEC)
    torch.manual_seed(0)
    found = archdsl.compile("tiny.arch").build().state_dict()
    found["conv1.weight"] = torch.tensor([[3.0, 4.0], [0.0, 0.0]]).view(2, 2, 1, 1)
    save(found)
    return found


def save(state, path="state.pt"):
    torch.save({"model": state, "epoch": 1}, path)


def document(capsys, *arguments):
    """Return the object that is printed."""
    assert main(["inspect", "tiny.arch", *arguments, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def rows(capsys, *arguments):
    """Return the rows of a checkpoint by the names of their tensors."""
    found = document(capsys, *(arguments or ["state.pt"]))["tensors"]
    return {f"{row['layer']}.{row['tensor']}": row for row in found}


# ---------------------------------------------------------------- numbers


def test_a_weight_has_its_moments_norms_and_signs(state, capsys):
    row = rows(capsys)["conv1.weight"]
    assert row["mean"] == 7 / 4
    assert row["std"] == pytest.approx(math.sqrt(25 / 4 - 49 / 16), rel=1e-15)
    assert row["norm"] == 5
    assert (row["least"], row["largest"]) == (0, 4)
    assert row["filter_norms"] == {"least": 0, "mean": 2.5, "largest": 5, "zeros": 1}
    assert (row["negative"], row["zero"], row["positive"]) == (0, 2, 2)
    assert (row["nan"], row["infinite"]) == (0, 0)
    assert row["notes"] == ["1 filter of zeros"]
    # 64 bins of 1/16: the zeros in the first, 3 where the 49th begins, 4 ends the last
    assert {i: n for i, n in enumerate(row["histogram"]) if n} == {0: 2, 48: 1, 63: 1}


def test_numbers_that_are_not_finite_are_counted_and_left_out(state, capsys):
    nan, inf = math.nan, math.inf
    state["linear1.weight"] = torch.tensor([[nan, inf, -inf, 1], [-2, 2, 1, 0]])
    state["linear1.bias"] = torch.full((2,), nan)
    save(state)
    found = rows(capsys)
    row = found["linear1.weight"]
    assert (row["nan"], row["infinite"]) == (1, 2)
    assert (row["negative"], row["zero"], row["positive"]) == (1, 1, 3)
    assert row["mean"] == pytest.approx(2 / 5)
    assert row["filter_norms"] == {"least": 3, "mean": 3, "largest": 3, "zeros": 0}
    assert row["notes"] == ["1 NaN", "2 infinite"]
    bias = found["linear1.bias"]
    assert [bias[key] for key in ("mean", "std", "norm", "least", "largest", "histogram")] == [
        None
    ] * 6
    assert bias["notes"] == ["2 NaN"]


def test_variances_that_are_none_are_marked(state, capsys):
    state["bn1.running_var"] = torch.tensor([-1.0, 0.0])
    state["bn1.running_mean"] = torch.tensor([-1.0, 0.0])
    save(state)
    found = rows(capsys)
    assert found["bn1.running_var"]["notes"] == ["1 negative", "1 zero"]
    assert found["bn1.running_mean"]["notes"] == []
    assert main(["inspect", "tiny.arch", "state.pt", "--layer", "bn1"]) == 0
    (shown,) = [each for each in capsys.readouterr().out.splitlines() if "running_var" in each]
    assert shown.endswith("1 negative, 1 zero")


def test_a_shared_weight_is_there_once_with_its_uses(state, capsys):
    found = rows(capsys)
    assert found["s.shared_conv1.weight"]["uses"] == 3
    assert found["s.shared_conv1.weight"]["kind"] == "conv"
    assert [name for name in found if "shared" in name] == ["s.shared_conv1.weight"]
    assert {row["uses"] for name, row in found.items() if "shared" not in name} == {1}


def test_a_and_b_of_dirac_layers_are_rows(state, capsys):
    state["d2.a"] = torch.tensor([1.0, 3.0])
    save(state)
    found = rows(capsys)
    assert {name for name in found if name.endswith((".a", ".b"))} == {
        "d1.a", "d1.b", "d2.a", "d2.b", "d3.a",
    }  # fmt: skip
    assert found["d1.a"]["kind"] == "dirac conv"
    assert found["d1.a"]["mean"] == 5
    assert found["d1.b"]["mean"] == pytest.approx(1e-3)
    assert (found["d2.a"]["least"], found["d2.a"]["mean"], found["d2.a"]["largest"]) == (1, 2, 3)


def test_the_negative_ones_of_a_binary_layer_are_its_signs_of_minus_one(state, capsys):
    state["signs.weight"] = torch.tensor([-1.0, -0.0, 0.0, 1.0, 2.0, 3.0, 4.0, -5.0]).view(
        4, 2, 1, 1
    )
    save(state)
    row = rows(capsys)["signs.weight"]
    assert row["kind"] == "binary conv"
    assert (row["negative"], row["zero"], row["positive"]) == (2, 2, 4)


def test_filters_of_a_transposed_convolution_are_its_outputs():
    """[in_channels, out_channels / groups, ..]: output 0 of group 0 is [0:2, 0]."""
    layer = ConvTranspose(in_channels=4, out_channels=4, kernel_size=(1, 1), groups=2)
    weight = torch.tensor([[3.0, 0.0], [4.0, 1.0], [6.0, 5.0], [8.0, 12.0]]).view(4, 2, 1, 1)
    norms = statistics(weight, layer, is_weight=True).filters
    # (3, 4), (0, 1), (6, 8), (5, 12)
    assert norms is not None
    assert (norms.least, norms.mean, norms.largest, norms.zeros) == (1, 29 / 4, 13, 0)


def test_only_weights_of_filters_have_their_norms():
    norm = BatchNorm(num_features=2, spatial=True)
    assert statistics(torch.ones(2), norm, is_weight=True).filters is None
    linear = Linear(in_features=2, out_features=2)
    assert statistics(torch.ones(2), linear, is_weight=False).filters is None


@pytest.mark.parametrize(
    "values", [[2.0, 2.0], [5e-324, 0.0], [-1e308, 1e308], [math.nan], [math.inf, 1.0]]
)
def test_without_a_range_there_is_no_histogram(values):
    tensor = torch.tensor(values, dtype=torch.float64)
    found = statistics(tensor, BatchNorm(num_features=len(values), spatial=True), is_weight=True)
    assert found.histogram == ()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_numbers_of_other_precisions_are_read(state, capsys, dtype):
    save({name: tensor.to(dtype) for name, tensor in state.items()})
    assert rows(capsys)["conv1.weight"]["norm"] == 5


@pytest.mark.parametrize(
    ("spec", "arguments"),
    [
        ("unet", {}),
        ("diracnet", {"depth": "10", "k": "1"}),
        ("onebit", {"depth": "8", "k": "1"}),
        ("share_wrn", {"depth": "10", "k": "1"}),
        ("densenet", {}),
    ],
)
def test_every_tensor_of_a_network_is_a_row_in_its_order(spec, arguments):
    compilation = compile_spec(str(ROOT / f"specs/{spec}.arch"), arguments=arguments)
    with torch.device("meta"):
        built = archdsl.CompiledNetwork(compilation).build()
    wanted = [name for name in built.state_dict() if not name.endswith("num_batches_tracked")]
    layers = kept_layers(compilation.network)
    assert [f"{layer.name}.{tensor.name}" for layer in layers for tensor in layer.tensors] == wanted


# ---------------------------------------------------------------- tables


def test_a_table_has_the_numbers_and_a_sentence(state, capsys):
    assert main(["inspect", "tiny.arch", "state.pt", "--layer", "conv1"]) == 0
    assert capsys.readouterr().out == (
        "tiny: [2, 4, 4] -> [2]\n"
        "\n"
        "layer  kind  tensor  shape         mean   std  norm  least  largest  least filter"
        "  largest filter  negative    zero  positive  histogram         notes\n"
        "-----  ----  ------  ------------  ----  ----  ----  -----  -------  ------------"
        "  --------------  --------  ------  --------  ----------------  -----------------\n"
        "conv1  conv  weight  [2, 2, 1, 1]  1.75  1.79     5      0        4             0"
        "               5       0 %  50.0 %    50.0 %  █           ▄  ▄  1 filter of zeros\n"
        "\n"
        "state.pt: 1 layer, 1 tensor of 4 elements, all numbers finite\n"
    )


def test_a_terminal_without_blocks_gets_ascii(state, capsys, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["inspect", "tiny.arch", "state.pt", "--layer", "conv1"]) == 0
    text = stream.buffer.getvalue().decode("ascii")
    assert "@           =  =" in text
    assert "\\u" not in text


def test_a_bar_that_is_not_empty_is_drawn():
    counts = [0] * BINS
    counts[0], counts[8], counts[-1] = 1, 1_000, 500
    assert line(counts, BLOCKS) == "▁ █" + " " * 12 + "▄"
    assert line(counts, ASCII) == ". @" + " " * 12 + "="
    assert line((), BLOCKS) == ""


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (1.0, "100 %"), (1e-6, "0.1 %"), (1 - 1e-6, "99.9 %"), (1 / 3, "33.3 %")],
)
def test_a_share_that_is_rounded_is_not_said_to_be_none_or_all(share, text):
    assert percent(share) == text


@pytest.mark.parametrize("format", ["markdown", "latex", "csv"])
def test_other_formats_have_the_same_rows(state, capsys, format):
    read = {
        "markdown": lambda page: markdown(page)[1][1:],
        "latex": lambda page: latex(page)[1][1:],
        "csv": lambda page: list(csv.reader(io.StringIO(page)))[1:],
    }
    wanted = [(row["layer"], row["tensor"]) for row in rows(capsys).values()]
    assert main(["inspect", "tiny.arch", "state.pt", "--format", format]) == 0
    found = [tuple(row) for row in read[format](capsys.readouterr().out)]
    first = 1 if format == "csv" else 0  # behind the checkpoint, which CSV always has
    assert [(row[first], row[first + 2]) for row in found] == wanted


def test_csv_has_every_digit(state, capsys):
    assert main(["inspect", "tiny.arch", "state.pt", "--format", "csv", "--layer", "conv1"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row == {
        "checkpoint": "state.pt", "layer": "conv1", "kind": "conv", "tensor": "weight",
        "shape": "2x2x1x1", "uses": "1", "mean": "1.75", "std": "1.7853571071357126",
        "norm": "5.0", "least": "0.0", "largest": "4.0", "least filter": "0.0",
        "largest filter": "5.0", "negative": "0.0", "zero": "0.5", "positive": "0.5",
        "notes": "1 filter of zeros",
    }  # fmt: skip


def test_the_rows_of_several_checkpoints_stand_beside_each_other(state, capsys):
    state["d1.a"] = torch.tensor([4.0])
    save_file(state, "later.safetensors")
    state["d1.a"] = torch.tensor([3.0])
    torch.save(state, "last.pth")
    found = document(capsys, "later.safetensors", "last.pth", "--layer", "d1")
    assert found["checkpoints"] == ["later.safetensors", "last.pth"]
    assert [(row["tensor"], row["checkpoint"]) for row in found["tensors"]] == [
        (tensor, path) for tensor in ("weight", "a", "b") for path in found["checkpoints"]
    ]
    assert [row["mean"] for row in found["tensors"] if row["tensor"] == "a"] == [4, 3]
    assert main(["inspect", "tiny.arch", "later.safetensors", "last.pth", "--layer", "d1"]) == 0
    assert capsys.readouterr().out.splitlines()[2].startswith("checkpoint")


def test_a_pattern_chooses_layers(state, capsys):
    chosen = {row["layer"] for row in rows(capsys, "state.pt", "--layer", "s.*bn1").values()}
    assert chosen == {f"s.blocks.{i}.bn1" for i in range(3)}
    assert main(["inspect", "tiny.arch", "state.pt", "--layer", "S.*"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "archdsl: no layer of `tiny` that keeps tensors is named `S.*`; "
        "`archdsl params --tensors` lists them\n"
    )


# ---------------------------------------------------------------- plots


def texts(path):
    elements = [each for each in ET.parse(path).iter() if each.tag.endswith("}text")]
    return [element.text or "" for element in elements]


def test_a_plot_has_a_histogram_for_each_weight_and_a_and_b(state, capsys):
    save(state, "other.pt")
    command = ["inspect", "tiny.arch", "state.pt", "other.pt", "--plot"]
    assert main([*command, "one.svg"]) == 0
    assert main([*command, "two.svg"]) == 0
    assert Path("one.svg").read_bytes() == Path("two.svg").read_bytes()
    found = texts("one.svg")
    weights = ["conv1", "s.shared_conv1", "d1", "d2", "d3", "signs", "linear1"]
    assert [text for text in found if text.endswith(".weight")] == [f"{w}.weight" for w in weights]
    assert {"a", "b", "Dirac layer", "state.pt", "other.pt"} <= set(found)


def test_a_plot_of_layers_without_filters_is_of_what_they_have(state):
    state["bn1.weight"] = torch.tensor([1.0, 2.0])
    save(state)
    assert main(["inspect", "tiny.arch", "state.pt", "--layer", "bn1", "--plot", "bn.svg"]) == 0
    assert "bn1.weight" in texts("bn.svg")
    assert "Dirac layer" not in texts("bn.svg")


def test_where_there_is_nothing_to_plot_nothing_is_written(state, capsys):
    assert main(["inspect", "tiny.arch", "state.pt", "--layer", "bn1", "--plot", "bn.svg"]) == 1
    assert capsys.readouterr() == (
        "",
        "archdsl: there is nothing to plot: no tensor of these layers has two numbers\n",
    )
    assert not Path("bn.svg").exists()


def test_what_a_user_sets_for_matplotlib_changes_no_plot(state, monkeypatch):
    import matplotlib as mpl

    command = ["inspect", "tiny.arch", "state.pt", "--plot"]
    assert main([*command, "one.svg"]) == 0
    with mpl.rc_context({"lines.linewidth": 9, "font.size": 30}):
        assert main([*command, "two.svg"]) == 0
        assert mpl.rcParams["font.size"] == 30
    assert Path("one.svg").read_bytes() == Path("two.svg").read_bytes()


@pytest.mark.parametrize(
    ("module", "more", "message"),
    [
        ("matplotlib", ["--plot", "x.svg"], "plots need matplotlib: pip install 'archdsl[plots]'"),
        ("torch", [], "inspecting needs torch and safetensors: pip install 'archdsl[deploy]'"),
    ],
)
def test_what_is_not_installed_is_said(state, capsys, monkeypatch, module, more, message):
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["inspect", "tiny.arch", "state.pt", *more]) == 1
    assert capsys.readouterr() == ("", f"archdsl: {message}\n")
    assert not Path("x.svg").exists()


def test_too_many_weights_are_not_plotted(state, capsys, monkeypatch):
    monkeypatch.setattr("archdsl.cli.inspecting.MAX_PANELS", 6)
    assert main(["inspect", "tiny.arch", "state.pt", "--plot", "x.svg"]) == 1
    assert capsys.readouterr() == (
        "",
        "archdsl: 7 weights are more than the 6 that are plotted; choose layers with --layer\n",
    )
    assert main(["inspect", "tiny.arch", "state.pt", "--plot", "x.svg", "--layer", "d*"]) == 0


def test_a_plot_that_cannot_be_written_is_said_and_nothing_is_printed(state, capsys):
    Path("x.svg").mkdir()
    assert main(["inspect", "tiny.arch", "state.pt", "--plot", "x.svg"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "x.svg" in err
    assert sorted(path.name for path in Path().iterdir()) == ["state.pt", "tiny.arch", "x.svg"]


def test_a_plot_has_the_name_of_an_svg(state, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["inspect", "tiny.arch", "state.pt", "--plot", "x.png"])
    assert "`x.png` is no name of an .svg file" in capsys.readouterr().err


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"more": torch.zeros(1)}, "1 not of it, `more`"),
        ({"d1.a": None}, "1 missing, `d1.a`"),
        ({"d1.a": torch.zeros(2)}, "`d1.a` is [2] and should be [1]"),
        ({"d2.a": torch.zeros(1).expand(2)}, "`d2.a` of wrong.pt is larger than what is stored"),
        ({"d1.a": torch.zeros(1).int()}, "`d1.a` of wrong.pt holds no real numbers"),
        ({"d1.a": torch.zeros(1).to_sparse()}, "`d1.a` of wrong.pt holds no real numbers"),
    ],
)
def test_a_checkpoint_of_another_network_is_one_sentence(state, capsys, change, message):
    changed = {name: tensor for name, tensor in (state | change).items() if tensor is not None}
    save(changed, "wrong.pt")
    Path("x.svg").write_text("as it was")
    assert main(["inspect", "tiny.arch", "state.pt", "wrong.pt", "--plot", "x.svg"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert Path("x.svg").read_text() == "as it was"


def test_a_network_of_a_million_layers_is_refused(state, capsys):
    text = "network deep {\n input(3, 8, 8)\n stage s = 1000000 * unit(3)\n}\n"
    Path("deep.arch").write_text(text + "block unit(width) { conv3x3(width) bn }\n")
    assert main(["inspect", "deep.arch", "state.pt"]) == 1
    assert "at most 100,000 are inspected" in capsys.readouterr().err
