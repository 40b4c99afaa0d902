"""What words of a recipe do to images: held out, mirrored, seen in views, whitened, of SVHN."""

import re

import numpy as np
import pytest
import torch
from scipy.io import savemat
from torch import nn

from archdsl.ir.recipe import AveragedMoments, Data, Flip, Views
from tests.emit.stand_ins import load_batches, log_of, quick, recipe, write_idx

CPU = torch.device("cpu")


@pytest.fixture
def numbered(tmp_path):
    """A folder with 40 training and 10 test images in MNIST's layout, each of its own number."""
    folder = tmp_path / "MNIST/raw"
    folder.mkdir(parents=True)
    for name, numbers in (("train", range(40)), ("t10k", range(100, 110))):
        images = np.stack([np.full((28, 28), i, np.uint8) for i in numbers])
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", images)
        write_idx(
            folder / f"{name}-labels-idx1-ubyte.gz", np.arange(len(images), dtype=np.uint8) % 10
        )
    return tmp_path


# ---------------------------------------------------------------- held out


def numbers_of(batches):
    return sorted(batches.pixels.view(batches.num_images, -1)[:, 0].tolist())


def test_images_held_out_are_not_trained_on_and_the_same_for_every_seed(load, numbered):
    module = load(recipe("mnist", held_out=15))
    found = []
    for seed in (0, 1):
        flags = {"data": str(numbered), "verify": False, "device": "cpu", "batch": 5}
        train, held, test = module.ready_batches(module.Config(seed=seed, **flags), CPU)
        assert len(numbers_of(held)) == 15
        assert sorted(numbers_of(train) + numbers_of(held)) == list(range(40))
        assert numbers_of(test) == list(range(100, 110))
        assert (train.training, held.training, test.training) == (True, False, False)
        assert torch.equal(held.labels, held.pixels.view(15, -1)[:, 0].long() % 10)
        std, mean = torch.std_mean(torch.tensor(numbers_of(train)).float(), correction=0)
        assert held.mean.item() == train.mean.item() == pytest.approx(mean.item(), rel=1e-5)
        assert held.std.item() == pytest.approx(std.item(), rel=1e-3)  # of what is trained on
        found.append(numbers_of(held))
    assert found[0] == found[1]


def test_the_test_images_are_read_once_at_the_end(load, tmp_path, numbered, monkeypatch):
    module = load(recipe("mnist", held_out=15))
    passes, iterate = [], module.Batches.__iter__

    def noted(batches):
        passes.append(batches.num_images)
        return iterate(batches)

    monkeypatch.setattr(module.Batches, "__iter__", noted)
    flags = {"data": str(numbered), "verify": False, "device": "cpu", "batch": 5, "epochs": 3}
    module.main(module.Config(out=str(tmp_path / "out"), **flags))
    assert passes == [25, 15, 25, 15, 25, 15, 10]
    _, *epochs = log_of(tmp_path / "out")
    tested = [sorted(k for k in record if k.startswith(("test", "held"))) for record in epochs]
    held = ["held_out_accuracy", "held_out_loss"]
    assert tested == [held, held, [*held, "test_accuracy", "test_loss"]]


def test_random_images_are_enough_for_those_held_out(load, tmp_path):
    quick(load(recipe(held_out=5000)), tmp_path / "out")
    assert len(log_of(tmp_path / "out")) == 3


def test_more_images_held_out_than_there_are_is_refused(load, numbered):
    module = load(recipe("mnist", held_out=15))
    message = "--held-out 40 leaves none of 40 training images"
    with pytest.raises(SystemExit, match=re.escape(message)):
        load_batches(module, numbered, held_out=40, verify=False)


# ---------------------------------------------------------------- mirrored in turn


ALTERNATE = recipe(Data(name="mnist", augment=(Flip(alternate=True),)))


def columns(module, seed=0, n=64):
    """Return batches of images whose columns have numbers, and whose labels are theirs."""
    images = torch.arange(28.0).expand(n, 1, 28, 28).to(torch.uint8)
    split = module.Split(images, torch.arange(n))
    batches = module.Batches(split, torch.zeros(1), torch.ones(1), 16, training=True)
    batches.random.manual_seed(seed)
    return batches


