"""The family of a network: further members of its spec, which tell what hangs on which argument.

Each number and flag that the network only computes with is tried at a few other values. What the
text chooses by (a table, a list, a block, an `if`) is decided when it is compiled.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from archdsl.diagnostics import SpecError
from archdsl.ir.family import Family, Member
from archdsl.ir.network import Network
from archdsl.ir.numbers import Value, test_symbols
from archdsl.limits import MAX_WORK, PROBE_WORK
from archdsl.semantics.elaborate import elaborate
from archdsl.syntax import tree
from archdsl.syntax.files import SpecFile

NEAR = 2  # members near the compiled value of each argument, beside the smallest one


def family_of(
    network: Network,
    file: SpecFile,
    declaration: tree.NetworkDeclaration,
    arguments: Mapping[str, tree.Argument],
) -> Family:
    """Return the network with further members, as many as PROBE_WORK allows.

    An argument of which there is no member was not tried, or is right at one value only.
    """
    decided = frozenset[str]().union(*map(test_symbols, network.decided))
    tried = [(n, v) for n, v in network.values if n not in network.hangs | decided]
    trial = _Trial(file, declaration, arguments)
    found: list[Member] = []
    changes: dict[str, tree.Argument] = {}
    for name, value in tried:
        members = [*trial.near(name, value), *trial.smallest(name, value)]
        if members:
            changes[name] = members[0][0]
            found += (Member(other, frozenset((name,))) for _, other in members)
    if len(changes) > 1:
        together = trial.member(changes)
        if together is not None:
            found.append(Member(together, frozenset(changes)))
    return Family(network, tuple(found))


class _Trial:
    """Builds members, until that becomes too much work."""

    def __init__(
        self,
        file: SpecFile,
        declaration: tree.NetworkDeclaration,
        arguments: Mapping[str, tree.Argument],
    ) -> None:
        self.file = file
        self.declaration = declaration
        self.arguments = arguments
        self.left = PROBE_WORK

    def near(self, name: str, value: Value | bool) -> list[tuple[tree.Argument, Network]]:
        """Return the first members that are legal at other values of an argument."""
        return self._first(name, list(_near(value)), NEAR)

    def smallest(self, name: str, value: Value | bool) -> list[tuple[tree.Argument, Network]]:
        """Return the member at the smallest number that is legal: there blocks degenerate."""
        if isinstance(value, bool) or not isinstance(value, int):
            return []
        return self._first(name, [Fraction(n) for n in range(1, min(SMALL, value))], 1)

    def _first(
        self, name: str, values: list[Fraction | bool], most: int
    ) -> list[tuple[tree.Argument, Network]]:
        found: list[tuple[tree.Argument, Network]] = []
        for value in values:
            argument = tree.Argument(None, _literal(value, self.declaration))
            network = self.member({name: argument})
            if network is not None:
                found.append((argument, network))
            if len(found) == most or self.left <= 0:
                break
        return found

    def member(self, changes: Mapping[str, tree.Argument]) -> Network | None:
        """Return the network with these arguments changed, None where it is not legal."""
        work = self.file.work
        done, work.done = work.done, MAX_WORK - self.left
        try:
            given = {**self.arguments, **changes}
            return elaborate(self.file, self.declaration, given, sizes=False).network
        except SpecError:
            return None
        finally:
            self.left -= work.done - (MAX_WORK - self.left)
            work.done = done


SMALL = 16  # arguments below are tried as the smallest


def _near(value: Value | bool) -> Iterator[Fraction | bool]:
    """Yield other values, the likeliest to be legal first."""
    if isinstance(value, bool):
        yield not value
        return
    if isinstance(value, int):
        for step in (1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24):
            yield Fraction(value + step)
        yield Fraction(2 * value)
        yield Fraction(value, 2)
    yield Fraction(value) / 2 + Fraction(1, 4)
    yield Fraction(value) + Fraction(1, 4)
    yield Fraction(value) * 2


def _literal(value: Fraction | bool, declaration: tree.NetworkDeclaration) -> tree.Expression:
    span = declaration.name.span
    if isinstance(value, bool):
        return tree.BooleanLiteral(value, span)
    return tree.NumberLiteral(value, value.denominator == 1, span)
