"""Annotations: what `with ..` says about the layers at a place and inside it."""

from collections.abc import Sequence
from fractions import Fraction

from archdsl.diagnostics import Note
from archdsl.ir.layers import Conv, ConvTranspose, Layer, Linear
from archdsl.record import Record
from archdsl.semantics.catalogue import ROWS, Keeps
from archdsl.semantics.checks import fail
from archdsl.semantics.evaluate import integer_of
from archdsl.semantics.kinds.fitting import SaidScheme
from archdsl.semantics.kinds.parts import Bn
from archdsl.semantics.parameters import Kind, Parameter
from archdsl.semantics.schemes import read_scheme
from archdsl.semantics.signature import bind
from archdsl.semantics.values import Scope
from archdsl.semantics.words import is_layer_word, split_word
from archdsl.source import Span
from archdsl.suggest import did_you_mean
from archdsl.syntax import tree

_WORDS = ("share", "bn", "freeze", "trainable", "dirac", "binary", "plain", "stochastic_depth")
_CONTRADICTIONS = (
    ("freeze", "trainable"),
    ("dirac", "binary"),
    ("dirac", "plain"),
    ("binary", "plain"),
)


class ShareScope:
    """One `share(..)` as it applies to one instance of what it is written on."""

    def __init__(self, annotation: "Share", identity: int, level: int) -> None:
        self.annotation = annotation
        self.identity = identity
        self.level = level  # runs around it
        self.matched = False
        self.seen: set[str] = set()  # words for the layers that it did not mean


class Share(Record):
    """`share(conv3x3, from = 2, strides = any)`."""

    selectors: tuple[str, ...]
    start: int  # the first block of each run that takes part, from 1
    any_stride: bool
    span: Span


class DropScope:
    """One `stochastic_depth(..)` as it applies; on a stage or network it `grows` by block."""

    def __init__(self, said: "SaidDrop", identity: int, *, grows: bool) -> None:
        self.rate = said.rate
        self.span = said.span
        self.identity = identity
        self.grows = grows
        self.blocks = 0
        self.run = 0  # its place among the runs, if it has blocks
        self.reached = False  # a branch is dropped


class SaidDrop(Record):
    """`stochastic_depth(0.2)`."""

    rate: Fraction
    span: Span


class Context(Record, kw_only=True):
    """All that annotations have said about a place."""

    bn: Bn = Bn.LEARNED
    scheme: SaidScheme | None = None
    frozen: bool = False
    shares: tuple[ShareScope, ...] = ()  # outermost first
    drop: DropScope | None = None
    in_run: bool = False  # inside a block whose rate the run gives
    level: int = 0  # runs around this place
    index: int = 1  # place of the block in its run, from 1


class Said(Record, kw_only=True):
    """What one `with` list says."""

    bn: Bn | None = None
    scheme: SaidScheme | None = None
    frozen: bool | None = None
    shares: tuple[Share, ...] = ()
    drop: SaidDrop | None = None


NOTHING_SAID = Said()


def read(annotations: Sequence[tree.Call], scope: Scope) -> Said:
    """Return what a `with` list says; raise SpecError."""
    if not annotations:
        return NOTHING_SAID
    bn: Bn | None = None
    scheme: SaidScheme | None = None
    frozen: bool | None = None
    shares: list[Share] = []
    drop: SaidDrop | None = None
    seen: dict[str, Span] = {}
    for call in annotations:
        word = call.name.text
        if word in seen and word != "share":
            fail("E504", f"`{word}` is said twice", call.span)
        seen[word] = call.span
        match word:
            case "share":
                shares.append(_share(call, scope))
            case "bn":
                bn = _bn(call, scope)
            case "freeze" | "trainable":
                frozen = _frozen(call)
            case "dirac" | "binary":
                scheme = read_scheme(call, scope)
            case "plain":
                _bare(call)
                scheme = read_scheme(call, scope)
            case "stochastic_depth":
                drop = _rate(call, scope)
            case _:
                check_words((call,))
    for pair in _CONTRADICTIONS:
        if all(word in seen for word in pair):
            one, other = sorted(pair, key=lambda word: seen[word].start)
            note = Note(f"`{one}` is said here", seen[one])
            message = f"`{one}` and `{other}` contradict each other"
            fail("E504", message, seen[other], notes=(note,))
    return Said(bn=bn, scheme=scheme, frozen=frozen, shares=tuple(shares), drop=drop)


