"""Closed forms are what counting gives, of every member that they are said to be for."""

from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from archdsl.diagnostics import SpecError
from archdsl.pipeline import compile_spec, compile_text
from archdsl.pipeline.closed import SymbolicError, closed_forms
from archdsl.report.closed_forms import closed_text, ways
from archdsl.report.formulas import LATEX, TEXT, formula
from archdsl.syntax.files import load
from tests.members import check_forms, values_of
from tests.strategies import specs

ROOT = Path(__file__).parents[2]
SPECS = ROOT / "specs"
FAMILIES = [
    (path.name, network)
    for path in sorted(SPECS.glob("*.arch"))
    for network in load(str(path)).networks
]


def forms_of(name, *names, **arguments):
    texts = {key: str(value) for key, value in arguments.items()}
    return compile_spec(str(SPECS / name), arguments=texts).symbolic(names)


def forms_in(text, *names, **arguments):
    texts = {key: str(value) for key, value in arguments.items()}
    return compile_text(text, arguments=texts).symbolic(names)


def case_of(forms, **values):
    """Return the case that a member belongs to."""
    case = forms.case(values)
    assert case is not None, values
    return case


def said(forms, measure="parameters"):
    """Return the forms of one measure, each with where it holds."""
    return [
        (formula(case.forms[measure], TEXT), " or ".join(ways(forms, case, TEXT)))
        for case in forms.cases
    ]


# ---------------------------------------------------------------- published figures

# Zagoruyko & Komodakis 2016, Tables 3 and 4, to the digit as specs/wrn.arch has them.
WRN = {
    (40, 1): 563_930,
    (40, 2): 2_243_546,
    (40, 4): 8_949_210,
    (40, 8): 35_748_314,
    (28, 10): 36_479_194,
    (28, 12): 52_517_850,
    (22, 8): 17_158_106,
    (22, 10): 26_797_914,
    (16, 8): 10_961_370,
    (16, 10): 17_116_634,
}


def test_one_form_gives_a_table_of_a_paper():
    forms = forms_of("wrn.arch", "depth", "k")
    found = {}
    for depth, k in WRN:
        values = {"depth": depth, "k": k}
        found[depth, k] = case_of(forms, **values).forms["parameters"].evaluate(values)
    assert found == WRN
    assert forms.complete
    assert not forms.unsaid


def test_a_form_says_where_it_holds():
    forms = forms_of("wrn.arch", "depth", "k")
    assert said(forms) == [
        (
            "2 (24,192 k^2 depth + 112 depth k - 130,944 k^2 + 4,352 k + 711) / 3",
            "depth = 6n + 4, depth >= 10, k >= 2",
        ),
        ("2 (24,304 depth - 126,265) / 3", "depth = 6n + 4, depth >= 10, k = 1"),
    ]


def test_a_table_of_the_spec_gives_a_case_for_each_of_its_keys():
    # torchvision's ResNets; model documentation of torchvision
    assert sorted(said(forms_of("resnet.arch", "depth")), key=lambda each: int(each[1][8:])) == [
        ("11,689,512", "depth = 18"),
        ("21,797,672", "depth = 34"),
        ("25,557,032", "depth = 50"),
        ("44,549,160", "depth = 101"),
        ("60,192,808", "depth = 152"),
    ]


def test_a_default_that_hangs_on_an_argument_goes_with_it():
    # `bottlenecks = depth != 110`: He et al. 2016 have ResNet-110 of basic blocks, 1.7M
    assert said(forms_of("preact_resnet.arch", "depth")) == [
        ("2 (5,152 depth + 6,701)", "depth = 9n + 2, depth >= 11, depth != 110"),
        ("1,730,522", "depth = 110"),
    ]


