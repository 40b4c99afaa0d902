"""What ships: the wheel, made from the source distribution, in an environment with nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("wheel")  # one worker builds it

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run(*command, cwd):
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Return a folder that is not the checkout's, with a virtual environment in `venv`."""
    folder = tmp_path_factory.mktemp("elsewhere")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    (wheel,) = folder.glob("*.whl")
    pip = (folder / "venv/bin/python", "-m", "pip", "install", "--quiet")
    run(*pip, "-c", ROOT / "constraints.txt", wheel, cwd=folder)
    return folder


def test_the_wheel_checks_and_compiles_a_spec_from_another_folder(elsewhere):
    archdsl, spec = elsewhere / "venv/bin/archdsl", ROOT / "specs/sharesnet50.arch"
    home = run(
        elsewhere / "venv/bin/python",
        "-c",
        "import archdsl; print(archdsl.__file__)",
        cwd=elsewhere,
    )
    assert Path(home).is_relative_to(elsewhere)
    assert "1 network, " in run(archdsl, "check", spec, cwd=elsewhere)
    assert "20,469,800 parameters" in run(archdsl, "params", spec, cwd=elsewhere)
    run(archdsl, "compile", spec, cwd=elsewhere)
    written = elsewhere / "generated/sharesnet50/model.py"
    assert written.read_text("utf-8").startswith('"""')


def test_the_wheel_explains_a_diagnostic(elsewhere):
    page = min((ROOT / "docs/errors").glob("[EW]*.md"))
    explained = run(elsewhere / "venv/bin/archdsl", "explain", page.stem, cwd=elsewhere)
    assert explained == page.read_text("utf-8")
