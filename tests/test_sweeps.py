"""`archdsl sweep`: the members of a grid, by closed forms and by building them."""

import csv
import io
import json
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.analyses.closed import vectors
from archdsl.analyses.closed.polynomial import AppliedAtom, argument, number, of_atom
from archdsl.analyses.closed.vectors import Vector
from archdsl.analyses.swept import SweptMember, front
from archdsl.cli import main
from archdsl.diagnostics import SpecError
from archdsl.pipeline import sweeping
from archdsl.pipeline.compiling import family
from archdsl.pipeline.numbering import Numbering
from archdsl.pipeline.sweeping import SweepError, SweptAxis, sweep

ROOT = Path(__file__).parents[1]
WRN = str(ROOT / "specs/wrn.arch")
RESNET = str(ROOT / "specs/resnet.arch")


def axis(name, *values):
    return SweptAxis(name, values, values)


def run(capsys, *words):
    status = main(["sweep", *words])
    out, err = capsys.readouterr()
    return status, out, err


# Zagoruyko & Komodakis 2016, Table 4: parameters of WRN-depth-k, as specs/wrn.arch has them
TABLE4 = {(40, 1): 563_930, (40, 2): 2_243_546, (40, 4): 8_949_210, (40, 8): 35_748_314}


@pytest.mark.parametrize("many", [1, 10**9], ids=["numpy", "python"])
def test_a_sweep_has_the_numbers_of_its_members(many, monkeypatch):
    monkeypatch.setattr(sweeping, "MANY", many)
    found = sweep(
        family(WRN), [axis("depth", *range(37, 43)), axis("k", 1, 2, 4, 8)], ["parameters"]
    )
    numbers = {found.values(member): member.numbers[0] for member in found.members}
    assert numbers == TABLE4
    assert (found.total, found.refused, found.left_out) == (24, 20, 0)
    assert dict(found.fixed)["classes"] == 10


@pytest.mark.parametrize("many", [1, 10**9], ids=["numpy", "python"])
def test_a_condition_leaves_members_out(many, monkeypatch):
    monkeypatch.setattr(sweeping, "MANY", many)
    axes = [axis("depth", 40), axis("k", 1, 2, 4, 8)]
    where = "parameters < 20e6 and (k != 2 or macs / 2 < 0) and parameters // k > 0"
    found = sweep(family(WRN), axes, ["parameters", "macs"], where)
    assert [member.numbers[0] for member in found.members] == [563_930, 8_949_210]
    assert found.left_out == 2


def test_without_a_form_members_are_built():
    # torchvision's documentation
    depths = axis("depth", 18, 20, 34, 50)
    found = sweep(family(RESNET), [depths], ["parameters"])
    assert [member.numbers for member in found.members] == [
        (11_689_512,),
        (21_797_672,),
        (25_557_032,),
    ]
    assert found.refused == 1


def test_a_hundred_members_take_few_builds():
    numbering = Numbering(family(WRN), ["parameters"])
    axes = {"depth": range(16, 76, 6), "k": range(1, 11)}
    assert len(list(numbering.each(axes))) == 100
    assert numbering.built <= 8


def test_a_wrong_case_is_forgotten(monkeypatch):
    from archdsl.analyses.closed.cases import derive
    from archdsl.ir.rebuild import replace
    from archdsl.pipeline import numbering

    def wrong(network, arguments, wholes):
        case = derive(network, arguments, wholes)
        forms = {name: number(form.evaluate(arguments)) for name, form in case.forms.items()}
        return replace(case, forms=forms)

    monkeypatch.setattr(numbering, "derive", wrong)
    found = sweep(family(WRN), [axis("depth", 40), axis("k", 2, 4, 8)], ["parameters"])
    assert [member.numbers[0] for member in found.members] == [2_243_546, 8_949_210, 35_748_314]


