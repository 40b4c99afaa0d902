"""No spec makes the compiler fail, take 2 seconds or 300 MB, or say nothing; none runs anything."""

import ast
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from archdsl.diagnostics import SpecError
from archdsl.pipeline import compile_text
from archdsl.suggest import closest
from tests.hostile_specs import SPECS
from tests.sandbox import ROOT, Sandbox
from tests.test_mutations import NAMES, PIECE, TEXTS, VALUES, mutated

TINY = """\
network tiny(width = 4, note = "x") {
    input(1, 8, 8)
    stem { conv3x3(width) bn relu }
    head { avgpool linear(10) }
    require note != "never", "no"
    train = quick
}
train quick {
    data      = digits()
    batch     = 32
    epochs    = 1
    optimizer = sgd(lr = 0.1)
    schedule  = cosine
}
"""


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(slack=4.0) as box:
        yield box


@pytest.fixture(scope="module")
def strict_sandbox():
    with Sandbox() as box:
        yield box


@pytest.fixture
def folder(sandbox, tmp_path):
    (tmp_path / "tiny.arch").write_text(TINY)
    return tmp_path


def faults(sandbox, text, *commands):
    """Return what is wrong with how commands end on a spec, by command."""
    path = Path(sandbox.folder.name) / "spec.arch"
    found = {}
    for command in commands:
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))
        found[command] = sandbox.run(command, path.name).faults()
    return {command: each for command, each in found.items() if each}


# ---------------------------------------------------------------- size


CI = sorted(SPECS)[::10]


@pytest.mark.parametrize("name", CI)
def test_specs_that_ask_for_too_much_end_soon(name, sandbox):
    assert faults(sandbox, SPECS[name], "check") == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SPECS))
def test_all_specs_that_ask_for_too_much_end_soon(name, strict_sandbox):
    assert faults(strict_sandbox, SPECS[name], "check", "params", "compile", "fmt") == {}


def test_only_so_many_mistakes_are_shown():
    lines = "".join(f"    lay{i}\n" for i in range(200))
    with pytest.raises(SpecError) as error:
        compile_text(f"network n {{\n    input(3)\n{lines}}}\n")
    assert len(error.value.diagnostics) == 50
    assert error.value.diagnostics[-1].notes[-1].message.startswith("there is more")


def test_a_name_is_found_among_thousands():
    assert closest("convolution77", [f"convolution{i}x" for i in range(9_000)]) is not None
    assert closest("con3x3", [*(f"name{i}" for i in range(9_000)), "conv3x3"]) == "conv3x3"


# ---------------------------------------------------------------- mutated and random


def soup(draw):
    """Return words of the language in any order."""
    words = [*NAMES, *VALUES, *"(){}[],:=+-*/%<>.\n", "==", "{ }", "network n {", "}\n"]
    return " ".join(draw.choices(words, k=draw.randrange(1, 200)))


def spliced(draw):
    """Return pieces of several specs."""
    pieces = [PIECE.findall(draw.choice(TEXTS)) for _ in range(3)]
    return "".join("".join(p[draw.randrange(len(p)) :][: draw.randrange(80)]) for p in pieces)


def broken(draw):
    """Return a spec with bytes exchanged."""
    raw = bytearray(draw.choice(TEXTS).encode())
    for _ in range(draw.choice((1, 3, 30))):
        raw[draw.randrange(len(raw))] = draw.randrange(256)
    return bytes(raw)


def twice_mutated(draw):
    return mutated(mutated(draw.choice(TEXTS), draw), draw)


KINDS = (soup, spliced, broken, twice_mutated, twice_mutated, lambda draw: draw.randbytes(300))


def check_random(sandbox, seeds):
    commands = ("check", "compile", "fmt")
    found = {}
    for seed in seeds:
        draw = random.Random(seed)
        text = draw.choice(KINDS)(draw)
        if wrong := faults(sandbox, text, commands[seed % 3]):
            found[seed] = wrong
    assert found == {}


def test_mutated_and_random_texts_are_refused_or_compile(sandbox):
    check_random(sandbox, range(50))


@pytest.mark.slow
def test_many_mutated_and_random_texts_are_refused_or_compile(strict_sandbox):
    check_random(strict_sandbox, range(100, 21_000))


# ---------------------------------------------------------------- what a text looks like


