"""The figures of Zagoruyko & Komodakis 2016 (wide residual networks), arXiv:1605.07146v1."""

from docs.figures.kinds import DEEP_1001, PREACT, WRN, WRN_40_4, Figure, Paper, Quantity, Table

BLOCK_TYPES = Table(
    "Table 2, types of blocks",
    "In millions; CIFAR-10, k = 2. The depth is 6n + 4 for every type, though blocks of three "
    "convolutions have 9n + 4 (projections of shortcuts counted).",
    (
        Figure("B(1,3,1), 40", "1.4", WRN, {"depth": 40, "k": 2, "kernels": [1, 3, 1]}),
        Figure("B(3,1), 40", "1.2", WRN, {"depth": 40, "k": 2, "kernels": [3, 1]}),
        Figure("B(1,3), 40", "1.3", WRN, {"depth": 40, "k": 2, "kernels": [1, 3]}),
        Figure("B(3,1,1), 40", "1.3", WRN, {"depth": 40, "k": 2, "kernels": [3, 1, 1]}),
        Figure("B(3,3), 28", "1.5", WRN, {"depth": 28, "k": 2}),
        Figure("B(3,1,3), 22", "1.1", WRN, {"depth": 22, "k": 2, "kernels": [3, 1, 3]}),
    ),
)

DEEPENING = Table(
    "Table 3, convolutions per block",
    "In millions; WRN-40-2, CIFAR-10. All four have exactly the same number.",
    (
        Figure("l = 1", "2.2", WRN, {"depth": 40, "k": 2, "kernels": [3], "per_block": 1}),
        Figure("l = 2", "2.2", WRN, {"depth": 40, "k": 2}),
        Figure("l = 3", "2.2", WRN, {"depth": 40, "k": 2, "kernels": [3] * 3, "per_block": 3}),
        Figure("l = 4", "2.2", WRN, {"depth": 40, "k": 2, "kernels": [3] * 4, "per_block": 4}),
    ),
)

WIDENING = Table(
    "Table 4, depth and width",
    "In millions; the column is CIFAR-10's.",
    tuple(
        Figure(f"{depth}-{k}", printed, WRN, {"depth": depth, "k": k})
        for depth, k, printed in (
            (40, 1, "0.6"),
            (40, 2, "2.2"),
            (40, 4, "8.9"),
            (40, 8, "35.7"),
            (28, 10, "36.5"),
            (28, 12, "52.5"),
            (22, 8, "17.2"),
            (22, 10, "26.8"),
            (16, 8, "11.0"),
            (16, 10, "17.1"),
        )
    ),
)

CIFAR, PADDED = "specs/resnet_cifar.arch", "tests/specs/padded_preact.arch"
OF_1001 = "the figure of ResNet-1001, copied to the row of another network"

OTHER_METHODS = Table(
    "Table 5, other methods",
    "In millions; CIFAR-10. The original networks pad their shortcuts with zeros; stochastic depth "
    "has no parameters. The paper does not say which shortcuts its pre-activation networks have.",
    (
        Figure("original ResNet-110", "1.7", CIFAR, {"depth": 110}),
        Figure("original ResNet-1202", "10.2", CIFAR, {"depth": 1202}, why=OF_1001),
        Figure("stochastic depth, 110", "1.7", CIFAR, {"depth": 110}),
        Figure("stochastic depth, 1202", "10.2", CIFAR, {"depth": 1202}, why=OF_1001),
        Figure("pre-act ResNet-110", "1.7", PREACT, {"depth": 110}),
        Figure("pre-act ResNet-110, padded", "1.7", PADDED, {"depth": 110}, paper_says_so=False),
        Figure("pre-act ResNet-164", "1.7", PREACT, {"depth": 164}),
        Figure("pre-act ResNet-1001", "10.2", PREACT, {"depth": 1001}, why=DEEP_1001),
        Figure(
            "pre-act ResNet-1001, padded",
            "10.2",
            PADDED,
            {"depth": 1001},
            why="padded shortcuts do not explain it",
            paper_says_so=False,
        ),
        Figure(
            "WRN-40-4", "8.7", WRN, WRN_40_4, why="misprint: Table 4 and the text say 8.9 of it"
        ),
        Figure("WRN-16-8", "11.0", WRN, {"depth": 16, "k": 8}),
        Figure("WRN-28-10", "36.5", WRN, {"depth": 28, "k": 10}),
    ),
)

TEXT = Table(
    "Section 3, text",
    "In millions.",
    (
        Figure("WRN-40-4", "8.9", WRN, WRN_40_4),
        Figure("ResNet-1001", "10.2", PREACT, {"depth": 1001}, why=DEEP_1001),
        Figure("WRN-28-12", "52.5", WRN, {"depth": 28, "k": 12}),
        Figure("WRN-40-2 of Table 3", "2.2", WRN, {"depth": 40, "k": 2}),
    ),
)

TIMES = Table(
    "Section 3, times as many",
    "Parameters in those of ResNet-1001.",
    (
        Figure(
            "WRN-28-12",
            "5",
            WRN,
            {"depth": 28, "k": 12},
            Quantity.RATIO,
            other=(PREACT, {"depth": 1001}),
        ),
    ),
)

WRN_PAPER = Paper(
    "Wide Residual Networks (Zagoruyko & Komodakis 2016, version 1)",
    (BLOCK_TYPES, DEEPENING, WIDENING, OTHER_METHODS, TEXT, TIMES),
)
