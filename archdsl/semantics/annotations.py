"""The annotations of the language: one row each, and a word in archdsl/words.py.

What a row reads is a meaning, which knows what it does to the context; what it expects to reach is
in context.py, with what is said where it reaches nothing.
"""

from collections.abc import Callable, Sequence
from itertools import combinations

from archdsl.diagnostics import Note
from archdsl.record import Record
from archdsl.semantics.catalogue import ROWS
from archdsl.semantics.checks import fail
from archdsl.semantics.dependence import NOTHING, hangs_on
from archdsl.semantics.fixing import FREEZE_FORMS
from archdsl.semantics.kinds.parts import Bn
from archdsl.semantics.kinds.rows import Keeps
from archdsl.semantics.meanings import (
    RATE,
    Meaning,
    read_bn,
    read_freeze,
    read_rate,
    read_trainable,
)
from archdsl.semantics.schemes import SCHEMES, SchemeForm
from archdsl.semantics.shares import read_share
from archdsl.semantics.values import Scope
from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.words import AnnotationWord


class Annotation(Record, kw_only=True):
    """An annotation word."""

    forms: tuple[str, ...]  # as the reference writes it
    sets: str  # the field of Context; two words that set the same contradict each other
    read: Callable[[tree.Call, Scope], Meaning]
    example: str = ""  # if it must have arguments
    bare: bool = False  # it has no arguments
    several: bool = False  # it may be said more than once
    about: Callable[[str], bool] = lambda _: True  # whether it can be said of a kind of layers
    lacks: str = ""  # what else is said of the layer


def _is_convolution(kind: str) -> bool:
    return ROWS[kind].is_convolution


def _learns(kind: str) -> bool:
    return ROWS[kind].keeps is not Keeps.NOTHING


def _of_scheme(word: AnnotationWord, form: SchemeForm) -> Annotation:
    return Annotation(
        forms=(word, f"{word}(..)") if form.parameters else (word,),
        sets="scheme",
        read=form.read,
        bare=not form.parameters,
        about=_is_convolution,
        lacks="is no convolution",
    )


ANNOTATIONS: dict[AnnotationWord, Annotation] = {
    AnnotationWord.SHARE: Annotation(
        forms=("share(kind or name, .., from = n, strides = any)",),
        sets="shares",
        read=read_share,
        example="share(conv3x3)",
        several=True,
    ),
    AnnotationWord.BN: Annotation(
        forms=tuple(f"bn({word})" for word in Bn),
        sets="bn",
        read=read_bn,
        example="bn(frozen)",
        about=lambda kind: kind == "bn",
        lacks="is no batch norm",
    ),
    AnnotationWord.FREEZE: Annotation(
        forms=("freeze", *FREEZE_FORMS),
        sets="frozen",
        read=read_freeze,
        about=_learns,
        lacks="has nothing to freeze",
    ),
    AnnotationWord.TRAINABLE: Annotation(
        forms=("trainable",), sets="frozen", read=read_trainable, bare=True
    ),
    AnnotationWord.STOCHASTIC_DEPTH: Annotation(
        forms=(f"stochastic_depth({RATE.name})",),
        sets="drop",
        read=read_rate,
        example="stochastic_depth(0.2)",
        about=lambda _: False,
        lacks="has no residual branch to drop",
    ),
    **{word: _of_scheme(word, form) for word, form in SCHEMES.items()},
}


class Said(Record):
    """An annotation as it is written somewhere, and what it says there."""

    annotation: Annotation
    meaning: Meaning


def read(annotations: Sequence[tree.Call], scope: Scope) -> tuple[Said, ...]:
    """Return what a `with` list says; raise SpecError."""
    if not annotations:
        return ()
    found: list[Said] = []
    places: dict[AnnotationWord, Span] = {}
    for call in annotations:
        word = call.name.text
        if word in places and not ANNOTATIONS[AnnotationWord(word)].several:
            fail("E504", f"`{word}` is said twice", call.span)
        check_words((call,))
        places[AnnotationWord(word)] = call.span
        annotation = ANNOTATIONS[AnnotationWord(word)]
        _check_arguments(annotation, call)
        found.append(Said(annotation, annotation.read(call, scope)))
        if annotation.sets != "drop":  # a rate changes no count
            scope.settle(NOTHING.union(*(hangs_on(a.value, scope) for a in call.arguments or ())))
    _check_contradictions(places)
    return tuple(found)


def check_words(annotations: Sequence[tree.Call]) -> None:
    """Raise SpecError for an annotation that does not exist; its arguments may be unknown yet."""
    for call in annotations:
        if call.name.text not in ANNOTATIONS:
            from archdsl.semantics.hints import annotation_help

            help_ = annotation_help(call.name.text, ANNOTATIONS)
            fail("E501", f"there is no annotation `{call.name.text}`", call.name.span, help_)


def check_layer(said: Sequence[Said], kind: str, word: str, span: Span) -> None:
    """Raise SpecError where an annotation says something that the layer it is written on lacks."""
    for annotation in (each.annotation for each in said):
        if not annotation.about(kind):
            fail("E511", f"`{word}` {annotation.lacks}", span)


def _check_arguments(annotation: Annotation, call: tree.Call) -> None:
    word = call.name.text
    if annotation.bare and call.arguments:
        fail("E503", f"`{word}` takes no arguments here", call.span)
    if annotation.example and not call.arguments:
        help_ = f"write `with {annotation.example}`; a layer of that name goes on a line of its own"
        fail("E502", f"the annotation `{word}` takes arguments", call.span, help_)


def _check_contradictions(places: dict[AnnotationWord, Span]) -> None:
    """Raise SpecError where two words set the same."""
    for pair in combinations((word for word in ANNOTATIONS if word in places), 2):
        if ANNOTATIONS[pair[0]].sets == ANNOTATIONS[pair[1]].sets:
            one, other = sorted(pair, key=lambda word: places[word].start)
            note = Note(f"`{one}` is said here", places[one])
            message = f"`{one}` and `{other}` contradict each other"
            fail("E504", message, places[other], notes=(note,))
