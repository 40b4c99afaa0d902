"""Specs nest deeply, and the recursion limit of the process is as it was."""

import subprocess
import sys
from threading import Event, Thread

import pytest

import archdsl
from archdsl.diagnostics import SpecError
from archdsl.pipeline import compile_text
from archdsl.recursion import deep_recursion

DEEP = """\
network n {
    input(3, 8, 8)
    b(97)
    head { avgpool linear(10) }
}
block b(w) {
    p: { sum { identity branch {
        conv3x3(in_channels) with binary
        if w > 0 { b(w - 1) }
    } } }
}
"""
USED = """
import sys
assert sys.getrecursionlimit() == 1000
import archdsl
from archdsl.pipeline import check_spec

def inside(depth, function):
    return inside(depth - 1, function) if depth else function()

def used():
    network = archdsl.compile("deep.arch")
    check_spec("deep.arch")
    print(network, network.to_json(), network._repr_html_(), network.files().keys())
    print(len(network.tensors()), network.compilation.deployed.bytes)
    network.build()

inside(800, used)
assert sys.getrecursionlimit() == 1000, sys.getrecursionlimit()
"""


def test_a_deep_spec_is_compiled_in_a_fresh_process(tmp_path):
    (tmp_path / "deep.arch").write_text(DEEP)
    done = subprocess.run(
        [sys.executable, "-c", USED], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def limit():
    before = sys.getrecursionlimit()
    yield before
    sys.setrecursionlimit(before)


def test_compiling_leaves_the_limit(limit, tmp_path):
    (tmp_path / "deep.arch").write_text(DEEP)
    network = archdsl.compile(tmp_path / "deep.arch")
    assert sys.getrecursionlimit() == limit
    network.files()
    assert sys.getrecursionlimit() == limit
    with pytest.raises(SpecError):
        compile_text("network n { }")
    assert sys.getrecursionlimit() == limit


def test_the_last_of_several_lowers_the_limit(limit):
    with deep_recursion():
        raised = sys.getrecursionlimit()
        with deep_recursion():
            assert sys.getrecursionlimit() == raised > limit
        assert sys.getrecursionlimit() == raised
    assert sys.getrecursionlimit() == limit


def test_a_thread_keeps_the_limit_that_another_leaves(limit):
    entered, left = Event(), Event()
    seen = []

    def work():
        with deep_recursion():
            entered.set()
            left.wait()
            seen.append(sys.getrecursionlimit())

    thread = Thread(target=work)
    with deep_recursion():
        thread.start()
        entered.wait()
    left.set()
    thread.join()
    assert seen[0] > limit
    assert sys.getrecursionlimit() == limit


def test_a_limit_that_somebody_sets_stays(limit):
    with deep_recursion():
        sys.setrecursionlimit(30_000)
    assert sys.getrecursionlimit() == 30_000


def test_a_higher_limit_stays(limit):
    sys.setrecursionlimit(50_000)
    with deep_recursion():
        assert sys.getrecursionlimit() == 50_000
    assert sys.getrecursionlimit() == 50_000
