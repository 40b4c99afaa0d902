"""The family of a network: further members of its spec, which tell what hangs on which argument.

Each number and flag that the network only computes with is tried at a few other values. What the
text chooses by (a table, a list, a block, an `if`) is decided when it is compiled.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from archdsl.diagnostics import SpecError
from archdsl.ir.family import Family, Member, family
from archdsl.ir.network import Network
from archdsl.ir.numbers import Value, symbols, test_symbols
from archdsl.limits import MAX_WORK, PROBE_WORK
from archdsl.semantics.coincidences import coincidences
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
    phases = tuple(_phases(network, file, declaration, arguments))
    if file.work.done > PROBE_WORK:  # not even one more would be built in time
        return Family(network, phases=phases)
    decided = network.hangs.union(*(test_symbols(asked.test) for asked in network.decided))
    if network.phases is not None:
        decided |= frozenset(network.phases.names)  # they are what they are in the phases
    for let in reversed(network.lets):
        if let.name in decided:
            decided |= symbols(let.number.expr)
    tried = [(n, v) for n, v in network.values if n not in decided]
    held = {
        n: tree.Argument(None, _literal(_exact(v), declaration))
        for n, v in network.values
        if n in decided and not _grows(network, n)  # be its default a formula over what is tried
    }
    trial = _Trial(network, file, declaration, {**held, **arguments})
    near = {name: iter(_near(value)) for name, value in tried}
    small = {name: iter(_smallest(value)) for name, value in tried}
    found: list[Member] = []
    changes: dict[str, tree.Argument] = {}
    for values in (near, small, *[near] * (NEAR - 1)):  # each argument once before any twice
        for name, _ in tried:
            member = trial.first(name, values[name])
            if member is not None:
                changes.setdefault(name, member[0])
                found.append(Member(member[1], frozenset((name,))))
    trial.left = PROBE_WORK
    for name, value in tried:
        if not isinstance(value, bool):
            found = _where_weights_coincide(name, [(value, network)], found, trial)

    def join(names: frozenset[str]) -> Network | None:
        trial.left = 2 * PROBE_WORK  # it may be somewhat larger than the compiled one
        return trial.member({name: changes[name] for name in sorted(names)})

    return family(network, tuple(found), join, phases)


def _grows(network: Network, name: str) -> bool:
    return network.phases is not None and name in network.phases.names


def _phases(
    network: Network,
    file: SpecFile,
    declaration: tree.NetworkDeclaration,
    arguments: Mapping[str, tree.Argument],
) -> Iterator[Member]:
    """Yield the phases before the last one."""
    if network.phases is None:
        return
    names = network.phases.names
    for values in network.phases.values[:-1]:
        given = {
            name: tree.Argument(None, _literal(Fraction(value), declaration))
            for name, value in zip(names, values, strict=True)
        }
        found = elaborate(file, declaration, {**arguments, **given}, sizes=False, is_phase=True)
        yield Member(found.network, frozenset(names))


def _where_weights_coincide(
    name: str, compiled: list[tuple[Value, Network]], found: list[Member], trial: "_Trial"
) -> list[Member]:
    """Return the members, and those at which an argument makes two shared weights one.

    Where that cannot be told, those in which it differs are left out.
    """
    alone = [member.network for member in found if member.changed == frozenset((name,))]
    if not alone:
        return found
    roots = coincidences([*compiled, *((_value(network, name), network) for network in alone)])
    members = [trial.first(name, iter((root,))) for root in roots or ()]
    if roots is None or (roots and trial.left <= 0):
        return [member for member in found if name not in member.changed]
    return found + [Member(m[1], frozenset((name,))) for m in members if m is not None]


class _Trial:
    """Builds members, until that becomes too much work."""

    def __init__(
        self,
        network: Network,
        file: SpecFile,
        declaration: tree.NetworkDeclaration,
        arguments: Mapping[str, tree.Argument],
    ) -> None:
        self.requires = frozenset(network.requires)
        self.file = file
        self.declaration = declaration
        self.arguments = arguments
        self.left = PROBE_WORK

    def first(
        self, name: str, values: Iterator[Fraction | bool]
    ) -> tuple[tree.Argument, Network] | None:
        """Return the first member that is legal at one of these values of an argument."""
        for value in values:
            argument = tree.Argument(None, _literal(value, self.declaration))
            network = self.member({name: argument})
            if network is not None:
                return argument, network
        return None

    def member(self, changes: Mapping[str, tree.Argument]) -> Network | None:
        """Return the network with these arguments changed, None where it is not legal.

        What the compiled network requires its class will check, so a member keeps to it.
        """
        if self.left <= 0:
            return None
        work = self.file.work
        done, work.done = work.done, MAX_WORK - self.left
        try:
            given = {**self.arguments, **changes}
            built = elaborate(self.file, self.declaration, given, sizes=False).network
            return built if self.requires <= frozenset(built.requires) else None
        except SpecError:
            return None
        finally:
            self.left = MAX_WORK - work.done
            work.done = done


def _smallest(value: Value | bool) -> Iterator[Fraction | bool]:
    """Yield the smallest numbers: there blocks degenerate."""
    if isinstance(value, int) and not isinstance(value, bool):
        yield from (Fraction(n) for n in range(1, min(SMALL, value)))


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


def _value(network: Network, name: str) -> Value:
    value = dict(network.values)[name]
    assert not isinstance(value, bool)
    return value


def _exact(value: Value | bool) -> Fraction | bool:
    return value if isinstance(value, bool) else Fraction(value)


def _literal(value: Fraction | bool, declaration: tree.NetworkDeclaration) -> tree.Expression:
    span = declaration.name.span
    if isinstance(value, bool):
        return tree.BooleanLiteral(value, span)
    return tree.NumberLiteral(value, value.denominator == 1, span)
