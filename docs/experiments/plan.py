"""What is compared: the networks of an experiment differ in one thing and are trained alike."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent

Argument = int | float | str


class Network(NamedTuple):
    """A network of a spec in this folder, with arguments, and how a table names it."""

    label: str
    spec: str  # file:network
    arguments: Mapping[str, Argument] = {}
    epochs: int = 10

    @property
    def key(self) -> str:
        """What names its runs in the results: `deep.arch:plain depth=100`, `.. epochs=40`."""
        words = [f"{name}={value}" for name, value in self.arguments.items()]
        words += [f"epochs={self.epochs}"] if self.epochs != 10 else []
        return " ".join((self.spec, *words))


class Experiment(NamedTuple):
    """Networks that a table sets beside one another."""

    name: str
    networks: tuple[Network, ...]
    seeds: tuple[int, ...]
    shows_bits: bool = False  # the table says how large the weights are when deployed


DEPTHS = (10, 16, 34, 52, 100)
KINDS: tuple[tuple[str, str, dict[str, Argument]], ...] = (
    ("plain", "plain", {}),
    ("Dirac", "dirac", {}),
    ("Dirac from 0.1", "dirac", {"std": 0.1}),  # the deviation of W at the start
)

_DEPTH = Experiment(
    "depth",
    tuple(
        Network(f"{kind}, {depth} layers", f"deep.arch:{network}", {"depth": depth, **given})
        for depth in DEPTHS
        for kind, network, given in KINDS
    ),
    seeds=(0, 1, 2),
)

_LONGER = Experiment(
    "longer",
    tuple(
        Network(f"{kind}, {epochs} epochs", f"deep.arch:{network}", {"depth": 10, **given}, epochs)
        for epochs in (10, 40)
        for kind, network, given in KINDS
    ),
    seeds=(0, 1, 2),
)

_FORMS = Experiment(
    "forms",
    tuple(
        Network(f"{kind}, {activation}", f"deep.arch:{network}", {"depth": 34, **layer, **given})
        for kind, network, given in (*KINDS, ("Dirac v2", "dirac_v2", {}))
        for activation, layer in (("NCReLU", {}), ("ReLU", {"layer": "relu_layer"}))
    ),
    seeds=(0, 1, 2),
)

_BITS = Experiment(
    "bits",
    tuple(
        Network(f"{bits}, {norm} normalization", f"onebit.arch:{network}", {"norm": word})
        for bits, network in (("32 bits", "full"), ("1 bit", "onebit"))
        for norm, word in (("learned", "learned"), ("constant", "frozen"))
    ),
    seeds=(0, 1, 2, 3, 4),
    shows_bits=True,
)

_SHARING = Experiment(
    "sharing",
    (
        Network("4 blocks a stage", "sharing.arch:unshared"),
        Network("4 blocks a stage, shared", "sharing.arch:shared"),
        Network("1 block a stage", "sharing.arch:unshared", {"n": 1}),
    ),
    seeds=(0, 1, 2, 3, 4),
)

EXPERIMENTS = {e.name: e for e in (_DEPTH, _LONGER, _FORMS, _BITS, _SHARING)}


def runs(experiments: list[Experiment], seeds: list[int] | None) -> Iterator[tuple[Network, int]]:
    """Return each run once, all networks with the first seed before those with the second."""
    chosen = {
        (seed, network.key): network
        for experiment in experiments
        for seed in (experiment.seeds if seeds is None else seeds)
        for network in experiment.networks
    }
    for (seed, _), network in sorted(chosen.items(), key=lambda run: run[0][0]):
        yield network, seed


def as_literals(arguments: Mapping[str, Argument]) -> dict[str, Argument]:
    """Return the arguments as archdsl takes them, where a str is text of the language."""
    strings = {"learned", "frozen"}
    return {name: f'"{v}"' if v in strings else v for name, v in arguments.items()}
