"""`python -m benchmarks` works in all parts; what it says of depth holds without a clock."""

import ast
import gc
import json
import os
import shlex
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
import torch

from archdsl.analyses.walk import root, walk
from archdsl.pipeline import compile_spec
from benchmarks import __main__ as command
from benchmarks import (
    counting,
    growing,
    growth,
    installation,
    page,
    parser,
    processes,
    reading,
    schemes,
    steps,
    training,
)
from benchmarks.handwritten import ResNet50
from benchmarks.networks import SUBJECTS, build
from benchmarks.table import Table, Unavailable, rendered
from tests.references.resnet import ResNet

ROOT = Path(__file__).parents[1]
PYTHON = sys.executable


def quiet(_):
    """Show no progress."""


# ---------------------------------------------------------------- growth without a clock

DEEP = 6_000_004


def wrn(depth):
    return compile_spec(f"{ROOT}/specs/wrn.arch", None, {"depth": str(depth)})


class Unnumbered(ast.NodeTransformer):
    """Drops what depth changes in a module: numbers, texts and the name of the network's class."""

    def visit_Constant(self, node):
        return ast.Constant(value=type(node.value).__name__)

    def visit_ClassDef(self, node):
        node.name = node.name.partition("Depth")[0]
        return self.generic_visit(node)


def program(source):
    return ast.dump(Unnumbered().visit(ast.parse(source)))


def test_a_deep_network_has_as_many_nodes_as_a_shallow_one():
    nodes = [sum(1 for _ in walk(root(wrn(depth).network))) for depth in (28, 1_000, DEEP)]
    assert nodes[0] == nodes[1] == nodes[2]
    assert nodes[0] < 100


def test_a_deep_network_is_the_same_program_with_other_numbers():
    shallow, deep = wrn(28).files("wrn"), wrn(DEEP).files("wrn")
    training = {"checkpoint.py", "data.py", "processes.py", "responses.py", "train.py"}
    assert shallow.keys() == deep.keys() == {"model.py", *training}
    for file in shallow:
        assert program(shallow[file]) == program(deep[file])
    assert len(deep["model.py"]) < 1.05 * len(shallow["model.py"])


def test_files_of_deep_networks_differ_in_no_more_than_their_numbers():
    # the same digits in all: where lines break depends on how long they are
    texts = [wrn(depth).files("wrn")["model.py"] for depth in (1_000_006, DEEP)]
    lines = [text.splitlines() for text in texts]
    assert len(lines[0]) == len(lines[1])
    changed = [a for a, b in zip(*lines, strict=True) if a != b]
    assert len(changed) == 3  # command, parameters, and the default of the depth


@pytest.mark.slow
def test_a_deep_network_takes_no_more_memory_than_a_shallow_one():
    def peak(depth):
        gc.collect()  # what is left of other tests is no memory of this one
        tracemalloc.start()
        compilation = wrn(depth)
        assert compilation.counts.sums.total > 0
        assert compilation.files("wrn")
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    deep, shallow = [], []
    for _ in range(3):  # the first imports, and fills what is kept between runs
        deep.append(peak(DEEP))
        shallow.append(peak(28))
    assert min(deep) < 1.05 * min(shallow)


# ---------------------------------------------------------------- the parts


def test_a_process_is_measured_from_start_to_end():
    bare = processes.cost(processes.Command((PYTHON, "-c", "x = bytearray(16 << 20)")))
    busy = "x = bytearray(117 << 20)\nfor i in range(3_000_000): pass\nprint('done')"
    found = processes.cost(processes.Command((PYTHON, "-c", busy)))
    assert found.output.strip() == "done"
    assert found.cpu > bare.cpu > 0
    assert found.peak - bare.peak >= 100 << 20


def test_the_memory_of_whoever_measures_is_not_measured():
    held = bytearray(os.urandom(1 << 20) * 200)
    bare = processes.cost(processes.Command((PYTHON, "-c", "pass")))
    assert bare.peak < 50 << 20 < len(held)


def test_a_command_that_fails_is_an_error_and_no_cost():
    with pytest.raises(processes.CommandError, match=r"1: boom|boom$"):
        processes.cost(processes.Command((PYTHON, "-c", "raise SystemExit('boom')")))


