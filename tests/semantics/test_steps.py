"""Steps: where each stands, what maps it takes and gives, and under which conditions."""

from typing import Any

import pytest

from archdsl.ir.network import MAIN, Block, Join, Stage
from archdsl.ir.numbers import Number
from archdsl.ir.showing import show, show_test
from archdsl.pipeline import compile_text
from archdsl.semantics.draft import LAST

RESIDUAL = """\
block unit(width, deep = false) {{
    {residual}
}}
network net(width = 8) {{
    input(3, 8, 8)
    {call}
}}
"""


def network_of(text, **arguments) -> Any:  # nodes of which each test knows the kind
    return compile_text(text, arguments=arguments).network


def inside(body, **arguments):
    """Return the network with this body, and where the body begins."""
    head = "network net(n = 3, wide = true) {\ninput(4, 8, 8)\n"
    return network_of(f"{head}{body} }}", **arguments), len(head)


def unit_of(residual, call="unit(width)", **arguments):
    """Return the body of the block, and where the residual group begins."""
    text = RESIDUAL.format(residual=residual, call=call)
    (step,) = network_of(text, **arguments).body
    assert isinstance(step.node, Block)
    return step.node.body, text.index(residual)


def flow(body):
    return [(step.node.name, step.takes, step.gives) for step in body]


def places(body):
    return [(step.node.name, step.site) for step in body]


def conditions(body):
    return [(step.node.name, [show_test(test) for test in step.when]) for step in body]


# ---------------------------------------------------------------- sites, conditions


def test_layers_in_a_row_take_and_give_the_main_map():
    network, at = inside("relu bn")
    assert flow(network.body) == [("relu", (MAIN,), (MAIN,)), ("bn1", (MAIN,), (MAIN,))]
    assert places(network.body) == [("relu", (at,)), ("bn1", (at + 5,))]


def test_sites_tell_turns_of_loops():
    network, at = inside("for i in range(2) { relu bn }")
    assert [s.site for s in network.body] == [
        (at, 0, at + 20),
        (at, 0, at + 25),
        (at, 1, at + 20),
        (at, 1, at + 25),
    ]


def test_a_condition_has_a_site_and_says_what_holds():
    body = "if n == 3 { relu } else if wide { bn } else { if n > 1 { gelu } }"
    network, at = inside(body)
    assert places(network.body) == [("relu", (at, at + 12))]
    assert conditions(network.body) == [("relu", ["n == 3"])]
    other, _ = inside(body, n="5")
    assert conditions(other.body) == [("bn1", ["n != 3", "wide"])]
    last, _ = inside(body, n="5", wide="false")
    assert conditions(last.body) == [("gelu", ["n != 3", "not wide", "n > 1"])]
    sites = [each.body[0].site for each in (network, other, last)]
    assert sites == sorted(sites)


def test_implied_flattens_stand_before_their_linear_and_at_the_end():
    network, at = inside("avgpool linear(10)")
    assert places(network.body)[1:] == [("flatten", (at + 7,)), ("linear1", (at + 8,))]
    network, _ = inside("avgpool")
    assert network.body[-1].site == (LAST,)


def test_bodies_of_parts_have_sites_of_their_own():
    network, at = inside("stem { if wide { relu } }")
    (step,) = network.body
    assert (step.site, step.when) == ((at,), ())
    assert [s.site for s in step.node.body] == [(at + 7, at + 17)]
    assert conditions(step.node.body) == [("0", ["wide"])]


# ---------------------------------------------------------------- stages

UNIT = "\n}\nblock unit { conv3x3(8, stride = stride) "


def stage_of(body, **arguments):
    network, at = inside(body + UNIT, **arguments)
    (step,) = network.body
    assert isinstance(step.node, Stage)
    return step.node, at


def test_copies_have_the_place_of_the_first_one():
    stage, _ = stage_of("stage s(stride = 2) = 2 * n * unit()")
    assert [(item.site, item.count) for item in stage.items] == [((0,), 1), ((1,), 5)]
    assert stage.repeats is not None
    assert (stage.repeats.value, show(stage.repeats.expr)) == (6, "2 * n")


def test_members_have_their_sites_and_conditions():
    stage, at = stage_of("stage s { unit() if wide { unit() } }")
    assert [item.site for item in stage.items] == [(at + 10,), (at + 17, at + 27)]
    assert [[show_test(t) for t in item.when] for item in stage.items] == [[], ["wide"]]
    assert stage.repeats is None


