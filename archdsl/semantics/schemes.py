"""Weight schemes: what `with dirac(..)` and its like mean, their arguments read."""

from collections.abc import Callable

from archdsl.ir.schemes import (
    BareDirac,
    Binary,
    BinaryScale,
    Delta,
    Dirac,
    Per,
    Scheme,
    Standardized,
    UnnormalizedDirac,
)
from archdsl.record import Record
from archdsl.semantics.checks import fail
from archdsl.semantics.kinds.fitting import SaidScheme
from archdsl.semantics.kinds.rows import flag
from archdsl.semantics.meanings import SetScheme
from archdsl.semantics.parameters import Arguments, Domain, Parameter
from archdsl.semantics.signature import bind
from archdsl.semantics.values import Scope
from archdsl.syntax import tree
from archdsl.words import AnnotationWord

_FORMS = ("v1", "v2", "bare")
_PER = ("layer", "channel")
_DIRAC = (
    Parameter("form", Domain.OPTION, "v1", options=_FORMS),
    Parameter("a", Domain.NUMBER),
    Parameter("b", Domain.NUMBER),
    Parameter("a_per", Domain.OPTION, options=_PER),
    Parameter("b_per", Domain.OPTION, options=_PER),
    Parameter("std", Domain.POSITIVE),
    Parameter("eps", Domain.TINY),
    Parameter("delta", Domain.OPTION, options=("tiled", "padded")),
    Parameter("norm", Domain.FLAG),
)
_BINARY = (
    Parameter("scale", Domain.OPTION, "constant", options=("constant", "mean")),
    Parameter("gain", Domain.POSITIVE),
)
_STANDARDIZED = (Parameter("eps", Domain.TINY), flag("gain", default=False))

# The paper's form, and that of its authors' later code: ReLU, and no weight decay on a and b.
_V1 = Dirac()
_V2 = Dirac(a=1.0, b=0.1, a_per=Per.CHANNEL, b_per=Per.CHANNEL, std=None, delta=Delta.PADDED)


def _dirac(a: Arguments) -> Scheme:
    form = a.word("form")
    if form == "bare":
        return _bare(a)
    if a.given("norm") and not a.flag("norm"):
        return _unnormalized(a, form)
    preset = _V1 if form == "v1" else _V2
    return Dirac(
        a=_real(a, "a", preset.a),
        b=_real(a, "b", preset.b),
        a_per=_per(a, "a_per", preset.a_per),
        b_per=_per(a, "b_per", preset.b_per),
        std=a.real("std") if a.given("std") else preset.std,
        eps=_real(a, "eps", preset.eps),
        delta=_delta(a, preset.delta),
    )


def _bare(a: Arguments) -> BareDirac:
    _refuse(
        a,
        ("a", "b", "a_per", "b_per", "eps", "norm"),
        "`dirac(bare)` is delta + W",
        "drop `bare`: a * delta + b * W / |W| has them",
    )
    preset = BareDirac()
    return BareDirac(std=_real(a, "std", preset.std), delta=_delta(a, preset.delta))


def _unnormalized(a: Arguments, form: str) -> UnnormalizedDirac:
    if form == "v2":
        message = "`dirac(v2)` is a * delta + b * W / |W|: it has no form without the norm"
        fail("E323", message, a.place("norm"), "drop `v2`, or drop `norm = false`")
    _refuse(
        a,
        ("b", "b_per", "eps"),
        "`dirac(norm = false)` is a * delta + W",
        "drop `norm = false`: a * delta + b * W / |W| has it",
    )
    preset = UnnormalizedDirac()
    return UnnormalizedDirac(
        a=_real(a, "a", preset.a),
        a_per=_per(a, "a_per", preset.a_per),
        std=_real(a, "std", preset.std),
        delta=_delta(a, preset.delta),
    )


def _refuse(a: Arguments, names: tuple[str, ...], formula: str, otherwise: str) -> None:
    """Raise SpecError for the first argument given that a formula has no place for."""
    for name in names:
        if a.given(name):
            message, help_ = f"{formula}: it has no `{name}`", f"drop `{name}`, or {otherwise}"
            fail("E323", message, a.place(name), help_)


def _binary(a: Arguments) -> Binary:
    return Binary(scale=BinaryScale(a.word("scale")), gain=_real(a, "gain", Binary().gain))


def _standardized(a: Arguments) -> Standardized:
    return Standardized(eps=_real(a, "eps", Standardized().eps), gain=a.flag("gain"))


def _real(a: Arguments, name: str, otherwise: float) -> float:
    return a.real(name) if a.given(name) else otherwise


def _per(a: Arguments, name: str, otherwise: Per) -> Per:
    return Per(a.word(name)) if a.given(name) else otherwise


def _delta(a: Arguments, otherwise: Delta) -> Delta:
    return Delta(a.word("delta")) if a.given("delta") else otherwise


class SchemeForm(Record):
    """What an annotation that sets the scheme may say, and the scheme that this means."""

    parameters: tuple[Parameter, ...]
    scheme: Callable[[Arguments], Scheme | None]

    def read(self, call: tree.Call, scope: Scope) -> SetScheme:
        """Return what the annotation says."""
        word = call.name.text
        arguments = bind(call, self.parameters, scope, f"`{word}`")
        return SetScheme(SaidScheme(word, self.scheme(arguments), call.span))


SCHEMES = {
    AnnotationWord.DIRAC: SchemeForm(_DIRAC, _dirac),
    AnnotationWord.BINARY: SchemeForm(_BINARY, _binary),
    AnnotationWord.STANDARDIZED: SchemeForm(_STANDARDIZED, _standardized),
    AnnotationWord.PLAIN: SchemeForm((), lambda _: None),
}