@pytest.mark.parametrize(
    ("raw", "status", "said"),
    [
        (b"\xef\xbb\xbf" + TINY.encode(), 0, ""),
        (TINY.replace("\n", "\r\n").encode(), 0, ""),
        (TINY.replace("\n", "\r").encode(), 0, ""),
        (TINY.replace("    ", "\t").encode(), 0, ""),
        (b"\xff\xfe" + TINY.encode("utf-16-le"), 1, "E201"),
        (TINY.encode() + b"# \xe9\n", 1, "E201"),
        (TINY.encode() + b"\0", 1, "E105"),
        (TINY.encode() + "# \u202e } {\n".encode(), 1, "E105"),
        (TINY.replace('"x"', '"\u2066x"').encode(), 1, "E105"),
        (TINY.replace('"x"', '"\x1b[2J"').encode(), 1, "E105"),
        (TINY.replace("width", "w\u0456dth").encode(), 1, "E105"),
        (b"", 0, ""),
    ],
)
def test_texts_are_read_or_refused(raw, status, said, sandbox, tmp_path):
    (tmp_path / "spec.arch").write_bytes(raw)
    outcome = sandbox.run("check", "spec.arch", cwd=tmp_path)
    assert outcome.faults() == []
    assert outcome.status == status
    assert said in outcome.err
    assert re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069]", outcome.err) is None


def test_what_is_no_file_is_refused(sandbox, tmp_path):
    (tmp_path / "folder.arch").mkdir()
    os.mkfifo(tmp_path / "pipe.arch")
    (tmp_path / "zero.arch").symlink_to("/dev/zero")
    (tmp_path / "outside.arch").symlink_to("/etc/passwd")
    (tmp_path / "importer.arch").write_text('import x from "outside.arch"\n')
    (tmp_path / "piper.arch").write_text('import x from "pipe.arch"\n')
    for name in ("folder", "pipe", "zero", "importer", "piper", "missing", "x" * 300):
        outcome = sandbox.run("check", f"{name}.arch", cwd=tmp_path)
        assert (outcome.status, outcome.faults()) == (1, []), name
        assert "root:" not in outcome.err


def test_imports_end(sandbox, tmp_path):
    for i in range(120):
        (tmp_path / f"s{i}.arch").write_text(
            f'import b{i + 1} from "s{i + 1}.arch"\nblock b{i} {{ relu }}\n'
        )
    (tmp_path / "a.arch").write_text('import b from "b.arch"\nblock a { relu }\n')
    (tmp_path / "b.arch").write_text('import a from "a.arch"\nblock b { relu }\n')
    for name, code in (("s0", "E207"), ("a", "E206")):
        outcome = sandbox.run("check", f"{name}.arch", cwd=tmp_path)
        assert (outcome.status, outcome.faults()) == (1, [])
        assert code in outcome.err


# ---------------------------------------------------------------- nothing of a spec runs


NASTY = (
    'a"""b',
    "a\\",
    'a\\"""',
    "a\nimport os\nos.mkdir('pwned')\n",
    "\r__import__('os').mkdir('pwned')#",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "%s%(x)s%d",
    "{0} {x!r}",
    "$(mkdir pwned)",
    "`mkdir pwned`",
    "'; import os; os.mkdir('pwned'); '",
    "\x1b[2J",
    "\u202egnp",
    "\u2028import os",
    "\x0cimport os",
    "a b",
    "-x",
    "n:n",
)
ALLOWED_IMPORTS = {"torch", "numpy", "sklearn", "model"}


def names_in(source):
    """Return the identifiers and imported modules of a generated file."""
    tree = ast.parse(source)
    imports = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imports.add((node.module or "").split(".")[0])
    named = (ast.Name, ast.Attribute, ast.arg, ast.ClassDef, ast.FunctionDef, ast.keyword)
    shape = [type(node).__name__ for node in ast.walk(tree)]
    identifiers = [
        getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "name", None)
        for node in ast.walk(tree)
        if isinstance(node, named)
    ]
    return imports, shape, identifiers


def compiled(sandbox, folder, name):
    """Return the texts that a spec of this name becomes."""
    (folder / f"{name}.arch").write_text(TINY)
    outcome = sandbox.run("compile", "--out", "out", "--", f"{name}.arch", cwd=folder)
    assert (outcome.status, outcome.faults()) == (0, [])
    return [(folder / "out/tiny" / file).read_text() for file in ("model.py", "train.py")]


@pytest.fixture(scope="module")
def plain(sandbox, tmp_path_factory):
    return compiled(sandbox, tmp_path_factory.mktemp("plain"), "plain")


