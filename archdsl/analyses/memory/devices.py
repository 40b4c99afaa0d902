"""Devices, as the numbers that a roofline needs (Williams, Waterman & Patterson 2009)."""

from archdsl.analyses.memory.tape import Precision
from archdsl.record import Record
from archdsl.suggest import did_you_mean


class DeviceFigures(Record, kw_only=True):
    """What a device can do at most; a number that is not known is None."""

    name: str
    memory: float | None = None  # bytes
    bandwidth: float | None = None  # bytes read and written in a second
    float32: float | None = None  # operations in a second: of products, as PyTorch computes them
    bfloat16: float | None = None
    on_gpu: bool = True

    def operations(self, precision: Precision) -> float | None:
        """Return the multiplications and additions in a second, each counted."""
        return self.float32 if precision is Precision.FLOAT32 else self.bfloat16


# Of NVIDIA's data sheets, without sparsity. float32 is TF32, in which PyTorch convolves on a GPU
# (torch.backends.cudnn.allow_tf32); a bound on the time must not be beaten.
DEVICES = {
    each.name: each
    for each in (
        # "NVIDIA A100 Tensor Core GPU" (nvidia-a100-datasheet-us-nvidia-1758950-r4), 80GB SXM
        DeviceFigures(
            name="a100", memory=80e9, bandwidth=2.039e12, float32=156e12, bfloat16=312e12
        ),
        # "NVIDIA H100 Tensor Core GPU" (data sheet 2430615), H100 SXM: half of what has sparsity
        DeviceFigures(
            name="h100", memory=80e9, bandwidth=3.35e12, float32=494.7e12, bfloat16=989.4e12
        ),
        # "NVIDIA H200 Tensor Core GPU" (data sheet), H200 SXM: half of what has sparsity
        DeviceFigures(
            name="h200", memory=141e9, bandwidth=4.8e12, float32=494.7e12, bfloat16=989.4e12
        ),
        # "NVIDIA L4 Tensor Core GPU" (data sheet): half of what has sparsity
        DeviceFigures(name="l4", memory=24e9, bandwidth=300e9, float32=60e12, bfloat16=121e12),
    )
}


class UnknownDeviceError(ValueError):
    """A text names no device; the message says what to write."""


NUMBERS = ("memory", "bandwidth", "float32", "bfloat16")


def device_of(text: str) -> DeviceFigures:
    """Return the device of a name, or of numbers: `memory=16e9,bandwidth=900e9,float32=15.7e12`."""
    if text in DEVICES:
        return DEVICES[text]
    known = ", ".join(DEVICES)
    if "=" not in text:
        hint = did_you_mean(text, tuple(DEVICES))
        message = f"no device `{text}`: known are {known}, or give numbers, `memory=16e9`"
        raise UnknownDeviceError(f"{message}; {hint}" if hint else message)
    numbers: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = (each.strip() for each in part.partition("="))
        if name not in NUMBERS or name in numbers:
            wanted = ", ".join(f"`{each}`" for each in NUMBERS)
            message = f"`{part}` is no number of a device: there is {wanted}, each once"
            raise UnknownDeviceError(message)
        numbers[name] = _number(part, value)
    return DeviceFigures(
        name="the device",
        memory=numbers.get("memory"),
        bandwidth=numbers.get("bandwidth"),
        float32=numbers.get("float32"),
        bfloat16=numbers.get("bfloat16"),
    )


def _number(part: str, value: str) -> float:
    try:
        found = float(value)
    except ValueError:
        found = -1.0
    if not 0 < found < LARGEST_NUMBER:
        raise UnknownDeviceError(f"`{part}` must be a number above 0, as in `memory=16e9`")
    return found


LARGEST_NUMBER = 1e30  # of a device
