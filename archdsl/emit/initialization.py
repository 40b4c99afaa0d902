"""What the `__init__` of a network ends with, so that weights begin as its spec has it."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias, assert_never

from archdsl.analyses.walk import leaves
from archdsl.emit.calls.layers import module_class
from archdsl.emit.python.nodes import (
    Comment,
    Evaluate,
    For,
    If,
    Invocation,
    Keyword,
    Python,
    Statement,
    Text,
)
from archdsl.emit.python.printer import constant
from archdsl.ir.initialization import (
    Fan,
    He,
    PyTorchDefault,
    TruncatedNormal,
    Xavier,
)
from archdsl.ir.layers import (
    Activation,
    ActivationKind,
    BatchNorm,
    Conv,
    ConvTranspose,
    Layer,
    Linear,
    NCReLU,
    PReLU,
    Weighted,
    dimensions,
    scheme_of,
)
from archdsl.ir.network import Network

# What He's factor of 2 is no answer to: bounded functions, and a logarithm of one.
_BOUNDED = (
    ActivationKind.HARDSIGMOID,
    ActivationKind.HARDTANH,
    ActivationKind.LOGSIGMOID,
    ActivationKind.SIGMOID,
    ActivationKind.SOFTSIGN,
    ActivationKind.TANH,
)
_Kinds: TypeAlias = tuple[type[Weighted], ...]


def initialization(network: Network) -> Iterator[Statement]:
    """Yield the statements that initialize the weights of a network.

    Where nothing is said, convolutions begin as He et al. have it if a rectifier stands anywhere in
    the network; else, and with `init = default`, nothing is done: torch.nn has done it. Weights of
    schemes are their classes' own.
    """
    layers = [leaf.layer for leaf in leaves(network)]
    match network.init:
        case None:
            if any(map(_is_rectifier, layers)):
                yield from _he(Fan.OUT, _Initialized(layers, (Conv,)))
        case He(fan=fan, uniform_gains=uniform_gains, zero_biases=zero_biases):
            outputs = (Conv, ConvTranspose)  # those of the last linear layer are the classes
            kinds = outputs if fan is Fan.OUT else (Conv, ConvTranspose, Linear)
            yield from _he(fan, _Initialized(layers, kinds))
            if uniform_gains:
                yield from _uniform_gains(layers)
            if zero_biases:
                yield from _zero_biases(layers)
        case Xavier() | TruncatedNormal():
            yield from _with_biases(
                network.init, _Initialized(layers, (Conv, ConvTranspose, Linear))
            )
        case PyTorchDefault():
            pass
        case _:
            assert_never(network.init)


def _is_rectifier(layer: Layer) -> bool:
    """Whether it passes large numbers on and holds back negative ones: ReLU and what is near it."""
    match layer:
        case Activation(kind=kind):
            return kind not in _BOUNDED
        case _:
            return isinstance(layer, NCReLU | PReLU)


# ---------------------------------------------------------------- which weights


class _Initialized:
    """The layers of some kinds whose weight is learned as it is."""

    def __init__(self, layers: Sequence[Layer], kinds: _Kinds) -> None:
        weighted = [layer for layer in layers if isinstance(layer, kinds)]
        self.has_schemes = any(scheme_of(layer) is not None for layer in layers)
        self.plain = [layer for layer in weighted if scheme_of(layer) is None]

    def has(self, *kinds: type[Weighted]) -> bool:
        """Whether there is one of these kinds."""
        return any(isinstance(layer, kinds) for layer in self.plain)

    def condition(self, *kinds: type[Weighted]) -> str:
        """Return the test for a module of these kinds, of those that there are."""
        found = [layer for kind in kinds for layer in self.plain if isinstance(layer, kind)]
        bases = [layer for layer in found if self.has_schemes and isinstance(layer, Conv)]
        names = _classes([layer for layer in found if layer not in bases])
        tests = [f"isinstance(module, {' | '.join(names)})"] if names else []
        # a scheme's class is one of a convolution, too
        return " or ".join((*tests, *(f"type(module) is {name}" for name in _classes(bases))))


def _classes(layers: Sequence[Weighted]) -> tuple[str, ...]:
    """Return the classes of layers, each once."""
    return tuple(dict.fromkeys(map(module_class, layers)))


_WEIGHTED = (Conv, ConvTranspose, Linear)


# ---------------------------------------------------------------- statements


def _he(fan: Fan, weights: _Initialized) -> Iterator[Statement]:
    if not weights.plain:
        return
    yield Comment(_of_he(weights))
    straight = tuple(kind for kind in (Conv, Linear) if weights.has(kind))
    steps: list[Statement] = []
    if straight:
        steps.append(If(weights.condition(*straight), (_kaiming(fan),)))
    if weights.has(ConvTranspose):
        turned = Fan.IN if fan is Fan.OUT else Fan.OUT
        comment = Comment(f"its weight has inputs first: {turned} of torch is {fan} here")
        steps.append(If(weights.condition(ConvTranspose), (comment, _kaiming(turned))))
    yield _over_modules(*steps)


def _uniform_gains(layers: Sequence[Layer]) -> Iterator[Statement]:
    affine = [layer for layer in layers if isinstance(layer, BatchNorm) and layer.affine]
    found = {dimensions(layer) or 1 for layer in affine}
    if found:
        yield Comment("scales of batch normalization begin between 0 and 1, as in Torch of 2016")
        kinds = " | ".join(f"nn.BatchNorm{each}d" for each in sorted(found))
        yield _over_modules(
            If(f"isinstance(module, {kinds}) and module.affine", (_fill("uniform_"),))
        )


def _zero_biases(layers: Sequence[Layer]) -> Iterator[Statement]:
    weighted = [layer for layer in layers if isinstance(layer, _WEIGHTED)]
    ordered = [layer for kind in _WEIGHTED for layer in weighted if type(layer) is kind]
    found = _classes([layer for layer in ordered if layer.bias])
    if found:
        yield Comment("biases begin at 0")
        condition = f"isinstance(module, {' | '.join(found)})"
        if not all(layer.bias for layer in weighted if module_class(layer) in found):
            condition += " and module.bias is not None"
        zero = Evaluate(Invocation("nn.init.zeros_", (Text("module.bias"),)))
        yield _over_modules(If(condition, (zero,)))


def _of_he(weights: _Initialized) -> str:
    if weights.has(Linear):
        scope = "the weights" if not weights.has_schemes else "the weights without a scheme"
        return f"He initialization of {scope}; the rest keeps PyTorch's defaults"
    if weights.has_schemes:
        return "He initialization of the plain convolutions; the others have their own"
    return "He initialization of the convolutions; the rest keeps PyTorch's defaults"


def _kaiming(fan: Fan) -> Evaluate:
    fan_, nonlinearity = Text(f'"{fan}"'), Text('"relu"')
    return _fill("kaiming_normal_", Keyword("mode", fan_), Keyword("nonlinearity", nonlinearity))


def _with_biases(init: Xavier | TruncatedNormal, weights: _Initialized) -> Iterator[Statement]:
    if not weights.plain:
        return
    match init:
        case Xavier():
            comment, fill = "Xavier initialization", _fill("xavier_uniform_")
        case TruncatedNormal(std=std):
            comment = "Normal initialization, cut off at -2 and 2"
            fill = _fill("trunc_normal_", Keyword("std", Text(constant(std))))
    steps: list[Statement] = [fill]
    has_biases = any(layer.bias for layer in weights.plain)
    if has_biases:
        zero = Evaluate(Invocation("nn.init.zeros_", (Text("module.bias"),)))
        steps.append(If("module.bias is not None", (zero,)))
    scope = " of the weights without a scheme" if weights.has_schemes else ""
    yield Comment(f"{comment}{scope}{'; biases are 0' if has_biases else ''}")
    yield _over_modules(If(weights.condition(Conv, ConvTranspose, Linear), tuple(steps)))


def _fill(function: str, *arguments: Python) -> Evaluate:
    return Evaluate(Invocation(f"nn.init.{function}", (Text("module.weight"), *arguments)))


def _over_modules(*steps: Statement) -> For:
    return For("module", Text("self.modules()"), steps)
