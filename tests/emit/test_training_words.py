"""What words of a recipe do to a step: parts of generated scripts against numbers by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from archdsl.ir.recipe import (
    Adam,
    AdamW,
    AveragedMoments,
    Constant,
    Cosine,
    Data,
    Factors,
    Flip,
    Sgd,
    Steps,
    Views,
    WarmRestarts,
)
from tests.emit.stand_ins import log_of, quick, recipe, scripts

CPU = torch.device("cpu")


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def losses(logits, labels):
    return -np.log(softmax(logits)[np.arange(len(labels)), labels])


# ---------------------------------------------------------------- an average of the weights


def test_the_average_of_weights_after_three_steps(load):
    module = load(recipe(ema=0.9))
    torch.manual_seed(0)
    model, average = (nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)) for _ in range(2))
    average.load_state_dict(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    config = module.Config(device="cpu", ema=0.9)
    step = module.make_step(model, average, optimizer, torch.zeros(2), config)
    names = ("0.weight", "1.weight", "1.bias", "1.running_mean", "1.running_var")
    seen = [{name: model.state_dict()[name].numpy().copy() for name in names}]
    for _ in range(3):
        step(torch.randn(8, 4), torch.randint(0, 4, (8,)))
        seen.append({name: model.state_dict()[name].numpy().copy() for name in names})
    for name in names:
        first, *after = (each[name] for each in seen)
        assert not np.allclose(first, after[0])
        expected = 0.729 * first + 0.081 * after[0] + 0.09 * after[1] + 0.1 * after[2]
        np.testing.assert_allclose(average.state_dict()[name].numpy(), expected, rtol=1e-5)
    assert average.state_dict()["1.num_batches_tracked"] == 3


def test_the_average_is_what_is_tested(load, tmp_path):
    module = load(recipe(ema=0.9))
    config = module.Config(out=str(tmp_path / "out"), epochs=1, device="cpu")
    module.main(config)
    state = torch.load(tmp_path / "out/checkpoint.pt", weights_only=True)
    _, test = module.ready_batches(config, CPU)
    found = {}
    for name in ("model", "average"):
        network = module.Tiny()
        network.load_state_dict(state[name])
        found[name] = module.evaluate(network, test, config)["test_loss"]
    logged = log_of(tmp_path / "out")[-1]["test_loss"]
    assert logged == pytest.approx(found["average"], rel=1e-6)
    assert logged != pytest.approx(found["model"], rel=1e-3)


# ---------------------------------------------------------------- batches in parts


def test_parts_of_a_batch_give_the_gradients_of_the_whole(load):
    """Of a linear classifier: (softmax - labels) x / n."""
    module = load(recipe(accumulate=4))
    torch.manual_seed(0)
    model = nn.Linear(6, 10, bias=False)
    before, sums = model.weight.detach().double().numpy().copy(), torch.zeros(2)
    x, y = torch.randn(32, 6), torch.randint(0, 10, (32,))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    config = module.Config(device="cpu", batch=32)
    module.make_step(model, optimizer, sums, config)(x, y)
    inputs, labels = x.double().numpy(), y.numpy()
    logits = inputs @ before.T
    gradient = (softmax(logits) - np.eye(10)[labels]).T @ inputs / 32
    found = before - model.weight.detach().numpy()
    np.testing.assert_allclose(found, gradient, atol=1e-6)
    told = [losses(logits, labels).sum(), (logits.argmax(axis=1) == labels).sum()]
    assert sums.tolist() == pytest.approx(told, rel=1e-5)


def test_parts_that_are_not_equal_are_refused(load, tmp_path):
    module = load(recipe(accumulate=4))
    with pytest.raises(SystemExit, match=r"--batch 30 has no 4 equal parts$"):
        quick(module, tmp_path / "out", batch=30)
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------- auxiliary heads


class Heads(nn.Module):
    """Gives the same logits, and those of an auxiliary head, whatever it sees."""

    def __init__(self):
        super().__init__()
        draw = torch.Generator().manual_seed(0)
        self.logits = nn.Parameter(torch.randn(4, 10, generator=draw))
        self.other = nn.Parameter(torch.randn(4, 10, generator=draw))

    def forward(self, _x):
        return self.logits + 0, self.other + 0


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_of_auxiliary_heads_counts_what_the_recipe_says(load, smoothing):
    """Of logits: (softmax - labels) / n, and 0.4 of it of those of an auxiliary head."""
    module = load(recipe(auxiliary=0.4, label_smoothing=smoothing))
    model, sums = Heads(), torch.zeros(2)
    before = [p.detach().double().numpy().copy() for p in (model.logits, model.other)]
    y = torch.tensor([3, 1, 4, 1])
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    module.make_step(model, optimizer, sums, module.Config(device="cpu"))(torch.zeros(4, 1), y)
    labels = np.eye(10)[y.numpy()] * (1 - smoothing) + smoothing / 10
    after = [p.detach().numpy() for p in (model.logits, model.other)]
    for one, other, weight in zip(before, after, (1.0, 0.4), strict=True):
        gradient = weight * (softmax(one) - labels) / 4
        np.testing.assert_allclose(one - other, gradient, atol=1e-6)
    assert sums[1] == (before[0].argmax(axis=1) == y.numpy()).sum()


# ---------------------------------------------------------------- mixed images


class Fixed(nn.Module):
    """Gives the same logits whatever it sees, and keeps what it saw."""

    def __init__(self, logits):
        super().__init__()
        self.logits, self.seen = nn.Parameter(logits), torch.empty(0)

    def forward(self, x):
        self.seen = x.clone()
        return self.logits + 0


WORDS = {"mixup": recipe(mixup=0.4), "cutmix": recipe(cutmix=1.0)}
WORDS["smooth"] = recipe(mixup=0.4, label_smoothing=0.1)


@pytest.mark.parametrize("word", list(WORDS))
def test_labels_weigh_as_much_as_the_pixels_of_their_images(load, word):
    module = load(WORDS[word])
    smoothing = 0.1 if word == "smooth" else 0.0
    shares = []
    for seed in range(5):
        torch.manual_seed(seed)
        model, sums = Fixed(torch.randn(16, 10)), torch.zeros(2)
        logits, labels = model.logits.detach().double().numpy(), torch.randint(0, 10, (16,))
        x = torch.arange(16.0).view(16, 1, 1, 1).expand(16, 3, 32, 32)  # image i is of i
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        torch.manual_seed(seed)
        order = torch.rand(16).argsort().numpy()  # the first that the step draws
        torch.manual_seed(seed)
        step = module.make_step(model, optimizer, sums, module.Config(device="cpu"))
        step(x, labels)
        other = np.arange(16) != order
        places, others = np.arange(16)[other], order[other]
        means = model.seen.double().mean(dim=(1, 2, 3)).numpy()[other]
        own = (means - others) / (places - others)
        assert own == pytest.approx(own[0], abs=1e-5)  # one share for the batch
        y = labels.numpy()
        smooth = smoothing * -np.log(softmax(logits)).mean(axis=1)
        first, second = ((1 - smoothing) * losses(logits, each) + smooth for each in (y, y[order]))
        expected = own[0] * first.mean() + (1 - own[0]) * second.mean()
        assert sums[0].item() / 16 == pytest.approx(expected, rel=1e-4)
        shares.append(own[0])
    assert max(shares) - min(shares) > 0.1


def test_shares_are_distributed_as_beta(load):
    """Beta(a, a) has a mean of 1/2 and a variance of 1 / (4 (2 a + 1))."""
    module = load(recipe(mixup=0.2))
    torch.manual_seed(0)
    x, order = torch.zeros(1, 1, 1, 1), torch.zeros(1).long()
    for alpha, variance in ((0.2, 1 / 5.6), (1.0, 1 / 12), (4.0, 1 / 36)):
        shares = torch.stack([module.mixup(x, order, alpha)[1] for _ in range(4000)])
        assert shares.mean().item() == pytest.approx(0.5, abs=0.02)
        assert shares.var().item() == pytest.approx(variance, rel=0.06)


def test_patches_are_one_rectangle_each_and_as_large_as_in_the_paper(load):
    """A side of sqrt(1 - Beta(1, 1)) about any pixel, cut off at the border: 77/240 of an image.

    Half a side r is cut off as far as the border is nearer: r - r^2 / 4 is left of each side.
    """
    module = load(recipe(cutmix=1.0))
    torch.manual_seed(0)
    x, order = torch.arange(2.0).view(2, 1, 1, 1).expand(2, 1, 32, 32), torch.tensor([1, 0])
    areas = []
    for _ in range(3000):
        mixed, share = module.cutmix(x, order, 1.0)
        pasted = mixed[0, 0] == 1
        rows, columns = pasted.any(dim=1), pasted.any(dim=0)
        assert torch.equal(pasted, rows[:, None] & columns)
        for line in (rows, columns):  # no gap
            assert int((line[1:] & ~line[:-1]).sum()) + int(line[0]) == int(line.any())
        assert torch.equal(mixed[1, 0], 1 - mixed[0, 0])
        assert share.item() == pytest.approx(1 - pasted.double().mean().item(), abs=1e-6)
        areas.append(1 - share.item())
    assert np.mean(areas) == pytest.approx(77 / 240, abs=0.015)


def test_of_mixup_and_cutmix_each_batch_has_one(load):
    module = load(recipe(mixup=1.0, cutmix=1.0))
    torch.manual_seed(0)
    model = Fixed(torch.randn(4, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    step = module.make_step(model, optimizer, torch.zeros(2), module.Config(device="cpu"))
    x, pasted = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 1, 16, 16), 0
    for _ in range(200):
        step(x, torch.zeros(4).long())
        pasted += int(torch.equal(model.seen, model.seen.round()))  # no pixel is between two
    assert 70 < pasted < 130


@pytest.mark.parametrize("word", ["mixup", "cutmix"])
def test_an_alpha_that_draws_no_shares_is_refused(load, word, capsys, monkeypatch):
    module = load(WORDS[word])
    monkeypatch.setattr("sys.argv", ["train.py", f"--{word}", "0"])
    with pytest.raises(SystemExit):
        module.parse_configs()
    message = f"train.py: error: --{word} must be in [0.001, inf)"
    assert capsys.readouterr().err.splitlines()[-1] == message


# ---------------------------------------------------------------- the optimizer


def factors_of(module, config):
    """Return the factor and the decay of each parameter of the stand-in, by its name."""
    model = module.Tiny()
    names = {id(p): name for name, p in model.named_parameters()}
    groups = module.param_groups(model, config)
    found = {names[id(p)]: (g["factor"], g["weight_decay"]) for g in groups for p in g["params"]}
    assert len(found) == sum(len(g["params"]) for g in groups) == 5
    return found


def test_factors_are_those_of_norms_and_of_biases(load):
    sgd = Sgd(lr=0.1, momentum=0.9, weight_decay=5e-4, factors=Factors(2.0, 64.0))
    module = load(recipe(optimizer=sgd))
    decay = 5e-4
    assert factors_of(module, module.Config()) == {
        "0.weight": (1.0, decay),
        "1.weight": (2.0, decay),
        "1.bias": (64.0, decay),
        "6.weight": (1.0, decay),
        "6.bias": (64.0, decay),
    }
    module = load(recipe(optimizer=sgd, decay="weights"))
    assert factors_of(module, module.Config(bias_factor=3.0)) == {
        "0.weight": (1.0, decay),
        "1.weight": (2.0, 0.0),
        "1.bias": (3.0, 0.0),
        "6.weight": (1.0, decay),
        "6.bias": (3.0, 0.0),
    }


@pytest.mark.parametrize(("word", "factors"), [("norm", Factors(2.0)), ("bias", Factors(1.0, 4.0))])
def test_a_factor_that_is_not_given_is_no_flag(load, word, factors):
    module = load(recipe(optimizer=Sgd(lr=0.1, factors=factors)))
    names = [name for name in vars(module.Config()) if name.endswith("_factor")]
    assert names == [f"{word}_factor"]
    changed = {
        name for name, (factor, _) in factors_of(module, module.Config()).items() if factor != 1
    }
    assert changed == ({"1.weight"} if word == "norm" else {"1.bias", "6.bias"})


def epoch(module, step=lambda *_: None, number=1, **flags):
    """Take steps of an epoch; return the optimizer."""
    config = module.Config(synthetic=True, device="cpu", **flags)
    train, *_ = module.ready_batches(config, CPU)
    model, optimizer = module.build(config, CPU)
    clock = module.Clock(0.0, 0.0)
    clock.saved()
    for group in optimizer.param_groups:
        group["lr"] = torch.zeros(())

    def taken(*_):
        step(optimizer)

    for each in range(1, number + 1):
        assert module.train_epoch(model, taken, train, optimizer, each, config, clock)
    return optimizer


def test_factors_multiply_the_rate(load):
    sgd = Sgd(lr=0.1, factors=Factors(2.0, 64.0))
    for schedule, rate in ((Constant(), 0.1), (Steps(at=(1,), factor=0.5), 0.05)):
        optimizer = epoch(load(recipe(optimizer=sgd, schedule=schedule)))
        rates = {group["factor"]: group["lr"].item() for group in optimizer.param_groups}
        assert rates == pytest.approx({1.0: rate, 2.0: 2 * rate, 64.0: 64 * rate})


@pytest.mark.parametrize(
    ("kind", "name", "moved"),
    [
        # its decay is a part of the gradient, which Adam divides by its own size
        (Adam, "Adam", lambda w: w - 0.01 * np.sign(w)),
        (AdamW, "AdamW", lambda w: w * (1 - 0.01 * 0.1)),
    ],
)
def test_decay_is_a_part_of_adams_gradient_and_not_of_adamws(load, kind, name, moved):
    module = load(recipe(optimizer=kind(lr=0.01, weight_decay=0.1)))
    model, optimizer = module.build(module.Config(), CPU)
    assert type(optimizer).__name__ == name
    before = model[0].weight.detach().numpy().copy()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    np.testing.assert_allclose(model[0].weight.detach().numpy(), moved(before), atol=1e-5)


def test_a_constant_rate_stays_and_may_rise_at_first(load):
    module = load(recipe(schedule=Constant()))
    assert not hasattr(module, "lr_factor")
    (group,) = epoch(module, number=3).param_groups
    assert group["lr"].item() == pytest.approx(0.1)
    module = load(recipe(schedule=Constant(warmup=2.0)))
    config = module.Config()
    values = [module.lr_factor(step, 10, config) for step in (0, 9, 18, 19, 20, 1000)]
    assert values == pytest.approx([0.05, 0.5, 0.95, 1.0, 1.0, 1.0])


def buffers_seen(load, schedule):
    """Return the largest momentum before each of 12 steps, after each of which it is 1."""
    module, seen = load(recipe(schedule=schedule)), []

    def step(optimizer):
        buffers = [own["momentum_buffer"] for own in optimizer.state.values()]
        seen.append(max((b.max().item() for b in buffers), default=None))
        for group in optimizer.param_groups:
            for p in group["params"]:
                optimizer.state[p]["momentum_buffer"] = torch.ones_like(p)

    epoch(module, step, number=3, limit=128, batch=32)
    return seen


def test_momentum_is_zero_where_a_cycle_begins(load):
    """Four steps an epoch; cycles of one epoch, of two, of four."""
    resets = WarmRestarts(first=1, growth=2, reset_momentum=True)
    assert buffers_seen(load, resets) == [None, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1]
    assert buffers_seen(load, WarmRestarts(first=1)) == [None, *[1] * 11]


def test_the_optimizers_settings_are_those_of_the_device_that_goes_on(load, tmp_path):
    """Adam counts its steps on a GPU, which a captured step needs, and not on a CPU."""
    module = load(recipe(optimizer=Adam(lr=1e-3), schedule=Constant()))
    quick(module, tmp_path / "out")
    path = tmp_path / "out/checkpoint.pt"
    state = torch.load(path, weights_only=True)
    for group in state["optimizer"]["param_groups"]:
        assert group["capturable"] is False
        group["capturable"] = True
    torch.save(state, path)
    flags = {"synthetic": True, "device": "cpu", "resume": True}
    module.main(module.Config(out=str(tmp_path / "out"), epochs=3, **flags))
    state = torch.load(path, weights_only=True)
    assert [group["capturable"] for group in state["optimizer"]["param_groups"]] == [False]
    assert (state["epoch"], state["config"]["epochs"]) == (3, 3)


# ---------------------------------------------------------------- moments


class Parts(list):
    """Batches whose parts can be asked for."""

    def parts(self, part_of):
        return ((x[part_of(i)], y[part_of(i)]) for i, (x, y) in enumerate(self))


def test_moments_of_deviations_are_their_mean_squared(load):
    """McDonnell's moments, of MatConvNet: the roots of variance + eps."""
    module = load(recipe(moments=AveragedMoments(of="deviations")))
    torch.manual_seed(0)
    model = module.Tiny()
    sizes = [0.003 * (i + 1) for i in range(5)]  # variances are about as large as eps
    batches = Parts((torch.randn(16, 1, 8, 8) * size, torch.zeros(16)) for size in sizes)
    module.average_moments(model, batches, module.Config(device="cpu"), 3)  # of the first three
    outputs = [model[0](x).detach().double().numpy() for x, _ in batches[:3]]
    variances = [out.var(axis=(0, 2, 3), ddof=1) for out in outputs]
    deviation = np.mean([np.sqrt(each + 1e-5) for each in variances], axis=0)
    found = model[1].running_var.numpy()
    np.testing.assert_allclose(np.sqrt(found + 1e-5), deviation, rtol=1e-5)
    assert (np.mean(variances, axis=0) > 1.02 * found).all()
    means = np.mean([out.mean(axis=(0, 2, 3)) for out in outputs], axis=0)
    np.testing.assert_allclose(model[1].running_mean.numpy(), means, atol=1e-5)
    assert model[1].num_batches_tracked == 3


