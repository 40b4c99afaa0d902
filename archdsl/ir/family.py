"""Family: a network beside others of its spec, which tell what hangs on which argument."""

from collections.abc import Callable
from typing import TypeAlias

from archdsl.ir.network import Network
from archdsl.record import Record

Joining: TypeAlias = Callable[[frozenset[str]], Network | None]
"""Builds the network with each of these arguments changed, None where that is not legal."""


class Member(Record):
    """The network at further arguments, and the names of those that were changed."""

    network: Network
    changed: frozenset[str]


class Family(Record):
    """A compiled network, members that differ in one argument, and one that differs in them all.

    Of a network that grows, `phases` are those before the last one.
    """

    network: Network
    singles: tuple[Member, ...] = ()
    join: Joining = lambda _: None
    joint: Member | None = None
    phases: tuple[Member, ...] = ()

    @property
    def others(self) -> tuple[Member, ...]:
        """The members beside the compiled one."""
        joint = () if self.joint is None else (self.joint,)
        return (*self.singles, *joint, *self.phases)

    @property
    def networks(self) -> tuple[Network, ...]:
        """All members, the compiled one first."""
        return (self.network, *(member.network for member in self.others))

    @property
    def grown(self) -> frozenset[str]:
        """The arguments that differ from phase to phase."""
        return frozenset(self.network.phases.names if self.network.phases else ())

    @property
    def changed(self) -> frozenset[str]:
        """The arguments that differ in some member."""
        return self.grown.union(*(member.changed for member in self.singles))

    def without(self, names: frozenset[str]) -> "Family":
        """Return the family without the members in which any of these arguments differs.

        The others are changed together anew: each may be right alone, and two of them wrong. All
        phases stay.
        """
        kept = tuple(member for member in self.singles if not member.changed & names)
        return family(self.network, kept, self.join, self.phases)


def family(
    network: Network,
    singles: tuple[Member, ...],
    join: Joining,
    phases: tuple[Member, ...] = (),
) -> Family:
    """Return a family with the member in which all that differs somewhere is changed."""
    changed = frozenset[str]().union(*(member.changed for member in singles))
    together = join(changed) if len(changed) > 1 else None
    joint = None if together is None else Member(together, changed)
    return Family(network, singles, join, joint, phases)