def test_rounds_are_interleaved_and_the_first_is_lost():
    seen = []
    commands = {name: processes.Command((PYTHON, "-c", "pass")) for name in ("a", "b")}
    costs = processes.interleaved(commands, 2, seen.append)
    assert [text[-1] for text in seen] == list("baabba")
    assert seen[0] == "round 0 of 2: b"
    assert {name: len(found) for name, found in costs.items()} == {"a": 2, "b": 2}


def test_archdsl_is_measured_cold_and_warm_and_imports_nothing_heavy():
    here = installation.install(Path(), in_place=True)
    warm = here.warm("params", "specs/digits.arch")
    assert warm.imported == ()
    cold = processes.cost(here.command("params", "specs/digits.arch"))
    assert 0 < warm.cpu < cold.cpu
    assert "parameters" in cold.output


@pytest.mark.slow
def test_counts_stand_next_to_the_truth(monkeypatch):
    monkeypatch.setattr(counting, "PEERS", ("no_such_tool",))
    (sharesnet,) = (s for s in SUBJECTS if s.name == "sharesnet50")
    cost, counts = counting.tables(quiet, 1, [sharesnet], in_place=True)
    assert [row[:2] for row in cost.rows] == [
        ("", "`python -c pass`"),
        ("", '`python -c "import torch"`'),
        ("sharesnet50", "archdsl"),
    ]
    figures = ("20,469,800", "20,469,800", "0", "4,089,184,256", "4,089,184,256", "0")
    assert counts.rows == (("sharesnet50", "archdsl", *figures),)
    assert "not measured: no_such_tool." in cost.note
    assert "imported none of jinja2, lark, numpy, torch." in cost.note


@pytest.mark.parametrize(
    ("tool", "parameters", "macs"),
    [
        ("torchinfo", 20_469_800 + 3_699_328, 4_089_238_376),
        ("fvcore", 20_469_800, 4_111_512_576),
    ],
)
def test_what_other_tools_count(tool, parameters, macs):
    # torchinfo 1.8.0 and fvcore 0.1.5 in their own words
    pytest.importorskip(tool)
    words = (PYTHON, "-m", "benchmarks.peers", tool, "sharesnet50", "1")
    answer = json.loads(processes.cost(processes.Command(words)).output.splitlines()[-1])
    assert (answer["parameters"], answer["macs"]) == (parameters, macs)
    assert answer["cpu"] > 0


def test_subjects_are_what_archdsl_generated():
    for subject in SUBJECTS:
        settings = dict(word.split("=") for word in subject.spec[1:] if word != "--set")
        compilation = compile_spec(f"{ROOT}/{subject.spec[0]}", None, settings)
        assert compilation.name == subject.folder
        assert compilation.class_name(compilation.name) == subject.class_name
        assert compilation.network.input.shape == (3, subject.image, subject.image)


def test_growth_is_measured():
    different, depth = growth.tables(quiet, 1, (1, 2), (28,), in_place=True)
    assert [row[0] for row in different.rows] == ["1", "2"]
    assert [row[0] for row in depth.rows] == ["28"]
    lines = (ROOT / "generated/wrn/model.py").read_text().count("\n")
    assert depth.rows[0][-1] == str(lines)


def test_the_chain_has_no_equal_blocks():
    from archdsl.pipeline import compile_text

    def nodes(blocks):
        network = compile_text(growth.CHAIN, arguments={"blocks": str(blocks)}).network
        return sum(1 for _ in walk(root(network)))

    assert nodes(30) - nodes(20) == nodes(20) - nodes(10) > 0
    assert nodes(growth.BLOCKS[-1]) > growth.BLOCKS[-1]  # no limit forbids the largest


def test_the_parser_is_measured():
    (table,) = parser.tables(quiet, 1)
    assert len(table.rows) == len(parser.WAYS)


# ---------------------------------------------------------------- steps


