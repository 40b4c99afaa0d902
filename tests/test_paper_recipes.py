# pyright: reportOptionalMemberAccess=false
"""How the specs of the papers are trained: what decays, by which rates, on which batches.

Sources: Zagoruyko & Komodakis 2017 (DiracNets), section 2, equation 6, and their code; McDonnell
2018, section 3.2 and 3.3; Zagoruyko & Komodakis 2016, section 3.
"""

import importlib.util
import math
import sys
from pathlib import Path

import pytest
import torch

from archdsl.ir.recipe import Data
from archdsl.pipeline import compile_spec

ROOT = Path(__file__).parents[1]
SMALL = {"depth": "10", "k": "1"}
SMALL_ONEBIT = {"depth": "8", "k": "1"}


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return a function that imports the training script of a spec."""

    def load(spec, arguments):
        files = compile_spec(f"{ROOT}/{spec}", None, arguments).files("net")
        folder = tmp_path / Path(spec).stem
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        monkeypatch.syspath_prepend(folder)
        for name in ("checkpoint", "data", "model", "processes", "responses"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        found = importlib.util.spec_from_file_location("train_of_paper", folder / "train.py")
        assert found is not None
        assert found.loader is not None
        module = importlib.util.module_from_spec(found)
        monkeypatch.setitem(sys.modules, "train_of_paper", module)
        found.loader.exec_module(module)
        for name in ("checkpoint", "data", "processes"):
            theirs = vars(sys.modules[name]).items()
            vars(module).update({k: v for k, v in theirs if not hasattr(module, k)})
        for name in ("checkpoint", "data", "model", "processes", "responses"):
            del sys.modules[name]
        return module

    return load


class Stop(Exception):  # noqa: N818
    """Raised where the optimizer would be made."""


@pytest.fixture
def optimizer_of(load, monkeypatch, tmp_path):
    """Return a function: the decay of each parameter by its name, and the other settings."""

    def optimizer_of(spec, arguments):
        module = load(spec, arguments)
        made = {}

        class Sgd(torch.optim.SGD):
            def __init__(self, params, **settings):
                super().__init__(params, **settings)
                made["groups"] = self.param_groups
                raise Stop

        models = []
        network = module.Net
        monkeypatch.setattr(module, "Net", lambda: models.append(network()) or models[-1])
        monkeypatch.setattr(torch.optim, "SGD", Sgd)
        config = module.Config(synthetic=True, batch=1, out=str(tmp_path / "out"), device="cpu")
        with pytest.raises(Stop):
            module.main(config)
        names = {id(p): name for name, p in models[0].named_parameters()}
        groups = made["groups"]
        decay = {names[id(p)]: group["weight_decay"] for group in groups for p in group["params"]}
        assert decay.keys() == set(names.values())  # each learned parameter is in one group
        settings = {key: groups[0][key] for key in ("lr", "momentum", "nesterov")}
        return decay, settings, config

    return optimizer_of


def named(decay, ending):
    return [value for name, value in decay.items() if name.endswith(ending)]


# ---------------------------------------------------------------- what decays


def test_everything_decays_in_diracnets_a_and_b_too(optimizer_of):
    decay, settings, _ = optimizer_of("specs/diracnet.arch", SMALL)
    assert set(decay.values()) == {5e-4}
    assert len(named(decay, "conv1.a")) == len(named(decay, "conv1.b")) == 6
    assert settings == {"lr": 0.1, "momentum": 0.9, "nesterov": False}  # their code


def test_weights_alone_decay_in_the_later_diracnets(optimizer_of):
    decay, settings, _ = optimizer_of("tests/specs/diracnet_v2.arch", SMALL)
    assert named(decay, "conv1.a") == named(decay, "conv1.b") == [0.0] * 6
    assert named(decay, "conv1.weight") == [5e-4] * 6
    assert named(decay, "bn1.weight") == named(decay, "bn1.bias") == [0.0] * 6
    assert (decay["stem.0.weight"], decay["head.3.weight"], decay["head.3.bias"]) == (
        5e-4,
        5e-4,
        0.0,
    )
    assert settings["nesterov"] is False


@pytest.mark.parametrize("spec", ["onebit", "full_precision"])
def test_weights_alone_decay_in_onebit_networks(optimizer_of, spec):
    decay, settings, _ = optimizer_of(f"specs/{spec}.arch", SMALL_ONEBIT)
    assert {name for name, value in decay.items() if value == 0} == {"stem.0.weight", "stem.0.bias"}
    assert {value for name, value in decay.items() if not name.startswith("stem.0")} == {5e-4}
    assert len(decay) == 2 + 8  # the image's scale and offset, and 8 convolutions
    assert settings == {"lr": 0.1, "momentum": 0.9, "nesterov": False}


# ---------------------------------------------------------------- how long, on what


@pytest.mark.parametrize(
    ("arguments", "epochs"),
    [
        ({"k": "4"}, 126),
        ({"k": "20", "classes": "100"}, 126),
        ({}, 254),
        ({"depth": "26", "classes": "100"}, 254),
    ],
)
def test_onebit_networks_are_trained_for_as_long_as_in_table_1(arguments, epochs):
    recipe = compile_spec(f"{ROOT}/specs/onebit.arch", None, arguments).network.recipe
    assert (recipe.epochs, recipe.batch, recipe.decay) == (epochs, 125, "weights")
    assert isinstance(recipe.data, Data)
    assert recipe.data.name == ("cifar100" if "classes" in arguments else "cifar10")


def test_the_rate_of_onebit_networks_restarts_at_the_papers_epochs(load):
    module = load("specs/onebit.arch", SMALL_ONEBIT)
    config = module.Config()
    per_epoch = 50_000 // config.batch
    assert per_epoch == 400
    rates = [config.lr * module.lr_factor(s, per_epoch, config) for s in range(254 * per_epoch)]
    restarts = [s // per_epoch + 1 for s in range(len(rates)) if s == 0 or rates[s] > rates[s - 1]]
    assert restarts == [1, 3, 7, 15, 31, 63, 127]
    assert rates[0] == 0.1
    assert min(rates) == pytest.approx(1e-4, rel=1e-3)
    middle = (126 + 64) * per_epoch  # half of the last cycle, of 128 epochs
    assert rates[middle] == pytest.approx((0.1 + 1e-4) / 2)
    quarter = (126 + 32) * per_epoch
    assert rates[quarter] == pytest.approx(1e-4 + 0.0999 * (1 + math.sqrt(0.5)) / 2)


def test_onebit_networks_see_pixels_as_they_are_and_noise_around_them(load):
    module = load("specs/onebit.arch", {**SMALL_ONEBIT, "patch": "18"})
    flags = {"limit": 0, "device": torch.device("cpu"), "synthetic": True, "verify": True}
    train, _ = module.load_batches(Path(), size=125, **flags)
    images, _ = next(iter(train))
    assert images.shape == (125, 3, 32, 32)
    assert images.unique().tolist() == list(range(256))


def test_cutout_is_there_where_it_is_asked_for(load):
    assert hasattr(load("specs/onebit.arch", {**SMALL_ONEBIT, "patch": "18"}), "cutout")
    plain = compile_spec(f"{ROOT}/specs/onebit.arch", None, SMALL_ONEBIT).files("net")["data.py"]
    assert "cutout" not in plain


@pytest.mark.parametrize(
    ("spec", "arguments"),
    [
        ("diracnet", SMALL),
        ("plain", SMALL),
        ("dirac_resnet", SMALL),
        ("onebit", {**SMALL_ONEBIT, "patch": "18"}),
        ("onebit_plain", SMALL_ONEBIT),
        ("full_precision", SMALL_ONEBIT),
        ("resnet_cifar", {"depth": "8"}),
    ],
)
def test_networks_of_the_papers_train_for_an_epoch(load, tmp_path, spec, arguments):
    module = load(f"specs/{spec}.arch", arguments)
    flags = {"synthetic": True, "batch": 4, "epochs": 1, "out": str(tmp_path / "out")}
    module.main(module.Config(**flags, device="cpu"))
    state = torch.load(tmp_path / "out/checkpoint.pt", weights_only=True)
    assert state["epoch"] == 1
    assert all(t.isfinite().all() for t in state["model"].values())


# ---------------------------------------------------------------- how weights begin


def test_networks_of_32_bits_begin_as_those_of_one_bit(load):
    """N(0, 2 / fan_in) in each layer: McDonnell 2018, section 3.2."""
    found = {}
    for spec in ("onebit", "full_precision"):
        torch.manual_seed(0)
        network = load(f"specs/{spec}.arch", {"depth": "8", "k": "4"}).Net()
        convs = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
        found[spec] = [
            (
                tuple(conv.weight.shape),
                float(conv.weight.detach().std() * conv.weight[0].numel() ** 0.5),
            )
            for conv in convs
        ]
    for one, other in zip(*found.values(), strict=True):
        assert one[0] == other[0]
        assert one[1] == pytest.approx(math.sqrt(2), rel=0.06)
        assert other[1] == pytest.approx(math.sqrt(2), rel=0.06)
    assert len(found["onebit"]) == 8


@pytest.mark.parametrize(
    ("spec", "arguments", "fan"),
    [
        ("wrn", {"depth": "16", "k": "4"}, "out"),  # when the paper was written
        ("wrn_svhn", {}, "out"),
        ("share_wrn", {"depth": "16", "k": "4"}, "in"),  # of 2017
        ("diracnet", {"depth": "16", "k": "2"}, "in"),
    ],
)
def test_networks_begin_as_those_of_the_authors_code(load, spec, arguments, fan):
    """Gains U(0, 1), offsets and biases 0; convolutions He; a classifier as PyTorch has it, or He.

    PyTorch: U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)), whose deviation is 1 / sqrt(3 fan_in).
    """
    torch.manual_seed(0)
    network = load(f"specs/{spec}.arch", arguments).Net()
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    gains = torch.cat([norm.weight.detach() for norm in norms])
    assert gains.min() >= 0
    assert gains.max() <= 1
    assert gains.mean().item() == pytest.approx(0.5, abs=0.03)
    assert gains.var().item() == pytest.approx(1 / 12, rel=0.1)
    assert all((norm.bias == 0).all() for norm in norms)
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-5, 0.1)}
    (classifier,) = (m for m in network.modules() if isinstance(m, torch.nn.Linear))
    assert (classifier.bias == 0).all()
    deviation = classifier.weight.std().item() * math.sqrt(classifier.in_features)
    assert deviation == pytest.approx(math.sqrt(2 if fan == "in" else 1 / 3), rel=0.06)
    for conv in (m for m in network.modules() if type(m) is torch.nn.Conv2d):
        ends = conv.weight.shape[0 if fan == "out" else 1] * conv.weight[0, 0].numel()
        deviation = conv.weight.detach().std().item() * math.sqrt(ends)
        spread = 4 / math.sqrt(conv.weight.numel())  # four deviations of an estimate, twice as wide
        assert deviation == pytest.approx(math.sqrt(2), rel=spread)


# ---------------------------------------------------------------- one bit: cycles, moments

ONEBIT = {
    "onebit": SMALL_ONEBIT,
    "full_precision": SMALL_ONEBIT,
    "onebit_mnist": SMALL_ONEBIT,
    "onebit_svhn": SMALL_ONEBIT,
    "onebit_imagenet32": SMALL_ONEBIT,
}


@pytest.mark.parametrize("spec", list(ONEBIT))
def test_momentum_of_onebit_networks_begins_anew_with_each_cycle(load, spec):
    """McDonnell's MATLAB code; the second cycle begins with epoch 3, here with step 16 from 0."""
    module = load(f"specs/{spec}.arch", ONEBIT[spec])
    config = module.Config(synthetic=True, device="cpu")
    train, _ = module.ready_batches(config, torch.device("cpu"))
    model, optimizer = module.build(config, torch.device("cpu"))
    clock, seen = module.Clock(0.0, 0.0), []
    clock.saved()
    for group in optimizer.param_groups:
        group["lr"] = torch.zeros(())

    def step(*_):
        seen.append(any(own["momentum_buffer"].any() for own in optimizer.state.values()))
        for parameter in model.parameters():
            optimizer.state[parameter]["momentum_buffer"] = torch.ones_like(parameter)

    for epoch in (1, 2, 3):
        assert module.train_epoch(model, step, train, optimizer, epoch, config, clock)
    assert len(train) == 8
    assert [i for i, any_momentum in enumerate(seen) if not any_momentum] == [0, 16]