@pytest.mark.parametrize(
    ("sequence", "turns"), [("range(n)", "n"), ("range(1, 4)", "3"), ("[1, 2, 3]", "3")]
)
def test_a_run_says_how_often_its_loop_turns(sequence, turns):
    stage, at = stage_of(f"for i in {sequence} {{ unit() }}")
    assert stage.repeats is not None
    assert show(stage.repeats.expr) == turns
    assert [item.site[:2] for item in stage.items] == [(at, 0), (at, 1), (at, 2)]


# ---------------------------------------------------------------- residuals


def test_an_identity_joins_the_main_map():
    body, at = unit_of("residual { conv3x3(3) relu }", "unit(3)")
    way = (at, 1)
    assert flow(body) == [
        ("conv1", (MAIN,), (way,)),
        ("relu", (way,), (way,)),
        ("sum", (way, MAIN), (MAIN,)),
    ]
    assert [s.site for s in body] == [(at, 1, at + 11), (at, 1, at + 22), (at, 3)]


def test_a_preactivation_feeds_residual_and_shortcut_however_they_are_ordered():
    body, at = unit_of(
        "shortcut { conv1x1(width) } residual { relu conv3x3(width) } preactivation { bn }"
    )
    before, way, beside = (at, 0), (at, 1), (at, 2)
    assert flow(body) == [
        ("bn1", (MAIN,), (before,)),
        ("shortcut", (before,), (beside,)),
        ("relu", (before,), (way,)),
        ("conv1", (way,), (way,)),
        ("sum", (way, beside), (MAIN,)),
    ]
    assert [s.site for s in body] == sorted(s.site for s in body)


def test_the_first_step_that_is_there_takes_the_map_before():
    residual = "residual { if deep { conv3x3(3) } conv1x1(3) }"
    body, at = unit_of(residual, "unit(3)")
    assert flow(body) == [("conv1", (MAIN,), ((at, 1),)), ("sum", ((at, 1), MAIN), (MAIN,))]
    deep, _ = unit_of(residual, "unit(3, deep = true)")
    assert flow(deep)[:2] == [("conv1", (MAIN,), ((at, 1),)), ("conv2", ((at, 1),), ((at, 1),))]
    assert conditions(deep)[:2] == [("conv1", ["deep"]), ("conv2", [])]


def test_a_residual_without_steps_joins_what_it_was_given():
    body, at = unit_of("preactivation { relu } residual { if deep { bn } }", "unit(3)")
    assert flow(body)[-1] == ("sum", ((at, 0), MAIN), (MAIN,))


def test_named_bodies_are_single_steps():
    body, at = unit_of("before: preactivation { bn } way: residual { conv3x3(3) }", "unit(3)")
    assert flow(body)[:2] == [
        ("before", (MAIN,), ((at, 0),)),
        ("way", ((at, 0),), ((at, 1),)),
    ]


# ---------------------------------------------------------------- branches


def test_branches_give_maps_of_their_own_and_an_identity_is_no_step():
    network, at = inside("sum { branch { bn } identity b: branch { relu } }")
    first, second = (at, at + 6), (at, at + 29)
    assert flow(network.body) == [
        ("branch1", (MAIN,), (first,)),
        ("b", (MAIN,), (second,)),
        ("sum", (first, MAIN, second), (MAIN,)),
    ]
    assert places(network.body) == [
        ("branch1", (*first, LAST)),
        ("b", (*second, LAST)),
        ("sum", (at, LAST)),
    ]


def test_a_slice_at_the_start_of_a_branch_is_a_step_before_it():
    network, at = inside("concat { branch { channel_split(2, 1) relu } identity }")
    branch = (at, at + 9)
    assert flow(network.body) == [
        ("channel_split", (MAIN,), (branch,)),
        ("branch1", (branch,), (branch,)),
        ("concat", (branch, MAIN), (MAIN,)),
    ]
    assert [step.node.name for step in network.body[1].node.body] == ["0"]


