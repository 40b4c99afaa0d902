"""What is slow is run where it is asked for only."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = """
import pytest

def test_quick(): pass

@pytest.mark.slow
def test_slow(): pass
"""


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ((), ["test_quick"]),
        (("-m", "not slow"), ["test_quick"]),
        (("-m", "slow"), ["test_slow"]),
        (("-m", "slow or not slow"), ["test_quick", "test_slow"]),
    ],
)
def test_slow_tests_are_run_where_they_are_asked_for(tmp_path, flags, expected):
    path = tmp_path / "test_marked.py"
    path.write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-v", *flags]
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), "-p", "no:cacheprovider", str(path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = [line for line in done.stdout.splitlines() if " PASSED" in line]
    assert [line.split("::")[1].split()[0] for line in passed] == expected