def test_moments_are_of_a_few_batches_until_the_last_epoch(load, tmp_path):
    module = load(recipe(moments=AveragedMoments(between=10)))
    quick(module, tmp_path / "out", save_minutes=0.0, between=3)
    tracked = "1.num_batches_tracked"
    names = ("checkpoint.previous.pt", "checkpoint.pt")  # after the first epoch, after the last
    states = [torch.load(tmp_path / "out" / name, weights_only=True) for name in names]
    assert [state["epoch"] for state in states] == [1, 2]
    assert [state["model"][tracked].item() for state in states] == [3, 8]


def test_a_pass_for_moments_counts_in_no_alternation(load):
    flipped = Data(name="mnist", augment=(Flip(alternate=True),))
    module = load(recipe(data=flipped, moments=AveragedMoments(between=1)))
    images = torch.arange(28.0).expand(64, 1, 28, 28)  # each column is of its number
    split = module.Split(images.to(torch.uint8), torch.arange(64))  # the label is the image
    train = module.Batches(split, torch.zeros(1), torch.ones(1), 32, training=True)
    passes = []
    for _ in range(3):
        batches = list(train)
        x, y = (torch.cat(each) for each in zip(*batches, strict=True))
        passes.append(x[y.argsort(), 0, 0, 0] == 27)
        module.average_moments(module.Tiny(), train, module.Config(device="cpu"), 1)
    assert passes[0].sum() == 32
    assert torch.equal(passes[1], ~passes[0])
    assert torch.equal(passes[2], passes[0])