def test_branches_in_a_residual_take_what_flows_there():
    body, at = unit_of("residual { sum { branch { conv3x3(3) } identity } relu }", "unit(3)")
    way, branch = (at, 1), (at, 1, at + 11, at + 17)
    assert flow(body) == [
        ("branch1", (MAIN,), (branch,)),
        ("sum", (branch, MAIN), (way,)),
        ("relu", (way,), (way,)),
        ("sum2", (way, MAIN), (MAIN,)),
    ]


def test_a_named_identity_is_no_step_and_keeps_its_name():
    network, _ = inside("sum { branch { conv3x3(4) } branch2: identity branch { conv3x3(4) } }")
    assert [step.node.name for step in network.body] == ["branch1", "branch3", "sum"]
    assert network.body[-1].node.labels == ("branch2",)


def test_a_branch_alone_is_still_joined():
    network, at = inside("sum { branch { bn } if n > 3 { identity } }")
    assert flow(network.body)[-1] == ("sum", ((at, at + 6),), (MAIN,))


def test_stochastic_depth_is_there_where_the_identity_is():
    text = "if n > 1 { sum with stochastic_depth(0.5) { branch { bn } if wide { identity } } }"
    network, _ = inside(text)
    branch = network.body[0]
    assert [show_test(test) for test in branch.when] == ["n > 1"]
    last = branch.node.body[-1]
    assert (last.node.kind, last.site) == ("stochastic_depth", (LAST,))
    assert [show_test(test) for test in last.when] == ["wide"]


def test_drop_rates_that_grow_are_places_in_runs():
    text = """
network net with stochastic_depth(0.2) {
    input(3, 8, 8)
    stage a = 2 * unit()
    stage b = 3 * unit() with stochastic_depth(0.5)
}
block unit { residual { conv3x3(3) } }
"""
    network = network_of(text)
    stages = [step.node for step in network.body]
    drops = [[(i.node.drop.run, i.node.drop.first, i.count) for i in s.items] for s in stages]
    assert drops == [[(0, 1, 2)], [(1, 1, 3)]]
    assert [(float(run.rate), run.total) for run in network.drop_runs] == [(0.2, 2), (0.5, 3)]


# ---------------------------------------------------------------- arguments of blocks


@pytest.mark.parametrize(
    ("layer", "hangs"),
    [
        ("conv3x3(width, bias = flag)", {"flag"}),
        ("conv3x3(width, bias = not flag or width > 4)", {"flag", "width"}),
        ("conv3x3(width, bias = true)", set()),
        ("conv3x3(width, stride = if flag then 1 else 2)", set()),
    ],
)
def test_a_block_hangs_on_what_decides_a_flag_of_a_layer(layer, hangs):
    text = f"""
block unit(width, flag) {{ {layer} }}
network net(width = 8, flag = true) {{ input(3, 8, 8) unit(width, flag) }}
"""
    network = network_of(text)
    assert network.body[0].node.hangs == hangs
    assert network.hangs == set()


def test_a_block_keeps_numbers_and_flags_over_the_names_around_it():
    text = """
network net(depth = 50, fast = true, kind = "a") {
    require depth > 2, "too shallow"
    require kind == "a", "another kind"
    let width = 8 * depth // 10
    input(3, 8, 8)
    unit(width, wide = fast and depth > 40, kind = kind)
}
block unit(width, wide = false, kind = "b", groups = 2, more = wide) {
    require width > 3, "too narrow"
    let inner = width // groups
    if wide and kind == "a" { conv3x3(inner) }
    if more { relu }
}
"""
    network = network_of(text)
    assert network.values == (("depth", 50), ("fast", True))
    assert [(let.name, show(let.number.expr)) for let in network.lets] == [
        ("width", "8 * depth // 10")
    ]
    assert [(show_test(r.test), r.message) for r in network.requires] == [
        ("depth > 2", "too shallow")
    ]
    (step,) = network.body
    block = step.node
    given = [
        (n, show(g.expr) if isinstance(g, Number) else show_test(g.test))
        for n, g in block.arguments
    ]
    test = "fast and depth > 40"
    assert given == [("width", "width"), ("wide", test), ("groups", "2"), ("more", test)]
    assert block.defaults == (("wide", False), ("groups", 2))
    assert [(show_test(r.test), r.message) for r in block.requires] == [("width > 3", "too narrow")]
    assert conditions(block.body) == [("conv1", ["wide"]), ("relu", ["more"])]
    assert not any(isinstance(s.node, Join) for s in block.body)
