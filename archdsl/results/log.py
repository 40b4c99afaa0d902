"""Reads the log of a run: docs/training.md says what train.py writes there.

A log may come from anywhere: it is bounded, checked against what it should hold, and its texts have
no characters that a terminal would obey.
"""

import re
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from archdsl.ir.task import Task
from archdsl.limits import MAX_LOG_BYTES
from archdsl.record import Record
from archdsl.results.errors import RunError
from archdsl.source import shown

Text: TypeAlias = Annotated[str, Meta(max_length=200)]
Fraction: TypeAlias = Annotated[float, Meta(ge=0, le=1 + 1e-6)]  # sums of float32 round
Amount: TypeAlias = Annotated[float, Meta(ge=0, le=1e18)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=10**18)]
Whole: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]  # what JSON is read back as
Flag: TypeAlias = bool | Whole | float | Text | tuple[Whole | float | Text, ...] | None
Flags: TypeAlias = Annotated[dict[Text, Flag], Meta(max_length=200)]
Responses: TypeAlias = Annotated[dict[Text, Amount | None], Meta(max_length=100_000)]


class Epoch(Record, kw_only=True):
    """A line on an epoch; accuracies are fractions, and a regression has none."""

    epoch: Annotated[int, Meta(ge=1)]
    train_loss: Amount
    test_accuracy: Fraction | None = None  # None where the test set is read at the end alone
    test_loss: Amount | None = None
    train_accuracy: Fraction | None = None
    test_top5: Fraction | None = None
    images_per_second: Amount | None = None  # in training
    points_per_second: Amount | None = None  # so, of a regression
    seconds: Amount | None = None  # of training and test
    peak_memory: Count | None = None  # bytes
    responses: Responses | None = None  # of each layer, in order; None where not finite


class Start(Record, kw_only=True):
    """The first line; the first logs did not name the network."""

    config: Flags
    network: Text = ""
    recipe: Text = ""
    data: Text = ""  # the data set
    task: Task = Task.CLASSIFICATION
    spec: Text = ""  # the fingerprint of network and recipe
    started: Text = ""  # UTC
    commit: Text = ""
    command: Annotated[str, Meta(max_length=2000)] = ""
    torch: Text = ""
    device: Text = ""
    threads: Count | None = None
    processes: Count | None = None
    parameters: Count | None = None


class Log(Record):
    """A run as its log has it."""

    folder: str
    start: Start
    devices: tuple[str, ...]  # more than one where it was resumed elsewhere
    epochs: tuple[Epoch, ...]  # from the first to the last that is there

    @property
    def network(self) -> str:
        """The network's name, or that of the folder; of `net/seed0`, `net`."""
        path = Path(self.folder).absolute()
        if re.fullmatch(r"seed\d+", path.name):
            path = path.parent
        return self.start.network or path.name or self.folder

    @property
    def seed(self) -> int:
        """The seed of initial weights, order and augmentation."""
        seed = self.start.config["seed"]
        assert isinstance(seed, int), "read_log lets nothing else pass"
        return seed

    @property
    def planned(self) -> int:
        """How many epochs the run is to have."""
        epochs = self.start.config["epochs"]
        assert isinstance(epochs, int), "read_log lets nothing else pass"
        return max(epochs, len(self.epochs))

    @property
    def is_finished(self) -> bool:
        """Whether it has all its epochs."""
        return len(self.epochs) == self.planned


class _Later(Record):
    """A line behind the first: an epoch, or that the run went on."""

    epoch: int | None = None
    resumed_after: Annotated[int, Meta(ge=0)] | None = None
    device: Text | None = None
    config: Flags | None = None  # flags that changed


def read_log(path: Path) -> Log:
    """Return what the log in a run's folder says; raise OSError, or RunError with the line.

    A last line that has no end was cut off while it was written: train.py drops it, and so do we.
    """
    lines = _lines(path)
    if not lines:
        raise RunError(f"{path}:1: the log is empty")
    start = _decode(lines[0], Start, f"{path}:1")
    devices, epochs, config = [start.device], list[Epoch](), dict(start.config)
    for number, line in enumerate(lines[1:], start=2):
        place = f"{path}:{number}"
        later = _decode(line, _Later, place)
        done = _before(later, len(epochs), place)
        epochs = epochs[:done]
        if later.epoch is not None:
            epochs.append(_with_shown_layers(_decode(line, Epoch, place)))
        devices += [later.device] if later.device else []
        config |= later.config or {}
    _check_flags(config, f"{path}:1")
    start = _printable(msgspec.structs.replace(start, config=config))
    named = tuple(dict.fromkeys(shown(device) for device in devices if device))
    return Log(shown(str(path.parent)), start, named, tuple(epochs))


def _lines(path: Path) -> list[bytes]:
    """Return the lines that have an end."""
    if not path.is_file():
        raise RunError(f"{path} is no file")
    with path.open("rb") as stream:
        content = stream.read(MAX_LOG_BYTES + 1)
    if len(content) > MAX_LOG_BYTES:
        raise RunError(f"{path} is larger than {MAX_LOG_BYTES // 2**20} MiB")
    return content.split(b"\n")[:-1]


def _before(later: _Later, done: int, place: str) -> int:
    """Return how many of the epochs so far a line leaves: what is done again counts once."""
    match later.epoch, later.resumed_after:
        case int(epoch), _:
            if 1 <= epoch <= done + 1:
                return epoch - 1
            raise RunError(f"{place}: epoch {epoch} comes after epoch {done}")
        case None, int(before):
            if before <= done:
                return before
            raise RunError(f"{place}: resumed after epoch {before}, of which there is no line")
        case _:
            raise RunError(f"{place}: neither an epoch nor `resumed_after`")


_Line = TypeVar("_Line", bound=Record)


def _decode(line: bytes, kind: type[_Line], place: str) -> _Line:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        strange = re.search(rb'"(\w{1,40})": ?(NaN|-?Infinity)', line)
        if strange is not None:
            name, value = strange[1].decode(), strange[2].decode()
            raise RunError(f"{place}: {name} is {value}") from None
        raise RunError(f"{place}: no line of a training log: {error}") from None


def _check_flags(config: Flags, place: str) -> None:
    for name, least in (("seed", 0), ("epochs", 1)):
        value = config.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise RunError(f"{place}: the configuration has no {name}, a number from {least} on")


def _printable(start: Start) -> Start:
    """Return the line with escapes for what a terminal would obey."""
    config = {shown(name): _shown_flag(value) for name, value in start.config.items()}
    fields = {
        name: shown(value)
        for name, value in msgspec.structs.asdict(start).items()
        if isinstance(value, str) and not isinstance(value, Task)
    }
    return msgspec.structs.replace(start, config=config, **fields)


def _with_shown_layers(epoch: Epoch) -> Epoch:
    if epoch.responses is None:
        return epoch
    responses = {shown(name): value for name, value in epoch.responses.items()}
    return msgspec.structs.replace(epoch, responses=responses)


def _shown_flag(value: Flag) -> Flag:
    match value:
        case str():
            return shown(value)
        case tuple():
            return tuple(shown(item) if isinstance(item, str) else item for item in value)
        case _:
            return value