@pytest.mark.parametrize("name", NASTY)
def test_a_path_is_nothing_but_text_of_a_docstring(name, plain, sandbox, tmp_path):
    for expected, generated in zip(plain, compiled(sandbox, tmp_path, name), strict=True):
        assert names_in(generated) == names_in(expected)
        assert max(map(len, generated.split("\n"))) < 300
    assert not list(tmp_path.glob("**/pwned"))


@pytest.mark.parametrize("text", [n for n in NASTY if '"' not in n and n.isprintable()])
def test_a_string_is_nothing_but_text(text):
    spec = TINY.replace('"x"', f'"{text}"')
    plain, nasty = (compile_text(s).files("tiny") for s in (TINY, spec))
    for file, generated in nasty.items():
        assert names_in(generated) == names_in(plain[file])


@pytest.mark.parametrize(
    "value", ['"', "1; import os", "__import__('os')", "1\nimport os", '"\x1b"']
)
def test_set_takes_values_and_nothing_else(value, sandbox, folder):
    outcome = sandbox.run("compile", "tiny.arch", "--set", f"note={value}", cwd=folder)
    assert (outcome.status, outcome.faults()) == (1, [])


@pytest.mark.parametrize("name", ["", "../x", "a/b", "class;", "1x", "a b", 'a"', "\n", "é", "__"])
def test_name_takes_names_and_nothing_else(name, sandbox, folder):
    outcome = sandbox.run("compile", "tiny.arch", "--name", name, cwd=folder)
    assert outcome.status == 2
    assert not (folder / "generated").exists()


RESERVED = (
    "class", "def", "import", "None", "True", "print", "exec", "eval", "self", "forward", "super",
    "torch", "nn", "F", "Tensor", "Module", "__init__", "__class__", "__import__", "__del__",
    "__getattr__", "_modules", "training", "parameters", "state_dict", "train", "eval_", "range",
    "x", "out", "math", "type", "dtype", "device", "Conv2d", "Sequential", "os",
)  # fmt: skip


@pytest.mark.parametrize("name", RESERVED)
def test_hostile_names_are_refused_or_harmless(name):
    before = "network n {\n    input(3, 8, 8)\n    "
    specs = (
        f"network {name} {{\n    input(3, 8, 8)\n    conv3x3(8)\n}}\n",
        f"{before}{name}: conv3x3(8)\n}}\n",
        f"{before}{name}: {{ conv3x3(8) }}\n}}\n",
        f"{before}stage {name} = 2 * b(8)\n}}\nblock b(w) {{ conv3x3(w) }}\n",
        f"{before}{name}(8)\n}}\nblock {name}(w) {{ conv3x3(w) bn }}\n",
        f"{before}b(8)\n    b(9)\n}}\nblock b({name}) {{ conv3x3({name}) bn }}\n",
        f"network n({name} = 8) {{\n    input(3, 8, 8)\n    let a = {name}\n    conv3x3(a)\n}}\n",
    )
    models = []
    for spec in specs:
        with suppress(SpecError):
            compilation = compile_text(spec)
            models.append(compilation.files(compilation.name)["model.py"])
    for model in models:
        imports, _, _ = names_in(model)
        assert imports == {"torch"}


AUDITED = """
import sys
import torch
from torch import nn
import torch.nn.functional
sources = open(sys.argv[1]).read().split("\\0")
codes = [compile(source, f"<{i}>", "exec") for i, source in enumerate(sources)]
events = []
forbidden = ("open", "exec", "compile", "subprocess", "os.", "socket", "ctypes", "shutil")
sys.addaudithook(lambda event, args: events.append((event, repr(args)[:80])))
for code in codes:
    start = len(events)
    exec(code, {"__name__": "model"})
    wrong = [e for e in events[start + 1 :] if e[0].startswith(forbidden)]
    imported = [e for e in events[start + 1 :] if e[0] == "import" and "torch" not in e[1]]
    sys.stdout.write(f"{wrong}{imported}\\n" if wrong or imported else "")
"""


def test_importing_generated_code_does_nothing_but_import_torch(tmp_path):
    models = []
    for name in NASTY:
        spec = TINY.replace('"x"', f'"{name}"') if '"' not in name and name.isprintable() else TINY
        compilation = compile_text(spec, name=f"{name}.arch")
        models.append(compilation.files("tiny")["model.py"])
    (tmp_path / "models.txt").write_text("\0".join(models))
    done = subprocess.run(
        [sys.executable, "-c", AUDITED, str(tmp_path / "models.txt")],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["models.txt"]


# ---------------------------------------------------------------- outputs whole or not at all


def command(*words):
    return [sys.executable, "-m", "archdsl", *words]


def started(folder, *words, **more):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command(*words), cwd=folder, env=environment, stderr=subprocess.PIPE, text=True, **more
    )


