"""Memory and time: numbers worked out by hand, and what PyTorch itself holds on the CPU."""

import weakref
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

import archdsl
from archdsl.analyses.memory.budget import largest_batch, training_memory
from archdsl.analyses.memory.devices import DEVICES, UnknownDeviceError, device_of
from archdsl.analyses.memory.forward import forward
from archdsl.analyses.memory.receptive import receptive_fields
from archdsl.analyses.memory.tape import PassSetting, Precision
from archdsl.pipeline import compile_spec, compile_text
from tests.generated import build, check_activations, kept_bytes, load
from tests.test_proof_specs import compiled, title

ROOT = Path(__file__).parents[2]
SMALL = """\
network small(n = 1) {
    input(3, 8, 8)
    stem { conv3x3(4) bn relu }
    stage body = n * unit
    head { avgpool linear(10) }
}
block unit { residual { conv3x3(4) bn } relu }
"""


def text(body):
    return f"network small {{\n    input(3, 8, 8)\n    {body}\n}}\n"


def kept(body, batch=2, **setting):
    network = compile_text(text(body)).elaborated.network
    return forward(network, PassSetting(batch=batch, **setting)).kept


# of a batch of 2, [3, 8, 8] in float32; a map of 4 channels is 2 * 4 * 64 * 4 = 2,048 bytes
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("conv3x3(4)", 0),  # the input and the weight are there anyway
        ("conv3x3(4) conv3x3(4)", 2_048),
        ("conv3x3(4) bn", 2_048 + 2 * 4 * 4),  # its input, means and deviations
        ("conv3x3(4) bn relu", 2 * 2_048 + 2 * 4 * 4),  # and the map that relu makes in place
        ("conv3x3(4) maxpool2x2", 2_048 + 2 * 4 * 16 * 8),  # places in 64 bits
        ("conv3x3(4) dropout(0.5)", 2_048),  # noise, as large as the map
        ("conv3x3(4) silu conv3x3(4)", 2 * 2_048),
        ("conv3x3(4) relu6 conv3x3(4)", 2 * 2_048),  # in place, PyTorch keeps a copy
        ("conv3x3(4) with freeze\n relu", 0),
        ("conv3x3(4) with freeze\n conv3x3(4)", 2_048),
        ("conv3x3(4) product { identity branch { avgpool sigmoid } }", 2_048 + 2 * 4 * 4),
        ("conv3x3(4) concat { identity identity }\n conv3x3(4)", 2 * 2_048),
        ("conv3x3(4) with binary", 4 * 3 * 9 * 4),  # the weight that is applied
        ("conv3x3(4) avgpool linear(10)", 2 * 4 * 4),
    ],
)
def test_what_autograd_keeps(body, expected):
    assert kept(body) == expected
    check_activations(build(load(compile_text(text(body)))), compile_text(text(body)))


OF_ANY_DIMENSIONS = [
    "bn relu maxpool(2) conv(8, kernel = 3) avgpool(2) layernorm rmsnorm grn",
    "local_response_norm blur(3, stride = 2) instancenorm(affine = true) groupnorm(2) silu",
    "linear(4, per_pixel = true) upsample(2) prelu(per_channel = true) scale conv(4, kernel = 3)",
    "pad(1, mode = reflect) conv_transpose(4, kernel = 3, stride = 2) conv(4, kernel = 3)",
    "softmax(pixels) conv(8, kernel = 3) with standardized(gain = true)\n avgpool linear(3)",
]


@pytest.mark.parametrize("body", OF_ANY_DIMENSIONS)
@pytest.mark.parametrize("shape", ["3, 24", "3, 8, 10", "3, 8, 6, 12"])
def test_maps_of_one_to_three_dimensions(shape, body):
    layers = f"input({shape})\n    conv(8, kernel = 3) {body}"
    compilation = compile_text(f"network small {{\n    {layers}\n}}\n")
    check_activations(build(load(compilation)), compilation)


def test_masks_of_a_gpu_are_bytes_and_maps_under_autocast_take_half():
    assert kept("conv3x3(4) dropout(0.5)", on_gpu=True) == 2_048 // 4
    body = "conv3x3(4) conv3x3(4)"  # the input, two weights and the map between them, in bfloat16
    halves = 2 * 3 * 64 + 4 * 3 * 9 + 4 * 4 * 9 + 2 * 4 * 64
    assert kept(body, precision=Precision.BFLOAT16, on_gpu=True) == 2 * halves


