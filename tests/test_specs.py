"""The shipped specs say true things, cite their source, and generated/ is what they compile to."""

import re
from pathlib import Path

import pytest

from archdsl.pipeline import check_spec, compile_spec
from scripts import generate

ROOT = Path(__file__).parents[1]
SPECS = sorted((ROOT / "specs").glob("*.arch"))
WITH_NETWORK = [spec for spec in SPECS if f"specs/{spec.name}" not in generate.RECIPES]
OF_TESTS = sorted((ROOT / "tests/specs").glob("*.arch"))


@pytest.mark.parametrize("spec", [*SPECS, *OF_TESTS], ids=lambda spec: spec.stem)
def test_every_expectation_holds(spec):
    checked = check_spec(str(spec))
    assert checked.expects == len(re.findall(r"^ *expect ", spec.read_text(), re.MULTILINE))
    assert not checked.warnings


@pytest.mark.parametrize("spec", WITH_NETWORK, ids=lambda spec: spec.stem)
def test_every_network_expects_its_parameters_and_cites_its_source(spec):
    text = spec.read_text()
    assert re.search(r"expect parameters(\(.+\))? *==", text)
    assert re.match(r"# .+\b(19|20)\d\d\b", text.partition("\nnetwork")[0].replace("\n# ", " "))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_specs_stay_short(spec):
    text = spec.read_text()
    lines = text.splitlines()
    assert len(lines) <= 150  # recipes, and Inception, whose members have a name each
    assert max(map(len, lines)) <= 100


SCRIPTS = sorted(ROOT.glob("generated/*/train.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.parent.name)
def test_training_scripts_stay_short(script):
    grows = (script.parent / "growth.py").exists()
    assert len(script.read_text().splitlines()) < (510 if grows else 450)


def test_generated_files_are_current():
    assert not generate.outdated(), "run `python -m scripts.generate`"


# torchvision's model documentation: num_params of the weights, and its GFLOPS, which are MACs.
@pytest.mark.parametrize(
    ("spec", "arguments", "parameters", "giga_macs"),
    [
        ("resnet", {"depth": "18"}, 11_689_512, 1.814),
        ("resnet", {"depth": "34"}, 21_797_672, 3.664),
        ("resnet", {"depth": "50"}, 25_557_032, 4.089),
        ("resnet", {"depth": "101"}, 44_549_160, 7.801),
        ("resnet", {"depth": "152"}, 60_192_808, 11.514),
        ("resnext", {}, 25_028_904, 4.230),
        ("resnext", {"depth": "101", "group_width": "8"}, 88_791_336, 16.414),
        ("resnext", {"depth": "101", "groups": "64"}, 83_455_272, 15.460),
        ("resnext", {"groups": "1", "group_width": "128"}, 68_883_240, 11.398),
        ("vgg", {}, 138_357_544, 15.470),
        ("densenet", {}, 7_978_856, 2.834),
        ("densenet", {"depth": "161", "growth": "48"}, 28_681_000, 7.728),
        ("densenet", {"depth": "169"}, 14_149_480, 3.360),
        ("densenet", {"depth": "201"}, 20_013_928, 4.291),
        ("mobilenet_v2", {}, 3_504_872, 0.301),
        ("efficientnet", {}, 5_288_548, 0.386),
        ("efficientnet", {"b": "1"}, 7_794_184, 0.687),
        # b = 2 is left out: torchvision gives its cost for images of 288, the paper's are of 260
        ("efficientnet", {"b": "3"}, 12_233_232, 1.827),
        ("efficientnet", {"b": "4"}, 19_341_616, 4.394),
        ("efficientnet", {"b": "5"}, 30_389_784, 10.266),
        ("efficientnet", {"b": "6"}, 43_040_704, 19.068),
        ("efficientnet", {"b": "7"}, 66_347_960, 37.746),
        ("googlenet", {}, 6_624_904, 1.498),
        ("shufflenet_v2", {"width": "0.5"}, 1_366_792, 0.040),
        ("shufflenet_v2", {}, 2_278_604, 0.145),
        ("shufflenet_v2", {"width": "1.5"}, 3_503_624, 0.296),
        ("shufflenet_v2", {"width": "2"}, 7_393_996, 0.583),
        ("convnext", {}, 28_589_128, 4.456),
        ("convnext", {"blocks": "[3, 3, 27, 3]"}, 50_223_688, 8.684),
        ("convnext", {"width": "128", "blocks": "[3, 3, 27, 3]"}, 88_591_464, 15.355),
        ("convnext", {"width": "192", "blocks": "[3, 3, 27, 3]"}, 197_767_336, 34.361),
        ("lraspp", {}, 3_221_538, 2.086),
        ("video_resnet", {}, 33_371_472, 40.697),
        ("video_resnet", {"kind": '"mc3"'}, 11_695_440, 43.343),
        ("video_resnet", {"kind": '"r2plus1d"'}, 31_505_325, 40.519),
        ("squeezenet", {}, 1_235_496, 0.349),
        ("alexnet", {}, 61_100_840, 0.714),
        ("vgg", {"depth": "11"}, 132_863_336, 7.609),
        ("vgg", {"depth": "13", "normalized": "true"}, 133_053_736, 11.308),
        ("vgg", {"depth": "19"}, 143_667_240, 19.632),
        ("squeezenet", {"version": "1.0"}, 1_248_424, 0.819),
        ("mobilenet_v3", {}, 5_483_032, 0.217),
        ("mobilenet_v3", {"size": '"small"'}, 2_542_856, 0.057),
        ("mnasnet", {"width": "0.5"}, 2_218_512, 0.104),
        ("mnasnet", {"width": "0.75"}, 3_170_208, 0.215),
        ("mnasnet", {}, 4_383_312, 0.314),
        ("mnasnet", {"width": "1.3"}, 6_282_256, 0.526),
        ("efficientnet_v2", {}, 21_458_488, 8.366),
        ("efficientnet_v2", {"size": '"m"'}, 54_139_356, 24.582),
        ("efficientnet_v2", {"size": '"l"'}, 118_515_272, 56.080),
        ("regnet", {}, 4_344_144, 0.402),
        ("regnet", {"mega": "8_000"}, 39_381_472, 8.473),
        ("regnet", {"kind": '"x"', "mega": "400"}, 5_495_976, 0.414),
        ("regnet", {"kind": '"x"', "mega": "32_000"}, 107_811_560, 31.736),
    ],
)
def test_published_networks_have_their_published_size_and_cost(
    spec, arguments, parameters, giga_macs
):
    sums = compile_spec(f"{ROOT}/specs/{spec}.arch", None, arguments).counts.sums
    assert sums.total == parameters
    assert round(sums.macs / 1e9, 3) == giga_macs
