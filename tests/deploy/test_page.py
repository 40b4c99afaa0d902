"""docs/deploying.md says what happens."""

import re
import subprocess
import sys
from pathlib import Path

import torch

import archdsl

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/deploying.md").read_text("utf-8")


def test_the_examples_of_the_page_run(tmp_path, monkeypatch):
    loading, deploying = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("specs").symlink_to(ROOT / "specs")
    Path("runs/digits").mkdir(parents=True)
    state = archdsl.compile("specs/digits.arch").build().state_dict()
    torch.save({"model": state}, "runs/digits/checkpoint.pt")
    exec(deploying, {})
    subprocess.run([sys.executable, "-c", loading], cwd="deployed/digits", check=True)
