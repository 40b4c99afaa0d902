"""`archdsl params` with columns, a batch, a precision and a device; `expect` of memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import archdsl
from archdsl.cli import main
from archdsl.cli.completing import script
from archdsl.report.quantities import QUANTITIES

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/command-line.md").read_text("utf-8")
SMALL = """\
network small {
    input(3, 8, 8)
    stem { conv3x3(4) bn relu }
    head { avgpool linear(10) }
}
"""


@pytest.fixture
def spec(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("small.arch").write_text(SMALL)
    return "small.arch"


# a map of 4 channels is 2 * 4 * 64 * 4 = 2,048 bytes; the linear layer keeps [2, 4]
TABLE = """\
small: [3, 8, 8] -> [10]

part   parameters    MACs  activations (bytes)  receptive field
-----  ----------  ------  -------------------  ---------------
stem          116  6,912                4,128                3
head           50      40                   32              all
-----  ----------  ------  -------------------  ---------------
total         166   6,952                4,160
"""


def test_columns_are_those_that_are_named(spec, capsys):
    columns = "parameters,macs,activations,receptive"
    assert main(["params", spec, "--batch", "2", "--columns", columns]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = [line.split() for line in lines[2:8] if "-" not in line]
    assert found == [line.split() for line in TABLE.splitlines()[2:] if "-" not in line]


def test_the_sentences_say_what_training_takes(spec, capsys):
    assert main(["params", spec, "--batch", "2", "--device", "memory=1e6"]) == 0
    said = capsys.readouterr().out.partition("training with a batch of 2 in float32:\n")[2]
    lines = {line[14:]: line[:12].strip() for line in said.splitlines()}
    assert lines["weights"] == lines["gradients"] == "664 B"
    assert lines["input"] == "1.54 kB"
    assert lines["activations that autograd keeps"] == "4.16 kB"
    assert "is the largest batch that fits in the 1.00 MB of the device" in said


def test_a_device_that_is_too_small_has_no_batch(spec, capsys):
    assert main(["params", spec, "--device", "memory=1000"]) == 0
    assert "no batch fits in the 1.00 kB of the device" in capsys.readouterr().out.replace(
        "no batch that fits", "no batch fits"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--columns", "macs,activation"], "no column `activation`; did you mean `activations`?"),
        (["--columns", "flops"], "no column `flops`"),
        (["--columns", ""], "no column ``"),
        (["--columns", "macs,macs"], "names a column twice"),
        (["--batch", "0"], "--batch must be 1 to 16,777,216, not 0"),
        (["--device", "h10"], "no device `h10`"),
        (["--device", "memory=much"], "`memory=much` must be a number above 0"),
        (["--columns", "macs", "--tensors"], "--tensors has columns of its own"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(spec, capsys, arguments, message):
    assert main(["params", spec, *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err


@pytest.mark.parametrize("form", ["csv", "markdown", "latex"])
def test_each_format_has_the_columns(spec, capsys, form):
    names = ",".join(QUANTITIES)
    arguments = ["--columns", names, "--device", "h100", "--format", form, "--by", "layer"]
    assert main(["params", spec, *arguments]) == 0
    first = next(line for line in capsys.readouterr().out.splitlines() if "receptive" in line)
    assert all(quantity.title in first for quantity in QUANTITIES.values())


def test_the_object_has_a_section_whose_keys_are_on_the_page(spec, capsys):
    assert main(["params", spec, "--batch", "2", "--device", "h100", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    memory = document["memory"]
    assert (memory["batch"], memory["activations"]) == (2, 4_160)
    machines = (ROOT / "docs/machine-readable.md").read_text("utf-8")
    section = machines.split("\n## Memory")[1].split("\n## ")[0]
    for key in (*memory, *memory["device"], *memory["rows"][0]):
        assert f"`{key}`" in section, key
    with_page = json.loads(archdsl.compile(spec).to_json())
    assert "memory" not in with_page


def test_columns_devices_and_precisions_are_on_the_page_and_in_completion():
    for shell in ("bash", "zsh", "fish"):
        text = script(shell)
        assert all(name in text for name in (*QUANTITIES, "h100", "bfloat16")), shell
    section = PAGE.split("\n### Memory and time")[1].split("\n## ")[0]
    assert all(f"`{name}`" in section for name in QUANTITIES)


def test_python_refuses_what_the_command_line_refuses(spec):
    network = archdsl.compile(spec)
    refused = pytest.raises(ValueError, match=r".")
    with refused:
        network.memory(batch=0)
    with refused:
        network.memory(by="phase")
    with refused:
        network.memory(device="h10")
    with refused:
        network.memory(precision="float16")


def test_what_only_counts_loads_nothing_of_this(spec):
    code = (
        "import sys; from archdsl.cli import main\n"
        f"main(['params', {spec!r}])\n"
        "print([name for name in sys.modules if 'memory' in name or 'measuring' in name])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"