def written(folder):
    return {path.name: path.read_text() for path in (folder / "generated/tiny").glob("*.py")}


WRITER = """
import os, signal, sys
from pathlib import Path
stop, sent = int(sys.argv[1]), getattr(signal, sys.argv[2])
steps = 0
def step(event, args):
    global steps
    if event in ("open", "os.rename", "os.chmod", "os.remove", "os.mkdir", "tempfile.mkstemp"):
        steps += 1
        if steps == stop:
            os.kill(os.getpid(), sent)
from archdsl.write import write_files
sys.addaudithook(step)
new = "new" * 100_000
write_files({Path("generated/tiny") / name: new + name for name in ("model.py", "train.py")})
"""


@pytest.mark.parametrize("sent", ["SIGKILL", "SIGINT", "SIGTERM"])
def test_a_killed_compile_leaves_whole_files(sent, tmp_path):
    new = "new" * 100_000
    folder = tmp_path / "generated/tiny"
    folder.mkdir(parents=True)
    finished = False
    for stop in range(1, 40):
        for name in ("model.py", "train.py"):
            (folder / name).write_text("old" + name)
        done = subprocess.run(
            [sys.executable, "-c", WRITER, str(stop), sent],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=False,
        )
        texts = [(folder / name).read_text() for name in ("model.py", "train.py")]
        for text, name in zip(texts, ("model.py", "train.py"), strict=True):
            assert text in ("old" + name, new + name)
        assert texts[1] == "oldtrain.py" or texts[0] == new + "model.py"  # in this order
        if done.returncode == 0:
            finished = True
            break
    assert finished
    assert texts == [new + "model.py", new + "train.py"]


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
from archdsl.cli import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("room", [0, 500, 2_000])
def test_a_full_disk_changes_no_file(room, folder, sandbox):
    assert sandbox.run("compile", "tiny.arch", cwd=folder).status == 0
    before = written(folder)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            LIMITED,
            str(room),
            "compile",
            "tiny.arch",
            "--name",
            "tiny",
            "--set",
            "width=5",
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("archdsl: ")
    assert written(folder) == before
    assert {path.name for path in (folder / "generated/tiny").iterdir()} == set(before)


def test_what_cannot_be_written_gives_one_line(folder, sandbox):
    (folder / "file").write_text("")
    (folder / "generated/tiny/model.py").mkdir(parents=True)
    for out in ("file", "file/below", "generated", "/proc/nothing", "/dev/null"):
        outcome = sandbox.run("compile", "tiny.arch", "--out", out, cwd=folder)
        assert outcome.status == 1, out
        assert outcome.err.count("\n") == 1, out
        assert outcome.err.startswith("archdsl: ")


# ---------------------------------------------------------------- pipes and signals


@pytest.mark.parametrize(
    ("redirection", "status", "lines"),
    [
        ("| true", 1, 0),
        (">&-", 1, 1),
        (">/dev/full", 1, 1),
        ("2>&-", 0, 0),
        (">&- 2>&-", 1, 0),
        ("</dev/null", 0, 0),
        ("<&-", 0, 0),
    ],
)
def test_closed_and_full_streams_give_at_most_one_line(redirection, status, lines, folder):
    many = "network many {\n    input(3)\n" + "    linear(3)\n" * 3_000 + "}\n"
    (folder / "many.arch").write_text(many)
    words = " ".join(command("params", "many.arch", "--by", "layer"))
    done = subprocess.run(
        ["bash", "-c", f"{words} {redirection}; exit ${{PIPESTATUS[0]}}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status
    assert done.stderr.count("\n") == lines


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "2> >(exit)"])
def test_diagnostics_that_nobody_reads_are_no_trouble(redirection, folder):
    words = " ".join(command("check", "missing.arch"))
    done = subprocess.run(
        ["bash", "-c", f"{words} {redirection}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr


def test_an_interrupt_gives_one_line(folder):
    slow = "network n {\n    input(3, 8, 8)\n    for i in range(9_000) { conv3x3(i + 1) }\n}\n"
    (folder / "slow.arch").write_text(slow)
    seen = set()
    for tenths in range(2, 9):
        process = started(folder, "check", "slow.arch", stdout=subprocess.DEVNULL)
        time.sleep(tenths / 10)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        seen.add((process.returncode, err))
    assert (130, "archdsl: interrupted\n") in seen