# ---------------------------------------------------------------- how long a script is


def cifar(**facts):
    return recipe(data=Data(name="cifar10", **facts), optimizer=Sgd(lr=0.1), schedule=Constant())


def steps(**facts):
    settings = {"optimizer": Sgd(lr=0.1), "schedule": Steps(at=(2,), factor=0.1), **facts}
    return recipe("cifar10", **settings)


PLAIN, FLIPPED = steps(), cifar(augment=(Flip(),))
PAIRS = {
    "held_out": (PLAIN, steps(held_out=5000)),
    "ema": (PLAIN, steps(ema=0.999)),
    "clip": (PLAIN, steps(clip=1.0)),
    "warmup steps": (PLAIN, steps(schedule=Steps(at=(2,), factor=0.1, warmup=1.0))),
    "warmup cosine": (steps(schedule=Cosine()), steps(schedule=Cosine(warmup=1.0))),
    "warmup constant": (steps(schedule=Constant()), steps(schedule=Constant(warmup=1.0))),
    "warmup restarts": (
        steps(schedule=WarmRestarts(first=1)),
        steps(schedule=WarmRestarts(first=1, warmup=1.0)),
    ),
    "mixup": (PLAIN, steps(mixup=0.2)),
    "cutmix": (PLAIN, steps(cutmix=1.0)),
    "both": (steps(mixup=0.2), steps(mixup=0.2, cutmix=1.0)),
    "accumulate": (PLAIN, steps(accumulate=4)),
    "norm_factor": (PLAIN, steps(optimizer=Sgd(lr=0.1, factors=Factors(norms=2.0)))),
    "bias_factor": (PLAIN, steps(optimizer=Sgd(lr=0.1, factors=Factors(biases=2.0)))),
    "alternate": (FLIPPED, cifar(augment=(Flip(alternate=True),))),
    "views": (cifar(), cifar(views=Views(flip=True, shift=1))),
    "reset_momentum": (
        steps(schedule=WarmRestarts(first=1)),
        steps(schedule=WarmRestarts(first=1, reset_momentum=True)),
    ),
    "deviations": (
        steps(moments=AveragedMoments()),
        steps(moments=AveragedMoments(of="deviations", between=10)),
    ),
    "unit": (cifar(), cifar(unit=True)),
}


def num_lines(recipe):
    files = scripts(recipe)
    return sum(len(files[name].splitlines()) for name in files)


@pytest.mark.parametrize("word", list(PAIRS))
def test_a_word_costs_at_most_15_lines_where_it_is_used(word):
    without, used = map(num_lines, PAIRS[word])
    assert used - without <= 15


def test_a_word_costs_nothing_where_it_is_not_used():
    text = "".join(scripts(steps()).values())
    words = ("held_out", "average,", "ema", "clip", "warmup", "mixup", "cutmix", "Dirichlet")
    words += ("\nimport copy", "accumulate", "no_sync", "norm_factor", "bias_factor", '["factor"]')
    words += ("self.passes", "mirrored", "views", "average_moments", "momentum_buffer", "whiten")
    words += ("suppress", "255.0")
    assert [word for word in words if word in text] == []
