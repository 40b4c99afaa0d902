"""What the layers promise that `lint-imports` cannot see."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("command", "absent"),
    [
        (["--version"], {"jinja2", "numpy", "torch"}),
        (["params", "specs/resnet.arch"], {"jinja2", "numpy", "torch"}),
        (["check", "specs/vgg.arch"], {"jinja2", "numpy", "torch"}),
        (["compile", "specs/resnet.arch", "--check"], {"numpy", "torch"}),
    ],
)
def test_a_command_imports_only_what_it_needs(command, absent):
    program = (
        "import sys\n"
        "from archdsl.cli import main\n"
        "try:\n"
        f"    main({command!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        f"print(sorted({absent!r} & sys.modules.keys()))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines()[-1] == "[]"


def test_importing_archdsl_imports_nothing_else():
    program = "import sys, archdsl; print([name for name in sys.modules if 'archdsl.' in name])"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"


def test_no_class_of_the_compiler_is_named_as_another():
    named = {}
    for path in (ROOT / "archdsl").rglob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                named.setdefault(node.name.lstrip("_"), []).append(str(path.relative_to(ROOT)))
    assert len(named) > 200
    assert {name: paths for name, paths in named.items() if len(paths) > 1} == {}