def test_a_million_members_are_a_grid():
    axes = [axis("depth", *range(10, 2010)), axis("k", *range(1, 501))]
    found = sweep(family(WRN), axes, ["parameters"], "parameters < 20e6 and k == 10")
    # 6n + 4 layers from 10 on; WRN-10-10 and WRN-16-10 have fewer than 20 million
    assert [found.values(member) for member in found.members] == [(10, 10), (16, 10)]
    assert found.refused == 1_000_000 - 334 * 500


# ---------------------------------------------------------------- vectors


STEADY = settings(derandomize=True, database=None, deadline=None, max_examples=60)
NUMBERS = st.fractions(-(10**6), 10**6, max_denominator=12)


@STEADY
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=6))
def test_vectors_compute_as_fractions_do(pairs):
    left, right = Vector.of([a for a, _ in pairs]), Vector.of([b for _, b in pairs])
    assert (left + right).values() == [a + b for a, b in pairs]
    assert (left * right).values() == [a * b for a, b in pairs]
    assert (left - right * 3).values() == [a - 3 * b for a, b in pairs]
    assert left.floor().values() == [a.__floor__() for a, _ in pairs]
    assert list(left.compared("<", right)) == [a < b for a, b in pairs]
    assert list(left.whole()) == [a.denominator == 1 for a, _ in pairs]


def test_what_does_not_fit_64_bits_stays_exact():
    vector = Vector.of([3 * 10**9, 7])
    cube = vector * vector * vector
    assert cube.values() == [27 * 10**27, 343]
    assert (cube - 10**27 * 27).values() == [0, 343 - 27 * 10**27]


def test_rounding_is_that_of_the_language():
    form = of_atom(AppliedAtom("round_to", (argument("x").scaled(32), number(8))))
    widths = [Fraction(n, 20) for n in range(1, 60)]
    found = vectors.evaluate(form, {"x": Vector.of(widths)})
    assert found.values() == [form.evaluate({"x": width}) for width in widths]
    # MobileNet: 32 * 1.4 = 44.8 is 48, 32 * 0.35 = 11.2 is 16 (below nine tenths 8)
    assert form.evaluate({"x": Fraction(7, 5)}) == 48
    assert form.evaluate({"x": Fraction(7, 20)}) == 16


# ---------------------------------------------------------------- the front


def test_the_front_has_the_most_for_the_least():
    numbers = [(10, 5), (8, 5), (10, 6), (12, 9), (3, 1), (12, 10)]
    members = [SweptMember((i,), each) for i, each in enumerate(numbers)]
    assert sorted(member.numbers for member in front(members)) == [(3, 1), (10, 5), (12, 9)]


# ---------------------------------------------------------------- the command


def test_the_table(capsys):
    words = ["--set", "depth=40", "--set", "k=[1, 2, 4]", "--columns", "parameters", "--sort"]
    status, out, _ = run(capsys, WRN, *words, "parameters", "--reverse", "--top", "2")
    assert status == 0
    assert out.split("\n\n")[1:] == [
        "depth  k  parameters\n-----  -  ----------\n   40  4   8,949,210\n   40  2   2,243,546",
        "3 members, 1 not shown\n",
    ]


def test_words_and_lists_are_swept(capsys):
    status, out, _ = run(
        capsys, WRN, "--set", "kernels=[[3, 3], [3, 1]]", "--set", "k=2", "--set", "depth=[28, 40]",
        "--format", "csv", "--columns", "parameters",
    )  # fmt: skip
    assert status == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    # Zagoruyko & Komodakis 2016, Table 2: B(3,3) of depth 28, B(3,1) of depth 40
    found = {(row["kernels"], row["depth"]): row["parameters"] for row in rows}
    assert found["[3, 3]", "28"] == "1467610"
    assert found["[3, 1]", "40"] == "1211354"


