"""What PyTorch, Keras and papers call the things of this language.

Looked at only where a word is unknown: a spec that is right never comes here.
"""

import re
from collections.abc import Iterable

from archdsl.semantics.words import is_layer_word
from archdsl.suggest import closest, did_you_mean
from archdsl.syntax import tree
from archdsl.words import AnnotationWord

_CONV = "conv3x3(64)"
_UP = "conv_transpose2x2(64, stride = 2)"
_LAYERS = {  # in lower case, without `_`
    **dict.fromkeys(("conv2d", "convolution", "convolution2d", "convolutional"), _CONV),
    **dict.fromkeys(("convbnrelu", "conv2dbn", "convbn", "basicconv2d"), f"{_CONV} bn relu"),
    "depthwiseconv2d": "conv3x3(in_channels, groups = in_channels)",
    "depthwise": "conv3x3(in_channels, groups = in_channels)",
    "dwconv": "conv3x3(in_channels, groups = in_channels)",
    "separableconv2d": "conv3x3(in_channels, groups = in_channels) conv1x1(64)",
    **dict.fromkeys(("convtranspose2d", "conv2dtranspose", "deconv", "deconv2d", "upconv"), _UP),
    **dict.fromkeys(("batchnorm", "batchnorm2d", "batchnormalization", "batchnorm1d"), "bn"),
    **dict.fromkeys(("layernormalization", "ln"), "layernorm"),
    **dict.fromkeys(("groupnormalization", "gn"), "groupnorm(32)"),
    **dict.fromkeys(("instancenorm2d", "instancenormalization"), "instancenorm"),
    **dict.fromkeys(("lrn", "localresponsenorm"), "local_response_norm"),
    **dict.fromkeys(("globalresponsenorm", "globalresponsenormalization"), "grn"),
    **dict.fromkeys(("dense", "fc", "fullyconnected", "innerproduct", "classifier"), "linear(10)"),
    **dict.fromkeys(("maxpool2d", "maxpooling2d", "maxpooling", "pool"), "maxpool2x2"),
    **dict.fromkeys(("avgpool2d", "averagepooling2d", "averagepool", "avgpooling"), "avgpool2x2"),
    **dict.fromkeys(
        (
            "globalavgpool",
            "globalavgpool2d",
            "globalaveragepooling2d",
            "globalaveragepool",
            "globalpool",
            "adaptiveavgpool2d",
            "adaptiveavgpool",
            "gap",
        ),
        "avgpool",
    ),
    **dict.fromkeys(("globalmaxpool", "globalmaxpooling2d", "adaptivemaxpool2d"), "maxpool"),
    **dict.fromkeys(("droppath", "dropconnect", "stochasticdepth"), "stochastic_depth(0.1)"),
    "spatialdropout2d": "dropout2d(0.1)",
    **dict.fromkeys(("swish", "silu2"), "silu"),
    **dict.fromkeys(("leakyrelu", "lrelu"), "leaky_relu(0.01)"),
    "hswish": "hardswish",
    "hsigmoid": "hardsigmoid",
    **dict.fromkeys(("activation", "act", "nonlinearity"), "relu"),
    **dict.fromkeys(("zeropad2d", "zeropadding2d"), "pad(1)"),
    **dict.fromkeys(("reflectionpad2d",), "pad(1, mode = reflect)"),
    **dict.fromkeys(("channelslice", "narrow", "indexselect"), "slice(0, 16)"),
    **dict.fromkeys(("upsampling2d", "interpolate", "resize", "upsample2d"), "upsample(2)"),
    **dict.fromkeys(("spacetodepth", "focus"), "pixel_unshuffle(2)"),
    "depthtospace": "pixel_shuffle(2)",
    **dict.fromkeys(("blurpool", "blurpool2d"), "blur(3, stride = 2)"),
    **dict.fromkeys(("rmsnormalization", "rmsnorm2d"), "rmsnorm"),
    **dict.fromkeys(("layerscale", "gamma"), "scale"),
    **dict.fromkeys(("learnablebias", "addbias", "bias"), "offset"),
    **dict.fromkeys(("eca", "ecalayer", "conv1dchannels"), "avgpool channel_conv(3)"),
    **dict.fromkeys(("softmax2d", "softmaxlayer"), "softmax(over = channels)"),
    **dict.fromkeys(("reshape", "view", "flattenlayer"), "flatten"),
    **dict.fromkeys(("inputlayer", "inputs"), "input(3, 32, 32)"),
    **dict.fromkeys(("add", "plus", "eltwise"), "sum { branch { .. } identity }"),
    **dict.fromkeys(("concatenate", "cat", "merge"), "concat { branch { .. } branch { .. } }"),
    **dict.fromkeys(("multiply", "mul"), "product { identity branch { .. } }"),
    **dict.fromkeys(("parallel", "split"), "concat { branch { .. } branch { .. } }"),
    **dict.fromkeys(("skip", "skipconnection", "skipconnect"), "identity"),
    "elif": "else if",
}
_ADVICE = {
    "grow": "what grows stands without brackets: `grow width = [4, 8, 16]`",
    "mark": "a name stands without brackets: `conv3x3(64) mark c2`",
    **dict.fromkeys(("logsoftmax",), "drop it: the loss of the training takes what `linear` gives"),
    **dict.fromkeys(
        ("loss", "crossentropy", "crossentropyloss", "output", "outputs"),
        "drop it: the output is what the last layer gives",
    ),
    **dict.fromkeys(
        ("sequential", "modulelist"), "drop it: layers follow each other in a body `name: { .. }`"
    ),
    **dict.fromkeys(("repeat", "loop"), "write `stage name = 3 * block(..)`, or a `for`"),
    **dict.fromkeys(("return", "yield", "forward", "pass"), "drop it: a body gives its last map"),
    **dict.fromkeys(("print", "assert", "summary"), "write `expect parameters == ..`"),
    **dict.fromkeys(
        ("shared", "frozen", *(word for word in AnnotationWord if not is_layer_word(word))),
        "write `with` before an annotation",
    ),
    **dict.fromkeys(
        ("init", "initialize", "initialization", "he", "kaiming", "xavier", "glorot"),
        "write `init = he(fan_in)` on a line of its own",
    ),
    **dict.fromkeys(("diracconv", "diracconv2d"), "write `conv3x3(..) with dirac`"),
    **dict.fromkeys(
        ("binaryconv", "binaryconv2d", "binconv", "binarizedconv", "signconv"),
        "write `conv3x3(..) with binary`",
    ),
    **dict.fromkeys(("stdconv", "stdconv2d", "wsconv"), "write `conv3x3(..) with standardized`"),
    **dict.fromkeys(
        ("scaledstdconv", "scaledstdconv2d", "wsconv2d"),
        "write `conv3x3(..) with standardized(gain = true)`",
    ),
    **dict.fromkeys(
        ("conv1d", "convolution1d"),
        "maps have a height: write `conv(64, kernel = [1, 3])`, for an `input` of height 1",
    ),
    **dict.fromkeys(
        ("permute", "transpose", "movedim"),
        "drop it: a map is [channels, height, width] everywhere, for `layernorm` too",
    ),
    **dict.fromkeys(
        ("parameter", "nnparameter"),
        "weights stand in layers: `scale` multiplies each channel, `offset` adds to it",
    ),
    "mean": "write `avgpool` for the mean over all pixels",
    **dict.fromkeys(
        ("log", "exp", "sqrt"), "there is none: see the activations in the table of layers"
    ),
    **dict.fromkeys(
        ("attention", "multiheadattention", "lstm", "gru", "embedding", "transformer"),
        "the language is about convolutional networks and has no such layer",
    ),
}
_ANNOTATIONS = {
    **dict.fromkeys(("ws", "weight_standardization", "weight_standardize"), "write `standardized`"),
    "scaled_weight_standardization": "write `standardized(gain = true)`",
    "grow": "write `grow NAME = [4, 8, 16]` on a line of the network, about a parameter of it",
}
_VALUES = {
    "True": "write `true`",
    "False": "write `false`",
    "None": "leave the argument out",
    "null": "leave the argument out",
    "SAME": "write `same`, as TensorFlow pads; without `padding`, odd kernels keep the size",
    "same": "it is a padding of `conv` and `maxpool`; here write a number",
    "valid": "write `0`",
    "bias": "write `bias = true`",
    "pi": "write `3.14159265`",
}
_FUNCTIONS = {
    "int": "write `floor(..)`, or `//` for a division that rounds down",
    "pow": "write `2 ** 3`",
    "sqrt": "write `x ** 0.5`",
    "exp": "write `2.718281828459045 ** x`",
    **dict.fromkeys(("ln", "log2", "log10"), "write `log(x)`, or `log(x, 2)` for another base"),
    "mean": "write `sum(list) / len(list)`",
    "make_divisible": "write `round_to(x, 8)`",
    "divmod": "write `//` and `%`",
    "enumerate": "write `for i, item in list { .. }`",
    "zip": "write `for i, item in list { .. }`, and the other list as `other[i]`",
}
_KERNEL = "write the kernel into the word, as in `conv3x3`, or `kernel = 3` with `conv`"
_ARGUMENTS = {
    "in_channels": "drop it: a layer knows the channels that it is given",
    "in_features": "drop it: a layer knows the features that it is given",
    "input_shape": "drop it: a layer knows what it is given",
    "num_features": "drop it: a layer knows the channels that it is given",
    "inplace": "drop it: activations are in place where that is safe",
    "activation": "write the activation behind the layer: `conv3x3(64) relu`",
    "name": "write the name before the layer: `name: conv3x3(64)`",
    "kernel_size": _KERNEL,
    "pool_size": "write the window into the word: `maxpool2x2`",
    "filters": "write the number of channels first: `conv3x3(64)`",
    "units": "write the number of features first: `linear(10)`",
    "use_bias": "write `bias = true`",
    "strides": "write `stride = 2`",
    "dilation_rate": "write `dilation = 2`",
    "rate": "write `p`, or the number alone: `dropout(0.5)`",
    "prob": "write `p`, or the number alone: `dropout(0.5)`",
    "dim": "write `over = channels`",
    "filt_size": "write `kernel`",
    "scale_factor": "write `factor`, or the number alone: `upsample(2)`",
    "negative_slope": "write `slope`",
    "learning_rate": "write `lr`",
    "gamma": "write `factor`",
    "milestones": "write `at`",
    "beta1": "write `betas = [0.9, 0.999]`",
    "weightdecay": "write `weight_decay`",
    "wd": "write `weight_decay`",
}
_SETTINGS = {
    "batch_size": "write `batch`",
    "batchsize": "write `batch`",
    "dataset": "write `data`",
    "scheduler": "write `schedule`",
    "lr": "write it into the optimizer: `sgd(lr = 0.1)`",
    "learning_rate": "write it into the optimizer: `sgd(lr = 0.1)`",
    "momentum": "write it into the optimizer: `sgd(lr = 0.1, momentum = 0.9)`",
    "nesterov": "write it into the optimizer: `sgd(lr = 0.1, momentum = 0.9, nesterov = true)`",
    "weight_decay": "write it into the optimizer: `sgd(lr = 0.1, weight_decay = 5e-4)`",
    "normalize": "write it into the data: `cifar10(normalize = false)`",
    "warmup": "write it into the schedule: `cosine(warmup = 5)`",
    "augment": "write it into the data: `cifar10(augment = [flip])`",
    "augmentation": "write it into the data: `cifar10(augment = [flip])`",
    **dict.fromkeys(("initialization", "initializer", "weight_init"), "write `init`"),
    **dict.fromkeys(("criterion", "objective", "loss_function", "task"), "write `loss`"),
    "device": "drop it: the script takes what it finds",
}
_WORDS = {  # of settings
    **dict.fromkeys(("rmsprop", "RMSprop"), "write `adam(lr = 1e-3)`, which is it with momentum"),
    "SGD": "write `sgd(lr = 0.1)`",
    "StepLR": "write `steps(at = [60, 120], factor = 0.1)`",
    "MultiStepLR": "write `steps(at = [60, 120], factor = 0.1)`",
    "step": "write `steps(at = [60, 120], factor = 0.1)`",
    "multistep": "write `steps(at = [60, 120], factor = 0.1)`",
    "CosineAnnealingLR": "write `cosine`",
    "CosineAnnealingWarmRestarts": "write `warm_restarts(first = 2)`",
    "sgdr": "write `warm_restarts(first = 2)`",
    "random": "write `noise`",
    "constant": "write `zeros`",
    **dict.fromkeys(("kaiming", "kaiming_normal", "msra", "he_normal"), "write `he(fan_out)`"),
    **dict.fromkeys(("glorot", "glorot_uniform", "xavier_uniform"), "write `xavier`"),
    **dict.fromkeys(("normal", "trunc_normal", "gaussian"), "write `truncated_normal(0.02)`"),
    **dict.fromkeys(("pytorch", "torch", "none"), "write `default`"),
    **dict.fromkeys(("mse", "mse_loss", "MSELoss", "l2", "regression"), "write `squared_error`"),
    **dict.fromkeys(("ce", "nll", "CrossEntropyLoss", "softmax"), "write `cross_entropy`"),
    "CIFAR10": "write `cifar10`",
    "CIFAR100": "write `cifar100`",
    **dict.fromkeys(
        ("imagenet", "ImageNet", "ImageFolder", "imagenet1k"),
        "write `image_folder(augment = [random_resized_crop(224), flip], "
        "test = [resize(256), center_crop(224)])`",
    ),
    **dict.fromkeys(("RandomResizedCrop", "random_sized_crop"), "write `random_resized_crop(224)`"),
    **dict.fromkeys(("RandomHorizontalFlip", "horizontal_flip", "hflip"), "write `flip`"),
    **dict.fromkeys(("ColorJitter", "jitter"), "write `color_jitter(0.4, 0.4, 0.4)`"),
    **dict.fromkeys(("pca", "pca_lighting", "Lighting"), "write `lighting(0.1)`"),
    "Resize": "write `resize(256)`",
    "CenterCrop": "write `center_crop(224)`",
}