def test_sizes_of_maps_are_followed_through_the_network():
    # each level halves: He et al. 2016, Table 1, has 112, 56, 28, 14 and 7 of 224
    forms = forms_of("resnet.arch", "image")
    ((text, where),) = said(forms, "macs")
    assert text == (
        "64 (116,736 floor((image + 15) / 16)^2 + 147 floor((image + 1) / 2)^2"
        " + 225,280 floor((image + 31) / 32)^2 + 3,840 floor((image + 3) / 4)^2"
        " + 20,480 floor((image + 7) / 8)^2 + 32,000)"
    )
    assert where == "image >= 1"
    assert forms.cases[0].forms["macs"].evaluate({"image": 224}) == 4_089_184_256


def test_maps_that_are_put_together_say_what_divides_the_image():
    ((text, where),) = said(forms_of("unet.arch", "width", "image"), "macs")
    assert (text, where) == (
        "image^2 width (179 width + 11)",
        "width >= 1, image = 16n, image >= 16",
    )


def test_rounding_stays_in_the_form():
    forms = forms_of("mobilenet_v2.arch", "width")
    text, where = said(forms)[0]
    assert "6 round_to(16 width, 8)^2" in text
    assert where.startswith("width <= 1, ")
    # torchvision: MobileNetV2 has 3,504,872 parameters
    assert forms.cases[0].forms["parameters"].evaluate({"width": 1}) == 3_504_872


# ---------------------------------------------------------------- what decides


SHARED = """\
network net(n = 4, width = 8) {
    input(3, 8, 8)
    conv3x3(8)
    stage s = n * unit(width) with share(conv3x3, from = 2)
}
block unit(width) { conv3x3(width) }
"""


def test_blocks_that_share_count_once_however_many_there_are():
    assert said(forms_in(SHARED, "n")) == [("1,368", "n >= 2"), ("792", "n = 1")]


def test_a_geometry_that_coincides_is_the_same_case_where_it_counts_the_same():
    # 3 * 8 * 9, then 8 * width * 9 of the first block and width^2 * 9 of the others, once
    assert said(forms_in(SHARED, "width")) == [("9 (width^2 + 8 width + 24)", "width >= 1")]


def test_what_a_list_decides_is_a_case():
    text = """\
network net(n = 1) {
    let widths = [4, 8, 16]
    input(1, 2, 2)
    conv1x1(widths[n])
}
"""
    found = said(forms_in(text, "n"))
    assert ("8", "n = 1") in found
    assert ("16", "n = 2") in found


def test_a_condition_is_a_case():
    text = """\
network net(n = 1, deep = false) {
    input(1, 2, 2)
    if n > 3 or deep { conv1x1(n) } else { conv1x1(2 * n) }
}
"""
    found = said(forms_in(text, "n", "deep"))
    assert ("2 n", "n >= 1, n <= 3, deep = false") in found
    assert any(form == "n" and where.startswith("n >= 4") for form, where in found)


def test_arguments_in_annotations_are_not_lost():
    text = """\
network net(n = 4, held = 2) {
    input(1, 2, 2)
    conv1x1(n) with freeze(outputs = held)
}
"""
    forms = forms_in(text, "held")
    for held in (1, 2, 3):
        case = forms.case({"held": held})
        assert case is None or case.forms["frozen"].evaluate({"held": held}) == held


def test_a_quotient_of_arguments_is_exact():
    text = """\
network net(a = 12, b = 3) {
    input(1, 2, 2)
    conv1x1(a / b)
}
"""
    forms = forms_in(text, "a", "b")
    values = {"a": 20, "b": 4}
    assert case_of(forms, **values).forms["parameters"].evaluate(values) == 5
    assert not case_of(forms, a=20, b=3).exists({"a": 20, "b": 3})


def test_a_fraction_is_no_member_where_a_number_has_to_be_whole():
    forms = forms_of("wrn.arch", "k")
    case = case_of(forms, k=Fraction(1, 2))
    assert case.exists({"k": Fraction(1, 2)})  # 8, 16 and 32 channels
    assert not case.exists({"k": Fraction(1, 3)})


