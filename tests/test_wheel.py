"""What ships: the wheel, made from the source distribution, in an environment with nothing else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

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


def test_the_wheel_works_from_another_folder(tmp_path):
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path, ROOT, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    python, archdsl = tmp_path / "venv/bin/python", tmp_path / "venv/bin/archdsl"
    pip = (python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt")
    run(*pip, wheel, cwd=tmp_path)
    home = run(python, "-c", "import archdsl; print(archdsl.__file__)", cwd=tmp_path)
    assert Path(home).is_relative_to(tmp_path)

    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    (tmp_path / "pyproject.toml").touch()  # a project, from whose folder a spec is called
    spec = "specs/sharesnet50.arch"
    assert "1 network, " in run(archdsl, "check", spec, cwd=tmp_path)
    assert "20,469,800 parameters" in run(archdsl, "params", spec, cwd=tmp_path)
    run(archdsl, "compile", spec, cwd=tmp_path)
    model = (tmp_path / "generated/sharesnet50/model.py").read_text("utf-8")
    committed = (ROOT / "generated/sharesnet50/model.py").read_text("utf-8")
    assert model == committed
    page = min((ROOT / "docs/errors").glob("[EW]*.md"))
    assert run(archdsl, "explain", page.stem, cwd=tmp_path) == page.read_text("utf-8")