def mirrored(batches, most=4):
    """Return which images are mirrored, by their labels, in the batches of a pass."""
    found = {}
    for x, y in batches:
        assert {str(row) for row in x[:, 0, 0].tolist()} <= {
            str([float(i) for i in range(28)]),
            str([float(27 - i) for i in range(28)]),
        }
        found |= dict(zip(y.tolist(), (x[:, 0, 0, 0] == 27).tolist(), strict=True))
        if len(found) == 16 * most < 64:
            break
    return found


def test_each_image_is_mirrored_in_every_second_epoch(load):
    module = load(ALTERNATE)
    batches = columns(module)
    passes = [mirrored(batches) for _ in range(4)]
    assert sum(passes[0].values()) == 32  # of 64, in the first
    assert passes[1] == {image: not was for image, was in passes[0].items()}
    assert passes[2] == passes[0]
    assert passes[3] == passes[1]
    assert mirrored(columns(module, seed=1)) != passes[0]


@pytest.mark.parametrize("taken", [1, 3, 4])
def test_images_are_mirrored_in_turn_after_a_resumption(load, taken):
    module = load(ALTERNATE)
    whole, cut = columns(module), columns(module)
    first, second, third = (mirrored(whole) for _ in range(3))
    assert mirrored(cut) == first
    begun = mirrored(cut, most=taken)
    resumed = columns(module, seed=9)
    assert resumed.go_to(cut.place())
    left = mirrored(resumed) if taken < 4 else {}
    assert begun | left == second
    assert len(left) == 64 - 16 * taken
    assert mirrored(resumed) == third


# ---------------------------------------------------------------- views


def seen_by_hand(image):
    """Return the views of an image (H, W), and their weights: Jordan 2024, section 3.5."""
    padded = np.pad(image, 1, mode="reflect")
    middle, moved, back = padded[1:-1, 1:-1], padded[:-2, :-2], padded[2:, 2:]
    views = [each for view in (middle, moved, back) for each in (view, view[:, ::-1])]
    return np.stack(views), [0.25, 0.25, 0.125, 0.125, 0.125, 0.125]


def test_views_are_mirror_images_and_shifts_with_weights_that_add_up_to_1(load):
    module = load(recipe(Data(name="mnist", views=Views(flip=True, shift=1))))
    torch.manual_seed(0)
    images = torch.rand(3, 1, 28, 28)
    weights, found = zip(*module.views(images), strict=True)
    assert sum(weights) == 1
    for i, image in enumerate(images[:, 0].numpy()):
        expected, by_hand = seen_by_hand(image)
        assert list(weights) == by_hand
        np.testing.assert_array_equal(torch.stack(found)[:, i, 0].numpy(), expected)
    for views, expected in ((Views(flip=True), [0.5, 0.5]), (Views(shift=2), [0.5, 0.25, 0.25])):
        module = load(recipe(Data(name="mnist", views=views)))
        assert [weight for weight, _ in module.views(images)] == expected


def test_a_test_adds_up_what_the_network_says_to_each_view(load):
    module = load(recipe(Data(name="mnist", views=Views(flip=True, shift=1))))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Tanh())
    split = module.Split(
        torch.randint(0, 256, (7, 1, 28, 28), dtype=torch.uint8), torch.randint(0, 10, (7,))
    )
    batches = module.Batches(split, torch.zeros(1), torch.full((1,), 255.0), 4, training=False)
    found = module.evaluate(model, batches, module.Config(device="cpu"))
    weight, bias = (p.detach().double().numpy() for p in model.parameters())
    loss = hits = 0
    for image, label in zip(split.images[:, 0].double().numpy() / 255, split.labels, strict=True):
        views, weights = seen_by_hand(image)
        logits = np.array(weights) @ np.tanh(views.reshape(6, -1) @ weight.T + bias)
        loss -= np.log(np.exp(logits[label]) / np.exp(logits).sum())
        hits += logits.argmax() == label
    assert found["test_loss"] == pytest.approx(loss / 7, rel=1e-5)
    assert found["test_accuracy"] == pytest.approx(hits / 7)


# ---------------------------------------------------------------- whitened


