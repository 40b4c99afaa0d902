"""Which entries of a file fit a network's `state_dict`, and which of the others mean the same.

Names are compared module by module: two modules may be one if their tensors have the same names and
shapes. Of several, those are paired that stand at about the same place and are named alike.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from archdsl.analyses.origins import COUNTER
from archdsl.record import Record

Shape: TypeAlias = tuple[int, ...]

MAX_PAIRS = 1_000_000  # of modules that are compared by name
_WORD = re.compile(r"[a-z]+|[0-9]+")


class Named(Record):
    """An entry: of a file whose shapes are not known, without one."""

    name: str
    shape: Shape | None

    @property
    def module(self) -> str:
        """The name of the module that has it."""
        return self.name.rpartition(".")[0]

    @property
    def tensor(self) -> str:
        """Its name in the module."""
        return self.name.rpartition(".")[2]


class Fit(Record, kw_only=True):
    """A network's entries beside those of a file."""

    fitting: int  # entries that are the same
    missing: tuple[Named, ...]  # of the network, and not in the file
    unexpected: tuple[Named, ...]  # of the file, and not in the network
    reshaped: tuple[tuple[Named, Named], ...]  # of both, in different shapes: the network's, first
    renamed: Mapping[str, str]  # from the file's name to the network's, of missing and unexpected
    uncounted: int = 0  # counters of batches that the file leaves out, as those of long ago do

    @property
    def complete(self) -> bool:
        """Whether everything fits as it is."""
        return not (self.missing or self.unexpected or self.reshaped)

    @property
    def complete_by_names(self) -> bool:
        """Whether everything fits once entries are renamed."""
        number = len(self.renamed)
        is_all = number == len(self.missing) == len(self.unexpected)
        return is_all and not self.reshaped


def fit(wanted: Sequence[Named], found: Sequence[Named]) -> Fit:
    """Return how the entries of a file fit those that a network wants."""
    held = {entry.name: entry for entry in found}
    names = {entry.name for entry in wanted}
    counts = any(entry.tensor == COUNTER for entry in found)
    absent = [entry for entry in wanted if entry.name not in held]
    missing = [entry for entry in absent if counts or entry.tensor != COUNTER]
    unexpected = [entry for entry in found if entry.name not in names]
    pairs = [(entry, held[entry.name]) for entry in wanted if entry.name in held]
    reshaped = [pair for pair in pairs if pair[1].shape not in (None, pair[0].shape)]
    return Fit(
        fitting=len(pairs) - len(reshaped),
        missing=tuple(missing),
        unexpected=tuple(unexpected),
        reshaped=tuple(reshaped),
        renamed=_renamed(missing, unexpected),
        uncounted=len(absent) - len(missing),
    )


class _Module(Record):
    """A module's entries, and where it stands among all that are compared: from 0 to 1."""

    entries: tuple[Named, ...]
    place: float
    words: Counter[str]

    def signature(self, *, shapes: bool) -> tuple[object, ...]:
        """Return what modules that may be one have in common."""
        return tuple((each.tensor, each.shape if shapes else None) for each in self.entries)


def _renamed(missing: Sequence[Named], unexpected: Sequence[Named]) -> dict[str, str]:
    """Return the pairs of entries that may be one, by the names of the unexpected."""
    shapes = all(entry.shape is not None for entry in unexpected)
    left, right = _modules(missing), _modules(unexpected)
    by_signature: dict[tuple[object, ...], tuple[list[_Module], list[_Module]]]
    by_signature = defaultdict(lambda: ([], []))
    for module in left:
        by_signature[module.signature(shapes=shapes)][0].append(module)
    for module in right:
        by_signature[module.signature(shapes=shapes)][1].append(module)
    budget = MAX_PAIRS
    found: dict[str, str] = {}
    for wanted, offered in by_signature.values():
        number = len(wanted) * len(offered)
        pairs = (
            _nearest(wanted, offered) if number <= budget else zip(wanted, offered, strict=False)
        )
        budget -= min(number, budget)
        for want, offer in pairs:
            old, new = ([each.name for each in module.entries] for module in (offer, want))
            found |= zip(old, new, strict=True)
    order = {entry.name: place for place, entry in enumerate(unexpected)}
    return dict(sorted(found.items(), key=lambda pair: order[pair[0]]))


def _modules(entries: Sequence[Named]) -> list[_Module]:
    held: dict[str, list[Named]] = {}
    for entry in entries:
        held.setdefault(entry.module, []).append(entry)
    return [
        _Module(tuple(inside), place / len(held), Counter(_WORD.findall(name.lower())))
        for place, (name, inside) in enumerate(held.items())
    ]


def _nearest(
    wanted: Sequence[_Module], offered: Sequence[_Module]
) -> Iterable[tuple[_Module, _Module]]:
    """Yield pairs, those that are most alike first; each module stands in one at most."""
    scored = sorted(
        (-_likeness(want, offer), i, j)
        for i, want in enumerate(wanted)
        for j, offer in enumerate(offered)
    )
    taken: set[int] = set()
    given: set[int] = set()
    for _, i, j in scored:
        if i not in taken and j not in given:
            taken.add(i)
            given.add(j)
            yield wanted[i], offered[j]


def _likeness(one: _Module, other: _Module) -> float:
    """Return how much two modules are alike: by the words of their names, and by their places."""
    words = one.words.total() + other.words.total()
    common = (one.words & other.words).total()
    return 2 * common / max(words, 1) - abs(one.place - other.place) / 2