def layer_help(name: str, call: tree.Call | None, known: Iterable[str]) -> str | None:
    """Return what to write instead of a layer or block that does not exist."""
    key = name.lower().replace("_", "")
    if key in _ADVICE:
        return _ADVICE[key]
    known = tuple(known)
    near = closest(name, known)
    if near is not None and near.lower().replace("_", "") == key:
        return f"did you mean `{near}`?"
    if key in _LAYERS:
        return f"write `{_translated(name, call) or _LAYERS[key]}`"
    short = (k for k in sorted(known) if len(name) == len(k) <= 3 and _one_apart(name, k))
    return did_you_mean(next(short, name), known)


def _one_apart(left: str, right: str) -> bool:
    return sum(a != b for a, b in zip(left, right, strict=True)) == 1


def _translated(name: str, call: tree.Call | None) -> str | None:
    """Return `Conv2d(3, 64, 3)` in this language, where its numbers are written out."""
    if call is None or name.lower() not in ("conv2d", "dense", "fc"):
        return None
    given = [a.value.span.text for a in call.arguments or () if a.name is None]
    if name == "Conv2d" and len(given) >= 3 and re.fullmatch(r"\d{1,2}", given[2]):
        return f"conv{given[2]}x{given[2]}({given[1]})"
    if name == "Conv2D" and len(given) >= 2 and re.fullmatch(r"\d{1,2}", given[1]):
        return f"conv{given[1]}x{given[1]}({given[0]})"
    if name.lower() in ("dense", "fc") and given:
        return f"linear({given[-1]})"
    return None