# CPU's autocast has CUDA's lists for these layers; `layernorm`, for one, it leaves in bfloat16
@pytest.mark.parametrize(
    ("spec", "arguments"),
    [
        ("resnet", {"depth": "18", "image": "64"}),
        ("share_wrn", {"depth": "16", "k": "1"}),
        ("onebit", {"depth": "8", "k": "1"}),
        ("diracnet", {"depth": "10", "k": "1"}),
        ("unet", {"width": "8", "depth": "3", "image": "48"}),
        ("mobilenet_v3", {}),
        ("digits", {}),
    ],
    ids=title,
)
def test_what_autograd_keeps_under_autocast(spec, arguments):
    compilation = compiled(spec, arguments)
    network = compilation.elaborated.network
    module, given = build(load(compilation)).train(), torch.rand(2, *network.input.shape)
    setting = PassSetting(batch=2, precision=Precision.BFLOAT16)
    with torch.autocast("cpu", torch.bfloat16):
        assert forward(network, setting).kept == kept_bytes(module, [given])


def test_copies_are_multiplied_and_never_visited():
    one, two, many = (
        training_memory(compile_text(SMALL, arguments={"n": n}).network, PassSetting(batch=2))
        for n in ("3", "4", "1_000_000")
    )
    step = two.activations - one.activations
    assert many.activations == one.activations + (10**6 - 3) * step
    assert many.peak - one.peak == (10**6 - 3) * (two.peak - one.peak)


@pytest.mark.parametrize("phase", range(3))
def test_a_phase_keeps_what_its_member_does(phase):
    compilation = compiled("wrn_grown", {}).phases[phase]
    check_activations(build(load(compilation), "meta"), compilation)


# ---------------------------------------------------------------- the most at once


class Live(TorchDispatchMode):
    """Adds up the storages that operations make, as long as something holds them."""

    def __init__(self, there):
        super().__init__()
        self.there = {tensor.untyped_storage()._cdata for tensor in there}
        self.now = self.most = 0
        self.known = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        for tensor in tree_iter(found):
            if isinstance(tensor, torch.Tensor):
                self.note(tensor.untyped_storage())
        return found

    def note(self, storage):
        key, size = storage._cdata, storage.nbytes()
        if key in self.there or key in self.known:
            return
        self.known.add(key)
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self.forget, key, size)

    def forget(self, key, size):
        self.known.discard(key)
        self.now -= size


STEPS = [
    ("resnet", {"depth": "18", "image": "64"}),
    ("resnet", {"image": "64"}),
    ("wrn", {"depth": "16", "k": "2"}),
    ("unet", {"width": "8", "depth": "3", "image": "48"}),
    ("diracnet", {"depth": "16", "k": "1"}),
    ("onebit", {"depth": "14", "k": "2"}),
    ("preact_resnet", {"depth": "20", "bottlenecks": "false"}),
    ("share_wrn", {"depth": "16", "k": "2"}),
    ("convnext", {"width": "32", "blocks": "[2, 1, 3, 2]"}),
    ("share_resnet164", {}),
]


@pytest.mark.parametrize(("spec", "arguments"), STEPS, ids=title)
def test_the_most_at_once_is_that_of_a_step_on_the_cpu(spec, arguments):
    compilation = compiled(spec, arguments)
    module = build(load(compilation)).train()
    given = torch.rand(4, *compilation.network.input.shape)
    held = [*module.parameters(), *module.buffers(), given]
    with Live(held) as live:
        output = module(given)
        output.backward(torch.ones_like(output))
    there = sum(tensor.nbytes for tensor in held)
    memory = training_memory(compilation.network, PassSetting(batch=4))
    state = memory.optimizer + memory.average
    assert memory.peak - state == pytest.approx(there + live.most, rel=0.05)


@pytest.mark.parametrize(("spec", "arguments"), STEPS, ids=title)
def test_inference_needs_no_more_than_pytorch_takes(spec, arguments):
    compilation = compiled(spec, arguments)
    module = build(load(compilation)).eval()
    given = torch.rand(4, *compilation.network.input.shape)
    held = [*module.parameters(), *module.buffers(), given]
    with torch.no_grad(), Live(held) as live:
        module(given)
    there = sum(tensor.nbytes for tensor in held)
    memory = training_memory(compilation.network, PassSetting(batch=4))
    assert there < memory.inference_peak <= there + live.most


def test_the_state_of_optimizers():
    sgd, adam = compiled("resnet", {"depth": "18"}), compiled("sine", {})
    memory = training_memory(sgd.network, PassSetting(batch=1))
    assert memory.weights == memory.gradients == memory.optimizer == 4 * 11_689_512
    assert memory.buffers == 4 * 2 * 4_800 + 8 * 20  # moments of 20 normalizations, and counters
    assert adam.network.recipe is not None


@pytest.mark.parametrize("most", [0, 99, 100, 101, 5_000, 123_456])
def test_the_largest_batch_fits_and_the_next_one_does_not(most):
    def of(batch):
        return 90 + 7 * batch + 3 * max(0, batch - 50)

    found = largest_batch(of, most)
    assert found == 0 or of(found) <= most
    assert of(found + 1) > most