class Parts(list):
    """Batches whose parts can be asked for."""

    def parts(self, part_of):
        return ((x[part_of(i)], y[part_of(i)]) for i, (x, y) in enumerate(self))


@pytest.mark.parametrize("spec", ["onebit", "full_precision", "onebit_mnist", "onebit_svhn"])
def test_moments_of_onebit_networks_are_means_of_deviations_and_of_ten_batches_at_first(load, spec):
    """Of images that deviate by 1 and by 3: by 2, and so a variance of 4, not of 5."""
    module = load(f"specs/{spec}.arch", ONEBIT[spec])
    config = module.Config(device="cpu")
    assert config.between == 10
    network = module.Net()
    norm = network.stem[0]
    size = 28 if spec == "onebit_mnist" else 32
    signs = torch.ones(2, norm.num_features, size, size)
    signs[0] = -1
    batches = Parts((deviation * signs, torch.zeros(2)) for deviation in (1.0, 3.0))
    module.average_moments(network, batches, config, 10)
    assert norm.running_mean.tolist() == pytest.approx([0.0] * norm.num_features, abs=1e-5)
    assert norm.running_var.tolist() == pytest.approx([4.0] * norm.num_features, rel=2e-3)


@pytest.mark.parametrize(
    ("spec", "arguments", "epochs"),
    [("onebit_mnist", {}, 14), ("onebit_mnist", {"epochs": "6"}, 6), ("onebit_svhn", {}, 30)],
)
def test_onebit_networks_for_digits_have_the_papers_recipe(load, spec, arguments, epochs):
    module = load(f"specs/{spec}.arch", {**arguments, **SMALL_ONEBIT})
    config = module.Config()
    assert (config.epochs, config.batch, config.lr, config.min_lr) == (epochs, 125, 0.1, 1e-4)
    assert (config.momentum, config.weight_decay, config.cycle, config.growth) == (0.9, 5e-4, 2, 2)
    network, optimizer = module.build(config, torch.device("cpu"))
    decays = {group["weight_decay"]: len(group["params"]) for group in optimizer.param_groups}
    assert decays == {5e-4: 8, 0.0: 2}  # convolutions; the image's scale and offset
    assert {group["nesterov"] for group in optimizer.param_groups} == {False}
    assert not any(isinstance(m, torch.nn.Linear) for m in network.modules())


