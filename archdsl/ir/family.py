"""Family: a network beside others of its spec, which tell what hangs on which argument."""

from archdsl.ir.network import Network
from archdsl.record import Record


class Member(Record):
    """The network at further arguments, and the names of those that were changed."""

    network: Network
    changed: frozenset[str]


class Family(Record):
    """A compiled network, and members that were tried beside it."""

    network: Network
    others: tuple[Member, ...] = ()

    @property
    def networks(self) -> tuple[Network, ...]:
        """All members, the compiled one first."""
        return (self.network, *(member.network for member in self.others))

    @property
    def changed(self) -> frozenset[str]:
        """The arguments that differ in some member."""
        return frozenset[str]().union(*(member.changed for member in self.others))

    def without(self, names: frozenset[str]) -> "Family":
        """Return the family without the members in which any of these arguments differs."""
        kept = (member for member in self.others if not member.changed & names)
        return Family(self.network, tuple(kept))
