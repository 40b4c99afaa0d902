"""The figures of McDonnell 2018 (one bit for each weight), arXiv:1802.08530."""

from docs.figures.kinds import WRN, WRN_28_10_C100, Figure, Paper, Quantity, Size, Table

ONEBIT, PLAIN, FULL = "specs/onebit.arch", "specs/onebit_plain.arch", "specs/full_precision.arch"
SMALL, LARGE = "specs/onebit_imagenet32.arch", "specs/onebit_imagenet.arch"
RESNEXT, SQUEEZENET = "specs/resnext_cifar.arch", "specs/squeezenet.arch"
DENSENET, SHAKE = "tests/specs/densenet_cifar.arch", "tests/specs/shake_shake.arch"

C10_20_4, C100_20_4 = {"k": 4}, {"k": 4, "classes": 100}
C10_20_10, C100_20_10 = {"k": 10}, {"k": 10, "classes": 100}
C10_26_10, C100_26_10 = {"depth": 26}, {"depth": 26, "classes": 100}

OF_C100 = "the row's figure is that for 100 classes"
TRANSPOSED = "digits transposed: 36.5, for 100 classes; no layout of 26 convolutions gives 35.6"
ALSO_TRANSPOSED = f"36.4 for 10 classes; {TRANSPOSED}"
OF_1000 = "the row's figure is that for 1,000 classes; SVHN has 10"
LIKE_35_6 = "as the 35.6 of Table 1, which has the digits transposed"
SWAPPED = "looks swapped with the figure of the ResNeXt-29 row"

CIFAR = Table(
    "Table 1, CIFAR",
    "In millions. Each row stands twice in the table, for 32 bits and for 1 bit, and for both data "
    "sets: the parameters of both precisions are as many. Six learned parameters are of the batch "
    "normalization on the image.",
    (
        Figure("20-4, CIFAR-10", "4.3", ONEBIT, C10_20_4),
        Figure("20-4, CIFAR-100", "4.3", ONEBIT, C100_20_4),
        Figure("20-10, CIFAR-10", "26.8", ONEBIT, C10_20_10, why=OF_C100),
        Figure("20-10, CIFAR-100", "26.8", ONEBIT, C100_20_10),
        Figure("26-10, CIFAR-10", "35.6", ONEBIT, C10_26_10, why=ALSO_TRANSPOSED),
        Figure("26-10, CIFAR-100", "35.6", ONEBIT, C100_26_10, why=TRANSPOSED),
        Figure(
            "26-10, CIFAR-100, a convolution less",
            "35.6",
            "tests/specs/onebit_readings.arch",
            {},
            why="one 3x3 of 320 channels left out: as close as 25 convolutions come",
            paper_says_so=False,
        ),
        Figure("20-20, CIFAR-100", "107.0", ONEBIT, {"k": 20, "classes": 100}),
        Figure(
            "20-20, CIFAR-10",
            "107.0",
            ONEBIT,
            {"k": 20},
            why="the paper has errors for CIFAR-100 only",
            paper_says_so=False,
        ),
        Figure("32 bits: 20-4, CIFAR-10", "4.3", FULL, C10_20_4),
        Figure("32 bits: 20-10, CIFAR-100", "26.8", FULL, C100_20_10),
        Figure("32 bits: 20-20, CIFAR-100", "107.0", FULL, {"k": 20, "classes": 100}),
        Figure(
            "20-4, all normalization learned",
            "4.3",
            ONEBIT,
            {"k": 4, "norm": "learned"},
            paper_says_so=False,
        ),
        Figure(
            "20-10, CIFAR-100, all normalization learned",
            "26.8",
            ONEBIT,
            {**C100_20_10, "norm": "learned"},
            paper_says_so=False,
        ),
    ),
)

FROZEN = {"norm": "frozen"}

OTHER_DATA = Table(
    "Table 2, SVHN, ImageNet32 and ImageNet",
    "In millions. Batch normalization is learned on ImageNet32 and ImageNet; the window of the "
    "first convolution on ImageNet is not said.",
    (
        Figure("20-4, SVHN", "4.5", ONEBIT, C10_20_4, why=OF_1000),
        Figure("20-4, ImageNet32", "4.5", SMALL, {"k": 4}),
        Figure("20-10, ImageNet32", "27.4", SMALL, {}),
        Figure("20-15, ImageNet32", "61.1", SMALL, {"k": 15}),
        Figure("26-10, ImageNet32", "~ 36", SMALL, {"depth": 26}, why=LIKE_35_6),
        Figure("18-2.5, ImageNet, first 7x7", "70.0", LARGE, {}),
        Figure(
            "18-2.5, ImageNet, first 3x3", "70.0", LARGE, {"stem_kernel": 3}, paper_says_so=False
        ),
        Figure("20-4, ImageNet32, weights", "4.5", SMALL, {"k": 4, **FROZEN}, paper_says_so=False),
        Figure("20-10, ImageNet32, weights", "27.4", SMALL, FROZEN, paper_says_so=False),
        Figure(
            "20-15, ImageNet32, weights", "61.1", SMALL, {"k": 15, **FROZEN}, paper_says_so=False
        ),
        Figure("18-2.5, first 7x7, weights", "70.0", LARGE, FROZEN, paper_says_so=False),
        Figure(
            "18-2.5, first 3x3, weights",
            "70.0",
            LARGE,
            {"stem_kernel": 3, **FROZEN},
            why="a first 3x3 needs the normalization counted",
            paper_says_so=False,
        ),
    ),
)