# ---------------------------------------------------------------- receptive fields


# Araujo, Norris & Sim 2019 (Distill), in their table of networks: VGG-16 212, 32 and 90, Inception
# v3 1311, 32 and 618, AlexNet 195 and 32. torchvision's ResNets have their strides elsewhere:
# figures by equations 2 and 5.
@pytest.mark.parametrize(
    ("spec", "part", "size", "stride", "padding"),
    [
        ("vgg", "features", 212, 32, 90),
        ("alexnet", "features", 195, 32, 66),
        ("inception_v3", "Mixed_7c", 1311, 32, 618),
        ("resnet", "layer4", 427, 32, 213),
        ("wrn", "stem", 3, 1, 1),
    ],
)
def test_receptive_fields_of_papers(spec, part, size, stride, padding):
    (field,) = receptive_fields(compiled(spec, {}).network)[part]
    for axis in field.axes:
        assert (axis.size, axis.stride, -axis.fields[0][0]) == (size, stride, padding)


FIELDS = [
    "conv3x3(4, stride = 2) conv3x3(4, dilation = 2) avgpool3x3(stride = 2)",
    "conv(4, kernel = [1, 3]) avgpool2x2 conv3x3(4)",
    "sum { branch { conv3x3(4) conv3x3(4) } branch { conv1x1(4) } } conv3x3(4, stride = 2)",
    "pixel_unshuffle(2) conv3x3(4) pad([2, 0, 1, 0]) conv3x3(4)",
    "conv3x3(4, stride = 2) upsample(2) conv3x3(4)",
    "conv3x3(4, stride = 2) conv_transpose(4, kernel = 4, stride = 2, padding = 1)",
    "avgpool3x3(stride = 2, padding = 1) blur(3, stride = 2)",
    "conv3x3(4, stride = 2) upsample(3, bilinear) conv3x3(4)",
    "conv3x3(4, stride = 2) pixel_shuffle(2) conv3x3(4)",
    "conv3x3(4) avgpool(size = 16) conv3x3(4)",
]


@pytest.mark.parametrize("body", FIELDS)
def test_a_field_holds_the_pixels_that_have_a_gradient(body):
    compilation = compile_text(f"network n {{ input(3, 40, 40)\n part: {{ {body} }}\n }}")
    (field,) = receptive_fields(compilation.network)["part"]
    module = build(load(compilation)).double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.abs_()
    given = torch.rand(1, 3, 40, 40, dtype=torch.float64, requires_grad=True)
    output = module(given)
    places = [size // 2 for size in output.shape[2:]]
    (gradient,) = torch.autograd.grad(output[0, :, places[0], places[1]].sum(), given)
    seen = gradient[0].abs().sum(0)
    for axis, found in enumerate(field.axes):
        touched = seen.sum(1 - axis).nonzero().flatten()
        assert (int(touched.min()), int(touched.max())) == found.at(places[axis])
        assert found.size >= int(touched.max()) - int(touched.min()) + 1


# ---------------------------------------------------------------- time


def test_the_roofline_of_one_layer():
    # 2 * 64 * 27 * 4 operations and 4 * (3 * 64 + 4 * 27 + 4 * 64) bytes for one input
    device = "bandwidth=1e9,float32=1e12"
    network = archdsl.compile(str(ROOT / "specs/digits.arch"))
    stem = network.memory(batch=1, device=device).rows[0]
    assert stem.operations == 2 * 64 * 9 * 16
    assert stem.moved == 4 * (64 + 9 * 16 + 16 * 64)
    assert stem.seconds == pytest.approx(stem.moved / 1e9)
    fast = network.memory(batch=1, device="bandwidth=1e15,float32=1e6").rows[0]
    assert fast.seconds == pytest.approx(stem.operations / 1e6)


def test_devices_are_named_or_given_as_numbers():
    assert device_of("h100") is DEVICES["h100"]
    found = device_of("memory=16e9, bandwidth=9e11")
    assert (found.memory, found.bandwidth, found.float32) == (16e9, 9e11, None)
    for wrong in ("h10", "", "memory=", "memory=0", "memory=nan", "speed=3", "memory=1,memory=2"):
        with pytest.raises(UnknownDeviceError):
            device_of(wrong)


def test_rows_add_up_whatever_they_are():
    for spec in ("resnet", "share_wrn", "retinanet", "densenet"):
        network = archdsl.CompiledNetwork(compile_spec(str(ROOT / f"specs/{spec}.arch")))
        by = [network.memory(batch=2, by=each) for each in ("part", "block", "layer")]
        assert len({report.activations for report in by}) == 1
        for report in by:
            assert sum(row.activations for row in report.rows) == report.activations
            for field in ("reads", "writes", "operations", "moved"):
                total = sum(getattr(row, field) for row in report.rows)
                assert total == getattr(report, field) == getattr(by[0], field)
