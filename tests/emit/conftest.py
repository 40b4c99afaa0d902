"""Scripts as modules."""

import importlib.util
import sys

import pytest

from tests.emit.stand_ins import write

NEIGHBOURS = ("checkpoint", "data", "growth", "kept", "model", "parts", "processes", "responses")


@pytest.fixture
def load(tmp_path, import_script):
    """Return a function that imports a recipe's script as a module, with what is in its data.py."""

    def load(recipe, **facts):
        number = len(list(tmp_path.iterdir()))
        return import_script(write(tmp_path / f"script{number}", recipe, **facts))

    return load


@pytest.fixture
def import_script(monkeypatch):
    """Return a function that imports the script of a folder, with what is in its data.py."""

    def import_script(folder):
        for name in NEIGHBOURS:
            monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.syspath_prepend(folder)
        spec = importlib.util.spec_from_file_location("train_of_test", folder / "train.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "train_of_test", module)  # dataclasses look it up
        spec.loader.exec_module(module)
        there = [name for name in NEIGHBOURS if name in sys.modules]
        for name in there:
            theirs = vars(sys.modules[name]).items()
            vars(module).update({k: v for k, v in theirs if not hasattr(module, k)})
        for name in there:
            del sys.modules[name]
        return module

    return import_script