def annotation_help(name: str, known: Iterable[str]) -> str | None:
    """Return what to write instead of an annotation that does not exist."""
    return _ANNOTATIONS.get(name) or did_you_mean(name, known)


def value_help(name: str, known: Iterable[str]) -> str | None:
    """Return what to write instead of a name that nothing has."""
    if name in _VALUES:
        return _VALUES[name]
    near = closest(name, known)
    return f"did you mean `{near}`?" if near else None


def function_help(name: str, known: Iterable[str]) -> str | None:
    """Return what to write instead of a function that does not exist."""
    return _FUNCTIONS.get(name) or did_you_mean(name, known)


def argument_help(name: str, known: Iterable[str]) -> str | None:
    """Return what to write instead of an argument that a callee does not have."""
    known = tuple(known)
    if name == "kernel_size" and "kernel" in known:
        return "write `kernel`"
    return _ARGUMENTS.get(name) or did_you_mean(name, known)


def setting_help(name: str, known: Iterable[str]) -> str | None:
    """Return what to write instead of a setting that a recipe does not have."""
    return _SETTINGS.get(name) or did_you_mean(name, known)


def word_help(name: str, known: Iterable[str]) -> str | None:
    """Return what to write instead of an unknown word of a setting."""
    known = tuple(known)
    advice, near = _WORDS.get(name, ""), closest(name, known)  # the message lists all of them
    if advice.startswith(tuple(f"write `{word}" for word in known)):  # of this setting
        return advice
    return f"did you mean `{near}`?" if near else None