def test_onebit_digits_are_seen_as_they_are_and_house_numbers_cropped_and_not_mirrored(load):
    flags = {"limit": 0, "device": torch.device("cpu"), "synthetic": True, "verify": True}
    for spec, shape in (("onebit_mnist", (1, 28, 28)), ("onebit_svhn", (3, 32, 32))):
        module = load(f"specs/{spec}.arch", SMALL_ONEBIT)
        ramp = torch.arange(shape[2]).expand(125, *shape).to(torch.uint8) + 100
        split = module.Split(ramp, torch.zeros(125).long())
        ones = torch.ones(shape[0])
        batches = module.Batches(split, 0 * ones, ones, 125, training=True)
        (images, _), *_ = batches
        if spec == "onebit_mnist":
            assert torch.equal(images, ramp.float())
        else:
            middle = images[:, :, 8:24, 8:24]  # never outside
            assert (middle[..., 1:] - middle[..., :-1] == 1).all()  # the ramp rises: no mirror
            offsets = set((middle[:, 0, 0, 0] - ramp[0, 0, 0, 8]).tolist())
            assert offsets == {-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0}
        train, _ = module.load_batches(Path(), size=125, **flags)
        assert next(iter(train))[0].unique().tolist() == list(range(256))


# ---------------------------------------------------------------- WRN: whitening, SVHN