def test_the_hand_written_network_is_the_generated_one():
    torch.manual_seed(0)
    hand, generated, reference = ResNet50().double(), build(SUBJECTS[0]).double(), ResNet(50)
    assert list(hand.state_dict()) == list(generated.state_dict()) == list(reference.state_dict())
    generated.load_state_dict(hand.state_dict(), strict=True)
    images = torch.randn(2, 3, 64, 64, dtype=torch.double)
    with torch.no_grad():
        torch.testing.assert_close(generated.eval()(images), hand.eval()(images))
        torch.testing.assert_close(generated.train()(images), hand.train()(images))


def test_steps_are_timed_beside_one_another():
    (table,) = steps.tables(quiet, 1, "cpu", batch=2, image=32)
    assert [row[1] for row in table.rows] == [steps.HAND, steps.TWIN, steps.GENERATED]
    assert table.rows[0][3] == "1.000"
    assert all(float(row[3]) > 0 for row in table.rows)


def test_readers_are_timed_beside_one_another():
    (table,) = reading.tables(quiet, 1, images=4)
    ways = [reading.USUAL, reading.AGAIN]
    for own in (reading.OURS, reading.SHARDS):
        ways += [own, own + reading.FINISHED]
    assert [row[:2] for row in table.rows] == [
        (augmentation, way) for augmentation in reading.AUGMENTATIONS for way in ways
    ]
    assert all(float(row[3]) > 0 for row in table.rows)


def test_steps_are_timed_under_each_scheme():
    (table,) = schemes.tables(quiet, 1, "cpu", batch=2, image=16, depth=10)
    assert [row[1] for row in table.rows] == list(schemes.SCHEMES)
    assert table.rows[0][3] == "1.000"
    assert all(float(row[3]) > 0 for row in table.rows)


def test_schemes_are_compared_on_one_network():
    modules = {name: schemes.build(scheme, 10, 16) for name, scheme in schemes.SCHEMES.items()}
    counts = {name: sum(p.numel() for p in module.parameters()) for name, module in modules.items()}
    plain = counts["plain"]
    # 6 layers under a scheme: `a` and `b` each, or for each of 2 x (32 + 64 + 128) channels
    assert counts == {
        "plain": plain,
        "plain, again": plain,
        "Dirac": plain + 2 * 6,
        "Dirac v2": plain + 2 * 448,
        "one bit": plain,
    }


def test_steps_of_growing_networks_are_timed_beside_static_ones(monkeypatch):
    small = growing.SUBJECTS[0]._replace(widths=(2, 4, 6, 8), repeats=1)
    monkeypatch.setattr(growing, "SUBJECTS", (small,))
    (table,) = growing.tables(quiet, 1, "cpu")
    expected = [name for name, way in growing.WAYS.items() if not way.first]
    assert [row[2] for row in table.rows] == [*expected, growing.GROWTH]
    assert table.rows[0][4] == "1.000"
    assert all(float(row[4]) > 0 for row in table.rows)
    assert "train" not in sys.modules


@pytest.mark.parametrize(
    ("number", "way", "parameters", "learned"),
    [  # issue 11: the sine's counts; 4 times the widths of mnist_grown; wrn.arch, depth = 16, k = 2
        (0, growing.GROWN, 1_501, 1_501),
        (0, "first phase", 376, 376),
        (0, "grown, 3/4 fixed", 1_501, 375),
        (1, growing.STATIC, 24_058, 24_058),
        (1, "grown, 3/4 fixed", 24_058, 10_822),
        (1, "first two fixed, cached", 24_058, 24_058 - (9 * 16 + 2 * 16) - (9 * 16 * 32 + 2 * 32)),
        (1, "static, a quarter", 1_702, 1_702),
        (3, growing.STATIC, 691_674, 691_674),
        (3, growing.GROWN, 691_674, 691_674),
    ],
)
def test_what_is_timed_is_the_network_that_the_table_says(
    tmp_path, number, way, parameters, learned
):
    made = growing.training_of(
        growing.SUBJECTS[number], growing.WAYS[way], "cpu", tmp_path / "files"
    )
    assert sum(p.numel() for p in made.model.parameters()) == parameters
    optimizer = getattr(made.optimizer, "optimizer", made.optimizer)
    handed = [p for group in optimizer.param_groups for p in group["params"]]
    assert sum(p.numel() for p in handed) == learned


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("part", [steps, schemes, growing])
def test_without_a_cuda_device_a_line_says_so(part):
    with pytest.raises(Unavailable, match="no CUDA device"):
        part.tables(quiet, 1, "cuda")