def check_words(annotations: Sequence[tree.Call]) -> None:
    """Raise SpecError for an annotation that does not exist; its arguments may be unknown yet."""
    for call in annotations:
        if call.name.text not in _WORDS:
            help_ = did_you_mean(call.name.text, _WORDS)
            fail("E501", f"there is no annotation `{call.name.text}`", call.name.span, help_)


def _bare(call: tree.Call) -> None:
    if call.arguments:
        fail("E503", f"`{call.name.text}` takes no arguments here", call.span)


def _needs_arguments(call: tree.Call, example: str) -> None:
    if not call.arguments:
        help_ = f"write `with {example}`; a layer of that name goes on a line of its own"
        fail("E502", f"the annotation `{call.name.text}` takes arguments", call.span, help_)


def _frozen(call: tree.Call) -> bool:
    _bare(call)
    return call.name.text == "freeze"


def _bn(call: tree.Call, scope: Scope) -> Bn:
    _needs_arguments(call, "bn(frozen)")
    arguments = call.arguments or ()
    if len(arguments) == 1 and arguments[0].name is None:
        word = _word(arguments[0].value, scope)
        if word in tuple(Bn):
            return Bn(word)
    known = " or ".join(f"`bn({word})`" for word in Bn)
    fail("E314", f"`bn` is {known}", call.span)


def _word(node: tree.Expression, scope: Scope) -> object:
    """Return a word as it stands, or the string that a parameter of this name holds."""
    if isinstance(node, tree.Variable):
        word = node.name.text
        return word if word in tuple(Bn) else scope.find(word)
    return None


def _rate(call: tree.Call, scope: Scope) -> SaidDrop:
    _needs_arguments(call, "stochastic_depth(0.2)")
    rate = Parameter("rate", Kind.RATE, required=True)
    bound = bind(call, (rate,), scope, "`stochastic_depth`")
    return SaidDrop(Fraction(bound.number("rate").value), call.span)


def _share(call: tree.Call, scope: Scope) -> Share:
    _needs_arguments(call, "share(conv3x3)")
    selectors: list[str] = []
    start, any_stride = 1, False
    seen: dict[str, Span] = {}
    for argument in call.arguments or ():
        name = argument.name.text if argument.name else None
        match name, argument.value:
            case None, tree.Variable(name=selector):
                selectors.append(_selector(selector))
            case "from" | "strides" as word, value if word in seen:
                note = Note("given first here", seen[word])
                fail("E313", f"`{word}` is given twice", value.span, notes=(note,))
            case "from", value:
                seen["from"] = value.span
                start = int(integer_of(value, scope, "`from`", 1).value)
            case "strides", tree.Variable(name=tree.Name(text="any"), span=span):
                seen["strides"] = span
                any_stride = True
            case "strides", value:
                fail("E314", "`strides` is `any`, or is left out", value.span)
            case None, value:
                word = value.value if isinstance(value, tree.StringLiteral) else "conv3x3"
                help_ = f"write `share({word})`"
                fail("E505", "`share` takes the kind or the name of a layer", value.span, help_)
            case other, value:
                assert other is not None
                assert argument.name is not None
                help_ = did_you_mean(other, ("from", "strides"))
                fail("E310", f"`share` has no argument `{other}`", argument.name.span, help_)
    if not selectors:
        help_ = "write `share(conv3x3, ..)`"
        fail("E505", "`share` needs the kind or the name of a layer", call.span, help_)
    return Share(tuple(selectors), start, any_stride, call.span)


def _selector(name: tree.Name) -> str:
    split = split_word(name.text)
    keeps = Keeps.WEIGHT if split is None else ROWS[split[0]].keeps
    if keeps is not Keeps.WEIGHT:
        what = "normalization is" if keeps is Keeps.NORMALIZATION else "that is"
        help_ = "share `conv`, `conv_transpose` or `linear` layers"
        fail("E506", f"`{name.text}` cannot be shared: {what} never shared", name.span, help_)
    return name.text


def matches(share: Share, layer: Layer, label: str | None) -> bool:
    """Say whether a layer is one that `share` means: by its written name, or by what it is."""
    return any(_matches(selector, layer, label) for selector in share.selectors)


def _matches(selector: str, layer: Layer, label: str | None) -> bool:
    if not is_layer_word(selector):
        return label == selector
    kind, kernel = split_word(selector) or ("", None)
    match layer:
        case Conv(kernel_size=size):
            return kind == "conv" and kernel in (None, size)
        case ConvTranspose(kernel_size=size):
            return kind == "conv_transpose" and kernel in (None, size)
        case Linear():
            return kind == "linear"
        case _:
            return False