@pytest.fixture
def whitening(load):
    """The script of a recipe with whitened images, here of 3 x 4 x 4 pixels; and two splits."""
    module = load(recipe(Data(name="cifar10", whiten=True, normalize=False)))
    vars(module)["load_batches"].__globals__["IMAGE_SHAPE"] = (3, 4, 4)
    generator = torch.Generator().manual_seed(0)
    base = torch.randint(0, 100, (200, 3, 4, 1), dtype=torch.uint8, generator=generator)
    noise = torch.randint(0, 50, (200, 3, 4, 4), dtype=torch.uint8, generator=generator)
    labels = torch.arange(200) % 10
    images = base + noise  # neighbours in a row are alike
    images[7] = 55  # no contrast
    return (
        module,
        module.Split(images[:150], labels[:150]),
        module.Split(images[150:], labels[150:]),
    )


def even(images):
    """Contrast normalized as Pylearn2's `global_contrast_normalize` does: scale 55."""
    x = images.flatten(1).double().numpy()
    x = x - x.mean(axis=1, keepdims=True)
    norms = np.sqrt((x**2).sum(axis=1, keepdims=True)) / 55
    return x / np.where(norms < 1e-8, 1, norms)


def test_whitening_is_that_of_pylearn2(whitening, tmp_path):
    """ZCA with `filter_bias` 0.1: W (C + 0.1 I) W = I for the covariance C, and W is symmetric."""
    module, train, test = whitening
    found = module.whiten(train, test, tmp_path / "whitening.pt")
    x = even(train.images)
    mean, covariance = x.mean(axis=0), np.cov(x.T, bias=True)
    values, vectors = np.linalg.eigh(covariance + 0.1 * np.eye(48))
    matrix = vectors @ np.diag(values**-0.5) @ vectors.T
    for split, images in zip(found, (x, even(test.images)), strict=True):
        expected = ((images - mean) @ matrix).reshape(-1, 3, 4, 4)
        np.testing.assert_allclose(split.images.numpy(), expected, atol=2e-3)
    assert [split.labels is given.labels for split, given in zip(found, whitening[1:], strict=True)]
    kept = torch.load(tmp_path / "whitening.pt", weights_only=True)["matrix"].double().numpy()
    np.testing.assert_allclose(kept, kept.T, atol=1e-5)
    product = kept @ (covariance + 0.1 * np.eye(48)) @ kept
    np.testing.assert_allclose(product, np.eye(48), atol=1e-3)
    whitened = found[0].images.flatten(1).double().numpy()
    off = np.cov(whitened.T, bias=True) - np.diag(np.diag(np.cov(whitened.T, bias=True)))
    assert np.abs(off).max() < 0.1 < np.abs(np.cov(x.T, bias=True)).max()


def test_whitening_is_kept_in_a_file_and_one_of_other_images_is_not_used(whitening, tmp_path):
    module, train, test = whitening
    path = tmp_path / "whitening.pt"
    first = module.whiten(train, test, path)[1].images
    kept = torch.load(path, weights_only=True)
    torch.save({**kept, "matrix": torch.zeros(48, 48)}, path)
    assert not module.whiten(train, test, path)[1].images.any()  # it is read
    for content in (b"", path.read_bytes()[:300], b"garbage", b"\x80\x02c"):
        path.write_bytes(content)
        assert torch.equal(module.whiten(train, test, path)[1].images, first)
        assert torch.load(path, weights_only=True)["matrix"].any()
    other = {**kept, "matrix": torch.zeros(48, 48), "checksum": 1}
    for foreign in (
        other,
        [kept],
        torch.zeros(3),
        {"checksum": kept["checksum"]},
    ):
        torch.save(foreign, path)
        assert torch.equal(module.whiten(train, test, path)[1].images, first)
    assert [each.name for each in tmp_path.glob("whitening*")] == ["whitening.pt"]
    nowhere = tmp_path / "no folder" / "whitening.pt"
    assert torch.equal(module.whiten(train, test, nowhere)[1].images, first)


def test_whitened_images_are_given_as_they_are(whitening):
    module, train, _ = whitening
    split = module.Split(torch.randn(8, 3, 4, 4), train.labels[:8])
    batches = module.Batches(split, torch.zeros(3), torch.ones(3), 8, training=False)
    assert torch.equal(next(iter(batches))[0], split.images)