def test_json_has_all_of_it(capsys):
    words = ["--set", "depth=[40, 41]", "--set", "k=[1, 2, 4]", "--where", "k < 4", "--front"]
    status, out, _ = run(capsys, WRN, *words, "--format", "json")
    document = json.loads(out)
    assert status == 0
    assert document["swept"] == {"depth": [40, 41], "k": [1, 2, 4]}
    assert [document[key] for key in ("members", "refused", "left_out")] == [6, 3, 1]
    assert document["rows"][0]["parameters"] == 563_930
    assert document["rows"][0]["front"] is True


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_the_plot(tmp_path, capsys, suffix):
    path = tmp_path / f"a.{suffix}"
    words = ["--set", "depth=16..40:6", "--set", "k=[4, 8]", "--plot", str(path)]
    assert run(capsys, WRN, *words)[0] == 0
    content = path.read_bytes()
    if suffix == "svg":
        for text in (b"Pareto front", b"k = 4", b"k = 8", b"depth", b"MACs"):
            assert text in content
    run(capsys, WRN, *words)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--set", "depth=100..16:6"], 2, "`depth=100..16:6` is an empty range; write `16..100`"),
        (["--set", "depth=16..28:0"], 2, "is an empty range"),
        (["--set", "depth=1..x"], 2, "`1..x` is no range of numbers"),
        (["--set", "depth=1..3000000"], 2, "more than 2,000,000 values"),
        (["--set", "depth=1..1e30"], 2, "more than 2,000,000 values"),
        (["--set", "depth=1..2000", "--set", "k=1..2000"], 2, "4,000,000 members are more than"),
        (["--set", "depht=3"], 2, "no parameter `depht`; did you mean `depth`?"),
        (["--set", "depth=[]"], 2, "`depth` has no values"),
        (["--set", "depth=16", "--set", "depth=22"], 2, "argument `depth` is set twice"),
        ([], 2, "nothing is swept"),
        (["--set", "depth=16..28:6", "--columns", "parms"], 2, "no column `parms`; did you mean"),
        (["--set", "depth=16..28:6", "--sort", "buffers"], 2, "no column of this table"),
        (["--set", "depth=16..28:6", "--top", "0"], 2, "`0` is not a number from 1 up"),
        (["--set", "depth=abc"], 1, "nothing is called `abc`"),
        (["--set", "depth=17..21"], 1, "depth must be 3 * per_block * n + 4"),
        (["--set", "depth=16..28:6", "--where", "paramters < 3"], 1, "did you mean `parameters`?"),
        (["--set", "depth=16..28:6", "--where", "k +"], 1, "--where:1:3"),
        (["--set", "depth=16..28:6", "--where", "k + 1"], 1, "a condition is true or false"),
    ],
)
def test_what_is_wrong_is_said(words, status, message, capsys):
    try:
        found = main(["sweep", WRN, *words])
    except SystemExit as exit_:
        found = exit_.code
    out, err = capsys.readouterr()
    assert (found, out) == (status, "")
    assert message in err


def test_there_is_a_limit_to_what_is_built(monkeypatch):
    from archdsl.pipeline import numbering

    monkeypatch.setattr(numbering, "MAX_BUILT", 5)
    with pytest.raises(SweepError, match="no closed form holds"):
        sweep(family(RESNET), [axis("depth", *range(1, 20))], ["parameters"])


def test_a_condition_is_checked_where_nothing_is_there():
    with pytest.raises(SpecError):
        sweep(family(WRN), [axis("depth", 17)], ["parameters"], "k >")


def test_the_command_loads_no_torch():
    main(["sweep", WRN, "--set", "k=1..2"])
    assert "archdsl.pipeline.sweeping" in sys.modules


def test_memory_is_a_column_of_a_batch(capsys):
    """That of ResNet-50 at 64 images is in docs/questions.md, held against PyTorch elsewhere."""
    words = ("sweep", f"{ROOT}/specs/resnet.arch", "--set", "depth=[18, 50]", "--batch", "64")
    assert main([*words, "--columns", "parameters,memory,activations", "--format", "csv"]) == 0
    head, _, last = capsys.readouterr().out.splitlines()
    assert head == "depth,parameters,memory (bytes),activations (bytes)"
    assert last == "50,25557032,5762397832,5459885568"
    assert main([*words, "--where", "memory < 5e9", "--format", "csv"]) == 0
    assert [line.split(",")[0] for line in capsys.readouterr().out.splitlines()[1:]] == ["18"]