def test_wide_networks_see_whitened_images_where_it_is_asked_for(load):
    whitened = compile_spec(f"{ROOT}/specs/wrn.arch", None, {"whiten": "true"})
    assert "whiten(train, test, folder" in whitened.files("net")["data.py"]
    assert "std_mean" not in whitened.files("net")["data.py"]  # and nothing else normalizes them
    plain = compile_spec(f"{ROOT}/specs/wrn.arch").files("net")["data.py"]
    assert "whiten" not in plain
    assert "std_mean" in plain


def test_wide_networks_see_house_numbers_from_0_to_1_as_they_are(load):
    module = load("specs/wrn_svhn.arch", {})
    dropouts = [m.p for m in module.Net().modules() if isinstance(m, torch.nn.Dropout)]
    assert dropouts == [0.4] * 6  # one between the convolutions of each block
    split = module.random_split(256)
    folder = {"read_data": lambda _: (split, split)}  # instead of files
    vars(module)["load_batches"].__globals__.update(folder)
    flags = {"limit": 0, "device": torch.device("cpu"), "synthetic": False, "verify": False}
    train, _ = module.load_batches(Path(), size=128, **flags)
    for x, y in train:
        given = {str(image.tolist()) for image in (split.images[split.labels == y[0]] / 255)}
        assert str(x[0].tolist()) in given  # no crop, no mirror