# ---------------------------------------------------------------- SVHN


def write_svhn(folder, counts, labels=None):
    generator, images = np.random.default_rng(0), []
    for name, count in zip(("train", "extra", "test"), counts, strict=True):
        pixels = generator.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
        y = np.arange(1, count + 1, dtype=np.uint8)[:, None] if labels is None else labels
        savemat(folder / f"{name}_32x32.mat", {"X": pixels, "y": y}, do_compression=True)
        images.append(pixels)
    return images


SVHN = recipe(Data(name="svhn", normalize=False, unit=True))


def test_svhn_is_read_with_its_extra_images_and_ten_is_zero(load, tmp_path):
    images = write_svhn(tmp_path, (10, 5, 3))
    module = load(SVHN)
    train, test = module.read_data(tmp_path)
    expected = np.concatenate(images[:2], axis=3).transpose(3, 2, 0, 1)
    assert np.array_equal(train.images.numpy(), expected)
    assert train.labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5]
    assert np.array_equal(test.images.numpy(), images[2].transpose(3, 2, 0, 1))
    assert (train.images.dtype, train.labels.dtype) == (torch.uint8, torch.int64)


def test_pixels_of_a_unit_are_divided_by_255(load, tmp_path):
    images = write_svhn(tmp_path, (10, 5, 3))
    _, test = load_batches(load(SVHN), tmp_path, size=3, verify=False)
    found = next(iter(test))[0].numpy()
    np.testing.assert_allclose(found, images[2].transpose(3, 2, 0, 1) / 255, rtol=1e-6)


def test_a_part_of_svhn_is_refused(load, tmp_path):
    write_svhn(tmp_path, (10, 5, 3))
    message = "15 training images instead of the 604388 of SVHN"
    with pytest.raises(SystemExit, match=message):
        load_batches(load(SVHN), tmp_path, verify=True)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("extra", lambda path: path.unlink(), "No such file or directory: "),
        ("train", lambda path: path.write_bytes(b""), "train_32x32.mat is damaged: Mat file"),
        (
            "test",
            lambda path: path.write_bytes(path.read_bytes()[:100]),
            "test_32x32.mat is damaged",
        ),
        (
            "test",
            lambda path: path.write_bytes(path.read_bytes()[:2000]),
            "test_32x32.mat is damaged",
        ),
        ("test", lambda path: savemat(path, {"Y": 1}), "test_32x32.mat is damaged: 'X'"),
        (
            "train",
            lambda path: savemat(path, {"X": np.zeros((32, 32, 3, 2)), "y": [1, 2]}),
            "32 x 32",
        ),
        (
            "train",
            lambda path: savemat(path, {"X": np.zeros((32, 32, 3, 2), np.uint8), "y": [1]}),
            "has no label from 1 to 10 for each image",
        ),
        (
            "train",
            lambda path: savemat(path, {"X": np.zeros((32, 32, 3, 1), np.uint8), "y": [11]}),
            "has no label from 1 to 10 for each image",
        ),
    ],
)
def test_files_that_are_not_svhns_are_refused_in_a_sentence(load, tmp_path, name, damage, message):
    write_svhn(tmp_path, (10, 5, 3))
    damage(tmp_path / f"{name}_32x32.mat")
    with pytest.raises(SystemExit, match=r"^cannot read SVHN: ") as refusal:
        load(SVHN).read_data(tmp_path)
    assert message in str(refusal.value).splitlines()[0]


# ---------------------------------------------------------------- together


def test_moments_measured_in_between_are_of_training_images_alone(load, tmp_path, numbered):
    module = load(recipe("mnist", held_out=15, moments=AveragedMoments(between=2)))
    flags = {"data": str(numbered), "verify": False, "device": "cpu", "batch": 5, "epochs": 2}
    module.main(module.Config(out=str(tmp_path / "out"), **flags))
    state = torch.load(tmp_path / "out/checkpoint.pt", weights_only=True)["model"]
    assert state["1.num_batches_tracked"] == 5  # 25 images in fives