COMPARED = Table(
    "Table 3, CIFAR",
    "In millions.",
    (
        Figure("title: the largest, WRN 28-10 for ImageNet32", "< 40", WRN, {"classes": 1000}),
        Figure("WRN 22-10", "27", WRN, {"depth": 22, "k": 10}),
        Figure("1-bit WRN 20-10", "27", ONEBIT, C100_20_10),
        Figure("WRN 28-10, ImageNet32", "37", WRN, {"classes": 1000}),
        Figure("full precision WRN 20-10", "27", FULL, C100_20_10),
        Figure("WRN 28-10 + cutout", "34", WRN, WRN_28_10_C100, why=SWAPPED),
        Figure("WRN 28-10 + dropout", "37", WRN, {**WRN_28_10_C100, "dropout": 0.3}),
        Figure(
            "WRN 40-10 + dropout",
            "37",
            WRN,
            {"depth": 40, "k": 10, "classes": 100, "dropout": 0.3},
            why="the row's errors, 3.80 and 18.30, are this network's",
            paper_says_so=False,
        ),
        Figure(
            "ResNeXt-29, 8x64d",
            "36",
            RESNEXT,
            {},
            why="looks swapped with the 34 of WRN 28-10 + cutout",
        ),
        Figure("DenseNet-BC, 190 layers", "26", DENSENET, {}),
        Figure("Shake-shake, 26 2x96d", "26", SHAKE, {}),
    ),
)

TEXT = Table(
    "Text and figures",
    "In millions; the last one as a part of the parameters of 20-20.",
    (
        Figure("section 4: 20-4, SVHN", "< 5", ONEBIT, C10_20_4),
        Figure("figure 5: 20-4, CIFAR-100", "< 5", ONEBIT, C100_20_4),
        Figure("figure 7: 20-4 without shortcuts", "4.3", PLAIN, {}),
        Figure(
            "section 4: 20-10 instead of 20-20",
            "0.25",
            ONEBIT,
            C100_20_10,
            Quantity.RATIO,
            other=(ONEBIT, {"k": 20, "classes": 100}),
        ),
    ),
)

ALL_FROZEN = {"norm": "frozen", "image_norm": "frozen"}
MEBIBYTES = "MB of 1,048,576 bytes: 8.340 of them"

PRINTED_SIZES = Table(
    "Abstract and section 5.4, memory",
    "Of the weights at one bit each, of SqueezeNet's at 32, in MB of 1,000,000 bytes or MiB of "
    "1,048,576. What normalization needs comes on top.",
    (
        Figure("20-10, CIFAR-10", "< 10", ONEBIT, {**C10_20_10, **ALL_FROZEN}, Quantity.MB),
        Figure("20-10, CIFAR-100", "< 10", ONEBIT, {**C100_20_10, **ALL_FROZEN}, Quantity.MB),
        Figure("26-10, CIFAR-100", "< 10", ONEBIT, {**C100_26_10, **ALL_FROZEN}, Quantity.MB),
        Figure("18-2.5, ImageNet", "< 10", LARGE, FROZEN, Quantity.MB),
        Figure("18-2.5, in MB", "8.3", LARGE, FROZEN, Quantity.MB, why=MEBIBYTES),
        Figure("18-2.5, in MiB", "8.3", LARGE, FROZEN, Quantity.MIB, paper_says_so=False),
        Figure(
            "SqueezeNet 1.0, in MB",
            "4.8",
            SQUEEZENET,
            {"version": 1.0},
            Quantity.MB,
            why="MB of 1,048,576 bytes",
        ),
        Figure(
            "SqueezeNet 1.0, in MiB",
            "4.8",
            SQUEEZENET,
            {"version": 1.0},
            Quantity.MIB,
            paper_says_so=False,
        ),
    ),
)

SIZES = Table(
    "Deployed sizes",
    "Of the weights of convolutions, the first and the last one included, at one bit each. Every "
    "layer is a whole number of bytes. The moments of batch normalization come on top: 13,786 "
    "numbers for 20-10 on CIFAR-10, 13,966 on CIFAR-100.",
    sizes=(
        Size("20-4, CIFAR-10", ONEBIT, {**C10_20_4, **ALL_FROZEN}),
        Size("20-4, CIFAR-100", ONEBIT, {**C100_20_4, **ALL_FROZEN}),
        Size("20-10, CIFAR-10", ONEBIT, {**C10_20_10, **ALL_FROZEN}),
        Size("20-10, CIFAR-100", ONEBIT, {**C100_20_10, **ALL_FROZEN}),
        Size("26-10, CIFAR-100", ONEBIT, {**C100_26_10, **ALL_FROZEN}),
        Size("20-20, CIFAR-100", ONEBIT, {"k": 20, "classes": 100, **ALL_FROZEN}),
        Size("18-2.5, ImageNet", LARGE, FROZEN),
        Size("20-10, CIFAR-100, normalization of the image learned", ONEBIT, C100_20_10),
        Size("18-2.5, ImageNet, normalization learned", LARGE, {}),
        Size("20-10, CIFAR-100, 32 bits", FULL, {**C100_20_10, **ALL_FROZEN}),
    ),
)

ONE_BIT = Paper(
    "Training Wide Residual Networks for Deployment Using a Single Bit for Each Weight "
    "(McDonnell 2018)",
    (CIFAR, OTHER_DATA, COMPARED, TEXT, PRINTED_SIZES, SIZES),
)