# ---------------------------------------------------------------- each recipe

# What docs/recipes.md says, as the generated scripts have it: epochs, batch, rate, momentum, decay,
# and the epochs that begin with a drop of the rate by a factor.
RECIPES = {
    "wrn": (200, 128, 0.1, 0.9, 5e-4, (60, 120, 160), 0.2, True),
    "wrn_svhn": (160, 128, 0.01, 0.9, 5e-4, (80, 120), 0.1, True),
    "share_wrn": (200, 128, 0.1, 0.9, 5e-4, (60, 120, 160), 0.2, True),
    "diracnet": (200, 128, 0.1, 0.9, 5e-4, (60, 120, 160), 0.2, False),
    "resnet_cifar": (164, 128, 0.1, 0.9, 1e-4, (83, 124), 0.1, False),
    "preact_resnet": (164, 128, 0.1, 0.9, 1e-4, (83, 124), 0.1, False),
    "resnext_cifar": (300, 128, 0.1, 0.9, 5e-4, (150, 225), 0.1, False),
}


@pytest.mark.parametrize("spec", list(RECIPES))
def test_the_script_has_the_recipe_of_its_paper(load, spec):
    module = load(f"specs/{spec}.arch", {})
    config = module.Config()
    *numbers, nesterov = RECIPES[spec]
    fields = ("epochs", "batch", "lr", "momentum", "weight_decay", "milestones", "drop")
    assert [getattr(config, field) for field in fields] == numbers
    _, optimizer = module.build(config, torch.device("cpu"))
    assert {group["nesterov"] for group in optimizer.param_groups} == {nesterov}
    rises = spec in ("resnet_cifar", "preact_resnet")  # 0.01 at first, for 110 layers and more
    assert module.lr_factor(0, 390, config) == (pytest.approx(1 / 390) if rises else 1)


# ---------------------------------------------------------------- ImageNet

# Facts of the tables in docs/recipes.md: torchvision's references/classification, fb.resnet.torch
# for ShaResNets, the code of DiracNets.
IMAGENET = {
    "resnet": (90, 256, 0.1, 0.9, 1e-4, (31, 61), 0.1, False),
    "resnext": (100, 256, 0.1, 0.9, 1e-4, (31, 61, 91), 0.1, False),
    "densenet": (90, 256, 0.1, 0.9, 1e-4, (31, 61), 0.1, True),
    "vgg": (90, 256, 0.01, 0.9, 1e-4, (31, 61), 0.1, False),
    "squeezenet": (90, 256, 0.01, 0.9, 1e-4, (31, 61), 0.1, False),
    "sharesnet": (90, 256, 0.1, 0.9, 1e-4, (31, 61), 0.1, True),
    "sharesnet50": (90, 256, 0.1, 0.9, 1e-4, (31, 61), 0.1, True),
    "diracnet_imagenet": (100, 256, 0.1, 0.9, 1e-4, (30, 60, 90), 0.1, False),
}


@pytest.mark.parametrize("spec", list(IMAGENET))
def test_the_script_for_imagenet_has_the_recipe(load, spec):
    module = load(f"specs/{spec}.arch", {"classes": "4"})
    config = module.Config()
    *numbers, nesterov = IMAGENET[spec]
    fields = ("epochs", "batch", "lr", "momentum", "weight_decay", "milestones", "drop")
    assert [getattr(config, field) for field in fields] == numbers
    _, optimizer = module.build(config, torch.device("cpu"))
    assert {group["nesterov"] for group in optimizer.param_groups} == {nesterov}
    assert len(optimizer.param_groups) == 1  # everything decays
    assert (module.TRAIN_SIZE, module.TEST_RESIZE, module.TEST_SIZE) == (224, 256, 224)
    assert module.MEAN == (0.485, 0.456, 0.406)
    assert module.STD == (0.229, 0.224, 0.225)
    assert hasattr(module, "color_jitter") == hasattr(module, "lighting") == ("share" in spec)
    if "share" in spec:
        assert (module.JITTER, module.LIGHTING) == ((0.4, 0.4, 0.4), 0.1)


