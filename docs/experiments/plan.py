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
    data: tuple[str, ...] = ()  # of these folders, --data must hold one; the digits need none
    limit: int = 0  # images of either split; 0: all
    every: int = 0  # a and b are kept, at the start and after so many epochs each; 0: they are not

    @property
    def key(self) -> str:
        """What names its runs in the results: `deep.arch:plain depth=100`, `.. epochs=40`."""
        words = [f"{name}={value}" for name, value in self.arguments.items()]
        words += [f"epochs={self.epochs}"] if self.epochs != 10 else []
        words += [f"limit={self.limit}"] if self.limit else []
        return " ".join((self.spec, *words))


class Experiment(NamedTuple):
    """Networks that a table sets beside one another."""

    name: str
    networks: tuple[Network, ...]
    seeds: tuple[int, ...]
    shows_bits: bool = False  # the table says how large the weights are when deployed
    beside: tuple[Network, ...] = ()  # the table shows these first, which others train


class Subject(NamedTuple):
    """A network whose training step is timed."""

    label: str
    spec: str  # file:network, in specs/
    arguments: Mapping[str, Argument]
    published: float  # the paper's time over its time of the first of the timing; 0: it has none


class Timing(NamedTuple):
    """Networks whose steps are timed beside one another."""

    name: str
    subjects: tuple[Subject, ...]
    batch: int
    rounds: int = 5


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

_DEEPER = Experiment(
    "deeper",
    tuple(
        Network(f"{kind}, {depth} layers", f"deep.arch:{network}", {"depth": depth, **given}, 5)
        for depth in (100, 202, 400)
        for kind, network, given in (KINDS[0], KINDS[2])
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

_SCALARS = Experiment(
    "scalars",
    (Network("Dirac, 16 layers, 200 epochs", "scalars.arch:dirac", {}, epochs=200, every=5),),
    seeds=(0, 1, 2),
)

_UNNORMALIZED = Experiment(
    "unnormalized",
    tuple(
        Network(f"a delta + W, {depth} layers", "deep.arch:dirac_unnormalized", {"depth": depth})
        for depth in (10, 34, 100)
    ),
    seeds=(0, 1, 2),
    beside=tuple(n for n in _DEPTH.networks if n.arguments["depth"] in (10, 34, 100)),
)

_SIGMA = Experiment(
    "sigma",
    (
        Network("no delta, as He et al.", "residual.arch:he"),
        *(
            Network(f"delta + W, sigma = {sigma}", "residual.arch:delta", {"sigma": sigma})
            for sigma in ("1", "0.1", "1e-2", "1e-4", "1e-8", "1e-30")
        ),
        Network(
            "delta + W, sigma = 1e-30, the others as He et al.",
            "residual.arch:delta",
            {"sigma": "1e-30", "he_elsewhere": "true"},
        ),
    ),
    seeds=(0, 1, 2),
)

BITS = (("32 bits", "full"), ("1 bit", "onebit"))
NORMS = (("learned", "learned"), ("constant", "frozen"))
SCHEDULES: tuple[tuple[str, dict[str, Argument]], ...] = (
    ("steps", {"restarts": "false"}),
    ("restarts", {}),
)
_CIFAR10 = ("cifar-10-batches-bin", "cifar-10-batches-py")


def _on_cifar(label: str, network: str, arguments: Mapping[str, Argument]) -> Network:
    given = {"width": 8, **arguments}
    return Network(label, f"cifar.arch:{network}", given, epochs=30, data=_CIFAR10, limit=2000)


_RESTARTS = Experiment(
    "restarts",
    tuple(
        _on_cifar(f"{bits}, {norm}, {schedule}", network, {"norm": word, **given})
        for bits, network in BITS
        for norm, word in NORMS
        for schedule, given in SCHEDULES
    ),
    seeds=(0, 1, 2),
)

_MOMENTS = Experiment(
    "moments",
    tuple(
        _on_cifar(f"{bits}, {moments}", network, {"norm": "frozen", **given})
        for bits, network in BITS
        for moments, given in (
            ("running", {}),
            ("averaged variances", {"averaged": "true"}),
            ("averaged deviations", {"deviations": "true"}),
        )
    ),
    seeds=(0, 1, 2),
)

EXPERIMENTS = {
    e.name: e
    for e in (
        _DEPTH, _DEEPER, _LONGER, _FORMS, _UNNORMALIZED, _SCALARS, _SIGMA, _BITS, _RESTARTS,
        _MOMENTS, _SHARING,
    )
}  # fmt: skip

# Zagoruyko & Komodakis 2016, arXiv:1605.07146: section 3, "Computational efficiency", and Table 2.
_WIDTH = Timing(
    "width",
    tuple(
        Subject(f"WRN-{depth}-{k}", "wrn.arch:wrn", {"depth": depth, "k": k}, 0)
        for depth, k in ((76, 1), (22, 2), (10, 4))
    ),
    batch=32,
)

_PUBLISHED = Timing(
    "published",
    (
        Subject("ResNet-1001", "preact_resnet.arch:preact_resnet", {"depth": 1001}, 1),
        Subject("WRN-28-10", "wrn.arch:wrn", {}, 1 / 1.6),
        Subject("WRN-40-4", "wrn.arch:wrn", {"depth": 40, "k": 4}, 1 / 8),
    ),
    batch=4,
)

_BLOCKS = Timing(
    "blocks",
    tuple(
        Subject(
            f"WRN-{depth}-2, B({','.join(map(str, kernels))})",
            "wrn.arch:wrn",
            {"depth": depth, "k": 2, "kernels": str(list(kernels))},
            seconds / 85.8,
        )
        for depth, kernels, seconds in (
            (40, (1, 3, 1), 85.8),
            (40, (3, 1), 67.5),
            (40, (1, 3), 72.2),
            (40, (3, 1, 1), 82.2),
            (28, (3, 3), 67.5),
            (22, (3, 1, 3), 59.9),
        )
    ),
    batch=16,
)

TIMINGS = {t.name: t for t in (_WIDTH, _PUBLISHED, _BLOCKS)}


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
