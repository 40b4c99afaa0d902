"""`archdsl match`: which entries of a file fit, and the names that make the others fit."""

import json
import re
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import archdsl
from archdsl.analyses.renaming import Named, fit
from archdsl.cli import main

ROOT = Path(__file__).parents[2]
SPEC = """\
network small {
    input(3, 8, 8)
    stage layer1 = 3 * unit(8)
    avgpool
    fc: linear(10)
}
block unit(width) { conv3x3(width) bn relu }
"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("small.arch").write_text(SPEC)
    return archdsl.compile("small.arch").build()


def renamed(state):
    """Return a state as one who wrote the network otherwise has it."""
    return {
        f"backbone.{name}".replace("layer1.", "stages.").replace("backbone.fc", "head"): tensor
        for name, tensor in state.items()
    }


def match(capsys, *words):
    status = main(["match", "small.arch", *words])
    return status, capsys.readouterr()


def test_a_state_of_the_network_fits(small, capsys):
    torch.save(small.state_dict(), "small.pt")
    save_file(small.state_dict(), "small.safetensors")
    for path in ("small.pt", "small.safetensors"):
        status, printed = match(capsys, path)
        assert status == 0
        assert printed.out.endswith("20 entries fit\neverything fits\n")


def test_names_are_found_and_written_and_the_weights_load(small, capsys):
    torch.save(renamed(small.state_dict()), "other.pt")
    status, printed = match(capsys, "other.pt")
    assert status == 1
    assert "20 entries missing in the file" in printed.out
    assert "layer1.0.conv1.weight  [8, 3, 3, 3]  <- backbone.stages.0.conv1.weight" in printed.out
    assert printed.out.endswith("renamed: --map FILE writes the names\n")
    status, printed = match(capsys, "other.pt", "--map", "names.json")
    assert status == 0
    names = json.loads(Path("names.json").read_text())
    assert names["backbone.stages.2.bn1.running_var"] == "layer1.2.bn1.running_var"
    assert names["head.weight"] == "fc.weight"
    state = torch.load("other.pt", weights_only=True)
    again = archdsl.compile("small.arch").build()
    again.load_state_dict({names.get(name, name): tensor for name, tensor in state.items()})
    assert all(
        torch.equal(a, b) for a, b in zip(again.parameters(), small.parameters(), strict=True)
    )


def test_what_is_missing_too_many_and_of_another_shape_is_said(small, capsys):
    state = small.state_dict()
    state["fc.weight"] = torch.zeros(5, 8)
    del state["layer1.1.bn1.bias"]
    state["layer1.1.bn1.bais"] = torch.zeros(8)
    torch.save(state, "odd.pt")
    status, printed = match(capsys, "odd.pt")
    assert status == 1
    assert "18 entries fit" in printed.out
    assert "fc.weight  [10, 8], in the file [5, 8]" in printed.out
    assert "layer1.1.bn1.bias  [8]  did you mean layer1.1.bn1.bais?" in printed.out
    status, printed = match(capsys, "odd.pt", "--format", "json")
    found = json.loads(printed.out)
    assert status == 1
    assert found["missing"] == [{"name": "layer1.1.bn1.bias", "shape": [8]}]
    assert found["unexpected"] == [{"name": "layer1.1.bn1.bais", "shape": [8]}]
    assert found["reshaped"] == [{"name": "fc.weight", "network": [10, 8], "file": [5, 8]}]
    page = (ROOT / "docs/machine-readable.md").read_text().split("`match --format json`")[1]
    keys = re.findall(r"`(\w+)`", page.split("\n## ")[0])
    assert set(found) <= set(keys)


@pytest.mark.parametrize("form", ["text", "sizes", "names", "pairs", "object", "tensors"])
def test_lists_are_read_in_every_form(small, capsys, form):
    state = {name: list(tensor.shape) for name, tensor in small.state_dict().items()}
    if form == "tensors":
        main(["params", "small.arch", "--tensors", "--format", "json"])
        text = capsys.readouterr().out
    else:
        text = {
            "text": "# a comment\n" + "".join(f"{n} {s}\n" for n, s in state.items()),
            "sizes": "".join(f"{n}: torch.Size({s})\n" for n, s in state.items()),
            "names": "\n".join(state),
            "pairs": json.dumps(list(state.items())),
            "object": json.dumps(state),
        }[form]
    Path("keys").write_text(text)
    status, printed = match(capsys, "keys")
    assert status == 0, printed


def test_counters_of_batches_may_be_left_out(small, capsys):
    state = {n: t for n, t in small.state_dict().items() if not n.endswith("batches_tracked")}
    torch.save(state, "old.pt")
    status, printed = match(capsys, "old.pt")
    assert status == 0
    assert "3 entries that count batches are not in the file, and need not be" in printed.out


def header(found):
    text = json.dumps(found).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.safetensors", b"\xff" * 8, "its header is 18,446,744,073,709,551,615 bytes long"),
        ("a.safetensors", struct.pack("<Q", 99) + b"{}", "its header is cut off"),
        ("a.safetensors", header([]), "its header lists no tensors"),
        ("a.safetensors", header({"w": {"shape": "8"}}), "gives `w` no shape"),
        ("a.safetensors", header({"w": {"shape": [True]}}), "gives `w` no shape"),
        ("a.safetensors", header({"w": {"shape": [1] * 65}}), "gives `w` no shape"),
        ("a.json", b'{"w": [9223372036854775808]}', "gives `w` no shape"),
        ("a.safetensors", header({}), "lists no entry"),
        ("a.json", b"[" * 100_000, "no JSON that can be read"),
        ("a.json", b"[1]", 'no "name"'),
        ("a.json", b'["w", "w"]', "has `w` twice"),
        ("a.json", b'["\\u001b[2Jw", "\\u001b[2Jw"]', "has `\\x1b[2Jw` twice"),
        ("a.txt", b"a b c d\n", "a.txt:1: this is no `name`"),
        ("a.txt", b"\xff\xfe\x00", "neither a checkpoint nor a list"),
        ("a.txt", b"", "lists no entry"),
        ("a.pt", b"PK\x03\x04" + b"x" * 40, "no checkpoint that torch.load can read"),
    ],
)
def test_bad_files_end_in_a_sentence(small, capsys, name, content, message):
    Path(name).write_bytes(content)
    status, printed = match(capsys, name)
    assert status == 1
    assert message in printed.err
    assert not printed.out
    assert printed.err.count("\n") == 1


def test_nothing_in_a_pickle_is_run(small, capsys):
    class Evil:
        def __reduce__(self):
            return Path.touch, (Path("run"),)

    torch.save({"w": Evil()}, "evil.pt")
    status, printed = match(capsys, "evil.pt")
    assert status == 1
    assert "is not run" in printed.err
    assert not Path("run").exists()


def test_modules_of_one_shape_go_by_name_then_by_place():
    wanted = [Named(name, (4,)) for name in ("block.0.conv3.weight", "block.0.downsample.weight")]
    found = [Named(name, (4,)) for name in ("b.0.downsample.weight", "b.0.conv3.weight")]
    assert fit(wanted, found).renamed == {
        "b.0.downsample.weight": "block.0.downsample.weight",
        "b.0.conv3.weight": "block.0.conv3.weight",
    }
    wanted = [Named(f"features.{n}.weight", (4,)) for n in range(5)]
    found = [Named(f"{letter}.weight", (4,)) for letter in "vwxyz"]
    assert list(fit(wanted, found).renamed.values()) == [entry.name for entry in wanted]


def test_the_names_of_early_densenets_are_found(capsys, tmp_path):
    """torchvision's published DenseNets have `norm.1` for `norm1`."""
    lines = (ROOT / "tests/published/densenet.txt").read_text().splitlines()[1:]
    old = [re.sub(r"(norm|conv)([12])\.", r"\1.\2.", line) for line in lines]
    path = tmp_path / "keys.txt"
    path.write_text("\n".join(old))
    names = tmp_path / "names.json"
    assert main(["match", f"{ROOT}/specs/densenet.arch", str(path), "--map", str(names)]) == 0
    found = json.loads(names.read_text())
    pairs = zip(old, lines, strict=True)
    wanted = {a.split()[0]: b.split()[0] for a, b in pairs if a != b}
    assert found == wanted
