"""What is compared: arms of an experiment, which differ in whether and how a network grows."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent

Argument = int | str


class Arm(NamedTuple):
    """A network of a spec in this folder, with arguments, and how a table names it."""

    label: str
    network: str
    arguments: Mapping[str, Argument] = {}
    epochs: int = 0  # if others than its recipe says
    forgets: bool = False  # at a growth the optimizer loses the state of all that it had


class Experiment(NamedTuple):
    """Arms that a table and a plot set beside one another, all with the same seeds."""

    name: str
    spec: str
    arms: tuple[Arm, ...]
    shown: tuple[str, ...]  # labels of the arms in the plot
    data: tuple[str, ...] = ()  # of these folders, --data must hold one; the sine needs none
    limit: int = 0  # images of either split; 0: all
    steps: int = 16  # of an epoch
    every: int = 1  # of the curves this epoch, and each so many later, is kept
    seeds: tuple[int, ...] = (0, 1, 2)

    def key(self, arm: Arm) -> str:
        """Return what names the runs of an arm in the results."""
        words = [f"{name}={value}" for name, value in arm.arguments.items()]
        words += [f"epochs={arm.epochs}"] if arm.epochs else []
        words += ["forgets"] if arm.forgets else []
        return " ".join((f"{self.spec}:{arm.network}", *words))


DRAWN: dict[str, Argument] = {"drawn": "true"}
EARLY: dict[str, Argument] = {"early": "true"}
PLATEAUS: dict[str, Argument] = {"least": "0.05"}  # the loss falls by so much in ten epochs


def _sine_arms(**given: Argument) -> tuple[Arm, ...]:
    arms = (
        *(Arm(f"static {hidden}", "grown", {"hidden": hidden}) for hidden in (100, 125, 500)),
        Arm("grown", "grown"),
        Arm("grown, drawn", "grown", DRAWN),
        Arm("grown at plateaus", "grown", PLATEAUS),
        Arm("grown at plateaus, drawn", "grown", {**PLATEAUS, **DRAWN}),
        Arm("grown at plateaus of 20 %", "grown", {"least": "0.2"}),
        Arm("hidden units fixed", "hidden_fixed"),
        Arm("hidden units fixed, drawn", "hidden_fixed", DRAWN),
        Arm("hidden units fixed, at plateaus of 20 %", "hidden_fixed", {"least": "0.2"}),
        Arm("hidden units fixed for 50 epochs", "hidden_fixed_for_50"),
        Arm("all fixed", "all_fixed"),
        Arm("all fixed, drawn", "all_fixed", DRAWN),
    )
    return tuple(arm._replace(arguments={**arm.arguments, **given}) for arm in arms)


_WITH_XAVIER = (
    "static 100", "static 125", "static 500", "grown", "grown, drawn", "grown at plateaus",
    "hidden units fixed", "hidden units fixed for 50 epochs", "all fixed",
)  # fmt: skip
_SHOWN_SINE = ("static 125", "static 500", "grown", "grown, drawn", "hidden units fixed")

_SINE = Experiment("growth-sine", "sine.arch", _sine_arms(), _SHOWN_SINE, every=4)

_XAVIER = Experiment(
    "growth-sine-xavier",
    "sine.arch",
    tuple(arm for arm in _sine_arms(xavier="true") if arm.label in _WITH_XAVIER),
    _SHOWN_SINE,
    every=4,
)

_MNIST = Experiment(
    "growth-mnist",
    "mnist.arch",
    (
        Arm("static, a quarter", "grown", {"width": 4}),
        Arm("static", "grown", {"width": 16}),
        Arm("static, in the time of grown", "grown", {"width": 16}, epochs=5),
        Arm("grown", "grown"),
        Arm("grown early", "grown", EARLY),
        Arm("grown, drawn", "grown", DRAWN),
        Arm("grown, state forgotten", "grown", forgets=True),
        Arm("fixed", "fixed"),
        Arm("fixed for half of each phase", "fixed_for_half"),
        Arm("nested", "nested"),
    ),
    ("static", "grown", "grown early", "fixed", "nested"),
    data=("MNIST",),
    limit=12_000,
    steps=187,
)

_CIFAR = Experiment(
    "growth-cifar",
    "cifar.arch",
    (
        Arm("static, a quarter", "grown", {"width": 6}),
        Arm("static", "grown", {"width": 24}),
        Arm("static, in the time of grown", "grown", {"width": 24}, epochs=6),
        Arm("grown", "grown"),
        Arm("grown early", "grown", EARLY),
        Arm("grown, drawn", "grown", DRAWN),
        Arm("fixed", "fixed"),
        Arm("fixed for half of each phase", "fixed_for_half"),
    ),
    ("static", "static, in the time of grown", "grown", "grown early", "fixed"),
    data=("cifar-100-binary",),
    limit=10_000,
    steps=156,
)

_DEPTH = Experiment(
    "growth-depth",
    "cifar.arch",
    (
        Arm("static, 1 block", "deeper", {"blocks": 1}),
        Arm("static, 4 blocks", "deeper", {"blocks": 4}),
        Arm("static, 4 blocks, in the time of grown", "deeper", {"blocks": 4}, epochs=6),
        Arm("grown", "deeper"),
        Arm("grown, drawn", "deeper", DRAWN),
    ),
    ("static, 1 block", "static, 4 blocks", "grown", "grown, drawn"),
    data=("cifar-100-binary",),
    limit=10_000,
    steps=156,
)

GROUP = "growth"  # stands for all of them
EXPERIMENTS = {e.name: e for e in (_SINE, _XAVIER, _MNIST, _CIFAR, _DEPTH)}


def runs(experiment: Experiment, seeds: Sequence[int] | None) -> Iterator[tuple[Arm, int]]:
    """Yield each run, all arms with the first seed before those with the second."""
    for seed in experiment.seeds if seeds is None else seeds:
        for arm in experiment.arms:
            yield arm, seed