def test_residual_networks_for_other_images_are_trained_on_crops_of_their_size(load):
    """The resized side is 8/7 of the crop's, as 256 is of 224."""
    module = load("specs/resnet.arch", {"depth": "18", "image": "96", "classes": "4"})
    assert (module.TRAIN_SIZE, module.TEST_RESIZE, module.TEST_SIZE) == (96, 109, 96)


@pytest.mark.parametrize(
    ("spec", "arguments", "epochs"),
    [
        ("onebit_imagenet", {"k": "0.25"}, 62),
        ("onebit_imagenet32", {"k": "1"}, 30),
        ("onebit_imagenet32", {"depth": "26", "k": "1"}, 62),
    ],
)
def test_onebit_networks_for_imagenet_have_the_papers_recipe(load, spec, arguments, epochs):
    """McDonnell 2018, section 3, and Table 2 for the epochs."""
    module = load(f"specs/{spec}.arch", arguments)
    config = module.Config()
    assert (config.epochs, config.batch, config.lr, config.min_lr) == (epochs, 125, 0.1, 1e-4)
    assert (config.momentum, config.weight_decay) == (0.9, 1e-4)
    assert (config.cycle, config.growth) == (2, 2)  # epochs 2, 6, 14, 30, 62 end a cycle
    assert not hasattr(module, "average_moments")
    _, optimizer = module.build(config, torch.device("cpu"))
    decays = {group["weight_decay"]: group["params"] for group in optimizer.param_groups}
    assert {p.ndim for p in decays[0.0]} == {1}
    assert {p.ndim for p in decays[1e-4]} == {4}


def test_onebit_networks_see_the_pixels_of_photographs_as_they_are(load):
    module = load("specs/onebit_imagenet.arch", {"k": "0.25"})
    assert not hasattr(module, "MEAN")
    train, _ = module.load_batches(
        Path(), size=2, limit=0, device=torch.device("cpu"), synthetic=True, workers=0
    )
    x, _ = next(iter(train))
    assert x.unique().tolist() == list(range(256))


@pytest.mark.parametrize(
    ("spec", "arguments"),
    [
        ("resnet", {"depth": "18", "image": "64"}),
        ("onebit_imagenet32", {"depth": "8", "k": "1"}),
    ],
)
def test_networks_for_imagenet_train_for_an_epoch(load, tmp_path, spec, arguments):
    module = load(f"specs/{spec}.arch", arguments)
    flags = {"synthetic": True, "batch": 2, "epochs": 1, "out": str(tmp_path / "out")}
    module.main(module.Config(**flags, device="cpu"))
    state = torch.load(tmp_path / "out/checkpoint.pt", weights_only=True)
    assert all(t.isfinite().all() for t in state["model"].values())


# ---------------------------------------------------------------- the thesis


def test_the_sine_of_the_thesis_is_as_its_page_says(load):
    """Section 5.1.1: Adam, Xavier; TensorFlow's rate and betas. Section 5.2: [-2 pi, 2 pi]."""
    module = load("specs/sine.arch", {})
    config = module.Config(device="cpu")
    facts = (config.epochs, config.batch, config.lr, config.weight_decay)
    assert facts == (400, 256, 1e-3, 0.0)
    model = module.build(config, torch.device("cpu"), 3)  # the last phase
    optimizer = module.optimize(model, config, module.begin(None)[0], 1)
    (group,) = optimizer.param_groups
    assert (type(optimizer.optimizer).__name__, group["betas"]) == ("Adam", (0.9, 0.999))
    assert not hasattr(module, "lr_factor")
    for layer in (model.linear1, model.linear2):
        assert layer.weight.abs().max().item() == pytest.approx(math.sqrt(6 / 501), rel=0.02)
        assert not layer.bias.any()
    training, test = module.ready_batches(config, torch.device("cpu"))
    assert (training.num_points, test.num_points) == (4096, 2001)
    ends = test.points.min().item(), test.points.max().item()
    assert ends == pytest.approx((-2 * math.pi, 2 * math.pi))