# ---------------------------------------------------------------- command and page


def test_the_command_prints_aligned_tables(capsys, monkeypatch):
    table = Table("Title", "Note.", ("what", "n"), (("a", "1"), ("long", "10,000"), ("c", "")))
    monkeypatch.setattr(parser, "tables", lambda _progress, **_: [table])
    assert command.main(["parser"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "### Title",
        "",
        "Note.",
        "",
        "| what |      n |",
        "|------|-------:|",
        "| a    |      1 |",
        "| long | 10,000 |",
        "| c    |        |",
        "",
    ]


def test_a_part_that_cannot_run_stops_no_other(capsys, monkeypatch):
    def missing(_progress, **_):
        raise Unavailable("lark is not here")

    table = Table("Title", "Note.", ("what",), (("a",),))
    monkeypatch.setattr(parser, "tables", missing)
    monkeypatch.setattr(growth, "tables", lambda _progress, **_: [table])
    assert command.main(["parser", "growth"]) == 1
    printed = capsys.readouterr()
    assert "parser: lark is not here" in printed.err
    assert "### Title" in printed.out


@pytest.mark.parametrize("words", [["no_such_part"], ["--rounds", "0"], ["--device", "tpu"]])
def test_wrong_usage_is_said(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(words)
    assert stopped.value.code == 2
    assert words[-1] in capsys.readouterr().err


def test_an_epoch_of_a_script_is_timed_beside_the_usual_way(monkeypatch):
    small = training.Subject("WRN-10-1", "wrn", {"depth": "10", "k": "1"}, 2)
    monkeypatch.setattr(training, "ON_CPU", (small,))
    (table,) = training.tables(lambda _: None, rounds=1, device="cpu")
    assert [row[:3] for row in table.rows] == [
        ("cpu, 2 images", "WRN-10-1", way) for way in ("script", "usual", "step by hand")
    ]
    script, usual, by_hand = ([float(cell or 0) for cell in row[3:]] for row in table.rows)
    assert script[3] == pytest.approx(script[0] / usual[0], rel=0.01)
    assert script[4] == pytest.approx(script[0] / by_hand[0], rel=0.01)
    assert 0 < script[2] < 100
    assert not {*training.FILES} & {*sys.modules}


def test_a_device_is_busy_while_any_kernel_runs():
    assert training.busy([(0, 2), (1, 3), (5, 6), (5.5, 5.75), (8, 10)]) == pytest.approx(0.6)
    assert training.busy([(4, 5)]) == 1


def test_all_parts_are_run_unless_some_are_named(capsys, monkeypatch):
    def missing(_progress, **_):
        raise Unavailable("not here")

    for part in (counting, growth, parser, steps, schemes, growing, reading, training):
        monkeypatch.setattr(part, "tables", missing)
    assert command.main([]) == 1
    assert capsys.readouterr().err.splitlines() == [f"{p}: not here" for p in command.PARTS]


def test_help_needs_no_torch():
    code = "import sys, benchmarks.__main__ as m; print('torch' in sys.modules)"
    words = (PYTHON, "-c", code)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_page_keeps_the_sections_that_were_not_measured():
    old = page.updated("", {"A": "## A\n\nold a", "B": "## B\n\nold b"}, ["A", "B"])
    new = page.updated(old, {"B": "## B\n\n### sub\n\nnew b", "C": "## C\n\nc"}, ["C", "A", "B"])
    assert new == f"{page.HEAD}\n## C\n\nc\n\n## A\n\nold a\n\n## B\n\n### sub\n\nnew b\n"


def test_a_section_says_what_it_was_measured_with():
    table = Table("Title", "Note.", ("what",), (("a",),))
    text = page.Section("Heading", (table,), shlex.join(["python", "-m", "benchmarks"])).text()
    assert text.startswith("## Heading\n\n`python -m benchmarks`, 20")
    assert f"torch {torch.__version__}" in text
    assert text.endswith(rendered(table))
