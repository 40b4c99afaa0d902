"""What flows while the statements of a forward are written: expressions, then variables."""

import re
from collections.abc import Mapping, Sequence

from archdsl.emit.classes.instances import StepPath
from archdsl.emit.python.names import Names
from archdsl.emit.python.nodes import Assign, Python, Statement, Text
from archdsl.emit.python.printer import flat
from archdsl.ir.network import MAIN, Map
from archdsl.ir.rebuild import replace
from archdsl.record import Record


class Held(Record):
    """What flows under the name of a map: an expression, or the variable that holds it."""

    value: Python
    name: str | None = None  # of the variable that it is assigned to; None: a new one
    place: StepPath = ()  # of the step that made it
    is_closed: bool = False  # it comes from a part or block: the next call begins a line
    was_pad: bool = False

    @property
    def is_assigned(self) -> bool:
        """Whether the value is a variable."""
        return isinstance(self.value, Text)


class Variables:
    """The maps of a body, and the statements so far; `shapes` are comments by places of steps.

    `given` are the variables of maps that the forward is handed; what flows at first is in a
    variable that `begins`, and flows on in one called `flows`.
    """

    def __init__(
        self,
        names: Names,
        shapes: Mapping[StepPath, str],
        given: Mapping[Map, str],
        begins: str,
        flows: str,
    ) -> None:
        self.names = names
        self.statements: list[Statement] = []
        self._held: dict[Map, Held] = {MAIN: Held(Text(begins), flows)}
        self._held |= {map_: Held(Text(name), name) for map_, name in given.items()}
        self._shapes = shapes
        self._shape = ""  # the last that was said

    def __contains__(self, map_: Map) -> bool:
        return map_ in self._held

    def __getitem__(self, map_: Map) -> Held:
        return self._held[map_]

    def give(self, map_: Map, held: Held) -> None:
        """Let this flow under a map from here on."""
        self._held[map_] = held

    def others(self, map_: Map) -> tuple[Map, ...]:
        """Return the other maps that flow."""
        return tuple(other for other in self._held if other != map_)

    def forget(self, maps: Sequence[Map]) -> None:
        """Drop maps that nobody reads again."""
        for map_ in maps:
            self._held.pop(map_, None)

    def assign(self, map_: Map) -> Held:
        """Assign what flows to its variable, if it is not in one; return what flows then."""
        held = self._held[map_]
        if held.is_assigned:
            return held
        name = held.name or self.names.unique("out")
        for other in self.others(map_):
            if not self._held[other].is_assigned and names_it(name, self._held[other].value):
                self.assign(other)  # what it names is about to change
        comment = self._shapes.get(held.place, "")
        self.statements.append(Assign(name, held.value, comment if comment != self._shape else ""))
        self._shape = comment or self._shape
        self._held[map_] = replace(held, value=Text(name), name=name, is_closed=False)
        return self._held[map_]

    def assign_several(self, map_: Map, names: Mapping[Map, str]) -> None:
        """Assign what flows, a call that gives several maps; the others go to these variables."""
        self.assign(map_)
        statement = self.statements.pop()
        assert isinstance(statement, Assign)
        target = ", ".join((statement.target, *names.values()))
        self.statements.append(Assign(target, statement.value, statement.comment))
        self._held |= {other: Held(Text(name), name) for other, name in names.items()}

    def assign_to(self, map_: Map, name: str) -> None:
        """Assign what flows to this variable, if it is not in it."""
        if self._held[map_].value != Text(name):
            self.statements.append(Assign(name, self._held[map_].value))
            self._held[map_] = Held(Text(name), name)

    def branch(self) -> "Variables":
        """Return the same variables before the statements of one side of a condition."""
        side = Variables(self.names, self._shapes, {}, "x", "x")
        side._held, side._shape = dict(self._held), self._shape
        return side


def names_it(name: str, *values: Python) -> bool:
    """Whether the text of values names a variable."""
    pattern = re.compile(rf"\b{name}\b")
    return any(pattern.search(flat(value)) for value in values)