@pytest.mark.parametrize(
    ("name", "names", "message"),
    [
        ("resnet.arch", ["dept"], "no parameter `dept`; did you mean `depth`?"),
        ("onebit.arch", ["norm"], "`norm` is no number and stands in no form"),
        ("resnet.arch", ["depth", "depth"], "`depth` is named twice"),
        ("resnet.arch", [], "no argument is named"),
        ("wrn_grown.arch", ["classes"], "a network that grows has a form for each phase only"),
    ],
)
def test_what_has_no_form_is_said(name, names, message):
    with pytest.raises(SymbolicError, match="^.*" + message.replace("?", r"\?")):
        forms_of(name, *names)


def test_a_number_that_is_squared_again_and_again_ends():
    lets = "".join(f"    let a{i + 1} = a{i} * a{i}\n" for i in range(60))
    text = f"network net(a0 = 1) {{\n{lets}    input(1, 2, 2)\n    conv1x1(a60)\n}}\n"
    with pytest.raises(SymbolicError, match="too many terms"):
        forms_in(text, "a0")


def test_numbers_deep_in_one_another_end():
    lets = "".join(f"    let a{i + 1} = floor(a{i} / 2 + 1 / 3) + 1\n" for i in range(1200))
    text = f"network net(a0 = 1) {{\n{lets}    input(1, 2, 2)\n    conv1x1(a1200)\n}}\n"
    try:
        forms = forms_in(text, "a0")
    except SymbolicError:
        return
    assert case_of(forms, a0=1).forms["parameters"].evaluate({"a0": 1}) >= 1


# ---------------------------------------------------------------- text


def test_the_text_has_all_cases_and_the_other_arguments():
    text = closed_text(forms_of("preact_resnet.arch", "depth"))
    assert (
        text
        == """\
preact_resnet(classes = 10), in depth

parameters   = 2 (5,152 depth + 6,701)
buffers      = 11 (41 depth - 73) / 3
convolutions = depth + 2
MACs         = 512 (8,704 depth + 5,167) / 3
    for depth = 9n + 2, depth >= 11, depth != 110

parameters   = 1,730,522
buffers      = 8,205
convolutions = 111
MACs         = 253,149,824
    for depth = 110
"""
    )


def test_latex_writes_products_and_fractions():
    forms = forms_of("preact_resnet.arch", "depth")
    assert formula(forms.cases[0].forms["buffers"], LATEX) == (
        r"\frac{11\,(41\,\mathit{depth} - 73)}{3}"
    )


# ---------------------------------------------------------------- every member


@pytest.mark.parametrize(("name", "network"), FAMILIES, ids=[n for _, n in FAMILIES])
def test_the_forms_of_a_shipped_spec_are_its_counts(name, network):
    compilation = compile_spec(str(SPECS / name), network)
    members, names = compilation.members, [n for n, _ in compilation.network.values]
    if compilation.network.phases is not None:
        names = [name for name in names if name in compilation.network.phases.names]
    if not names:
        return
    for some in dict.fromkeys([*((each,) for each in names), tuple(names)]):
        forms = closed_forms(members, some, cases=8)
        near = values_of(compilation.network, some, 5)
        start = forms.cases[0].at
        if not isinstance(start[some[0]], bool):
            near += [{**start, some[0]: value} for value in members.mentioned()[:4]]
        assert check_forms(forms, members, [start, *near])


STEADY = settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)


def test_the_forms_of_drawn_specs_are_their_counts():
    found = Counter()

    @STEADY
    @given(specs())
    def hold(spec):
        try:
            compilation = compile_text(spec.text, arguments=spec.arguments)
        except SpecError:
            return
        names = [name for name, _ in compilation.network.values][:3]
        if not names:
            return
        forms = closed_forms(compilation.members, names)
        every = values_of(compilation.network, names, 6, spec.text)
        found["compared"] += check_forms(forms, compilation.members, every)
        found["forms"] += 1
        found["unsaid"] += len(forms.unsaid)

    hold()
    assert found["forms"] > 10
    assert found["compared"] > 30
    assert found["unsaid"] == 0
