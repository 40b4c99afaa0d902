"""Rows -> the modules that an `__init__` registers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

from archdsl.emit.body.layers import DROP_RATE, Schemes, constructor
from archdsl.emit.body.numbers import Scope, Written
from archdsl.emit.body.presence import presence
from archdsl.emit.body.rows import (
    CallRow,
    Column,
    JoinRow,
    LayerRow,
    Members,
    PartRow,
    Row,
    Run,
    StageRow,
)
from archdsl.emit.body.runs import loop_over, normal_form
from archdsl.emit.body.signature import Given, Signature, construct, rate_of, takes_rate
from archdsl.emit.body.uses import Uses
from archdsl.emit.classes.instances import Instance, given, minus
from archdsl.emit.python.nodes import (
    Assign,
    Call,
    Comment,
    Comprehension,
    Conditional,
    Evaluate,
    If,
    Keyword,
    Python,
    Sequence as Items,
    Star,
    Statement,
    Text,
)
from archdsl.ir.layers import ChannelSplit, Dropout, Flatten, StochasticDepth, tensors
from archdsl.ir.network import Block, LayerNode, Part, SharedWeight, Stage
from archdsl.ir.numbers import Number, Test, negated
from archdsl.record import Record


class Callees(Record):
    """What may be constructed: the names and signatures of classes, by instances."""

    names: Mapping[int, str]
    signatures: Mapping[int, Signature]
    schemes: Schemes


class Construction:
    """Writes the statements of an `__init__`."""

    def __init__(
        self, instances: Sequence[Instance], scope: Scope, uses: Uses, callees: Callees
    ) -> None:
        self.instances = instances
        self.scope = scope
        self.uses = uses
        self.callees = callees
        self.statements: list[Statement] = []
        self.registered: set[str] = set()
        self.lists = 0

    # ------------------------------------------------------------ attributes

    def owned(self) -> None:
        """Register the shared weights of one's own."""
        for index, shared in enumerate(self.instances[0].node.owned):
            column = tuple(_user(instance, index) for instance in self.instances)
            value = constructor(column, self.scope, self.callees.schemes)
            self.statements.append(Assign(f"self.{shared.name}", value))

    def blocks(self, members: Members) -> None:
        """Register the members of a stage that is a class."""
        elements = self._members(members, ())
        self.statements.append(Assign("self.blocks", Call("nn.ModuleList", _listed(elements))))

    def rows(self, rows: Sequence[Row]) -> None:
        """Register what rows have."""
        index = 0
        while index < len(rows):
            when = rows[index].stand.when
            end = index + 1
            if when:
                while end < len(rows) and rows[end].stand.when[:1] in (
                    (when[0],),
                    (negated(when[0]),),
                ):
                    end += 1
                self._choice(when[0], rows[index:end])
            else:
                self._row(rows[index])
            index = end

    def _choice(self, test: Test, rows: Sequence[Row]) -> None:
        outer, registered = self.statements, self.registered
        bodies: list[tuple[Statement, ...]] = []
        for side in (test, negated(test)):
            self.statements, self.registered = [], set(registered)
            self.rows([below(row) for row in rows if row.stand.when[0] == side])
            bodies.append(tuple(self.statements))
        self.statements, self.registered = outer, registered
        self.registered |= {row.name for row in rows if not isinstance(row, JoinRow)}
        self.statements += chosen(self._test(test), self._test(negated(test)), *bodies)

    def _test(self, test: Test) -> str:
        """Return a test as Python, by its attribute if there is one."""
        if test in self.uses.flags:
            return f"self.{self.uses.flags[test]}"
        if negated(test) in self.uses.flags:
            return f"not self.{self.uses.flags[negated(test)]}"
        return self.scope.test(test)

    def _row(self, row: Row) -> None:
        match row:
            case JoinRow():
                pass
            case LayerRow(name=name) if name in self.registered:
                pass  # one module for all layers that keep nothing
            case LayerRow():
                self._layer(row)
            case PartRow(rows=()):
                pass  # forward does without it
            case PartRow(name=name, column=column) | CallRow(name=name, column=column):
                value = self.module(row)
                if None in column and not row.stand.when and _is_shortcut(row):
                    value = self._sometimes(row, value)
                self._register(name, value)
            case StageRow(name=name):
                self._register(name, self.module(row))
            case _:
                assert_never(row)

    def _register(self, name: str, value: Python) -> None:
        self.registered.add(name)
        self.statements.append(Assign(f"self.{name}", value))

    def _layer(self, row: LayerRow) -> None:
        layer = next(node.layer for node in row.column if node is not None)
        if isinstance(layer, Flatten | ChannelSplit):
            return  # forward calls functions
        there = [node for node in row.column if node is not None]
        own = tuple(n if n is None or n.shared is None else None for n in row.column)
        if all(node.shared is not None for node in there):
            return
        value = constructor(own, self.scope, self.callees.schemes, inplace=row.inplace)
        if any(node.shared is not None for node in there):
            flags = [node is not None for node in own]
            out = _exprs(own, "out_channels") or _exprs(own, "out_features")
            test = presence(self.scope, self.instances, flags, out, f"has_{row.name}")
            borrowed = self.uses.borrowed(row)
            assert borrowed is not None
            if not borrowed.always:  # forward knows by what it is handed
                self.registered.add(row.name)
                self.statements.append(If(test, (Assign(f"self.{row.name}", value),)))
                return
            self.statements.append(
                Comment("None: this block uses the shared layer that forward is given.")
            )
            value = Conditional(value, test, Text("None"))
        self._register(row.name, value)

    def _sometimes(self, row: PartRow | CallRow, value: Python) -> Python:
        """Return a shortcut that instances have where they change the shape."""
        flags = [node is not None for node in row.column]
        out = _outputs(row, self.instances)
        test = presence(self.scope, self.instances, flags, out, f"has_{row.name}")
        handed = isinstance(row, CallRow) and self.uses.handed_to(row)
        is_none = handed or _after_preactivation(row)
        absent = Text("None") if is_none else Call("nn.Identity")
        return Conditional(value, test, absent)

    # ------------------------------------------------------------ modules

    def module(self, row: Row) -> Python:
        """Return the expression that makes the module of a row."""
        match row:
            case LayerRow(column=column, inplace=inplace):
                return constructor(column, self.scope, self.callees.schemes, inplace=inplace)
            case PartRow():
                return self._sequential(row)
            case StageRow(stand=stand, members=members):
                return Call("nn.Sequential", tuple(self._members(members, stand.place)))
            case CallRow(stand=stand, column=column):
                return self._constructed([(instance, stand.place) for instance in column])
            case JoinRow():
                raise AssertionError("a join is no module")
            case _:
                assert_never(row)

    def _sequential(self, row: PartRow) -> Python:
        rows = _needed(row.rows, self.scope)
        part = next(part for part in row.column if part is not None)
        if not rows:
            return Call("nn.Identity")
        if any(inner.stand.when for inner in rows):
            return self._list(rows)
        values = tuple(self._member(inner) for inner in rows)
        names = [_name(inner) for inner in rows]
        if not all(map(str.isdigit, names)):
            pairs = (Keyword(name, value) for name, value in zip(names, values, strict=True))
            return Call("nn.Sequential", (Call("OrderedDict", tuple(pairs)),))
        if len(values) == 1 and part.label is None and not _keeps(rows[0]):
            return values[0]
        return Call("nn.Sequential", values)

    def _member(self, row: Row) -> Python:
        if isinstance(row, LayerRow) and _is_idle(row, self.scope):
            return Call("nn.Identity")  # it keeps its place in the order
        return self.module(row)

    def _list(self, rows: Sequence[Row]) -> Python:
        """Return an nn.Sequential of a list that statements before it make."""
        self.lists += 1
        name = "layers" if self.lists == 1 else f"layers{self.lists}"
        by_name = not all(_name(row).isdigit() for row in rows)
        start = Call("OrderedDict[str, nn.Module]") if by_name else Items(())
        annotated = name if by_name else f"{name}: list[nn.Module]"
        self.statements.append(Assign(annotated, start))
        self.statements += self._appended(name, rows, by_name=by_name)
        return Call("nn.Sequential", (Text(name) if by_name else Star(Text(name)),))

    def _appended(self, name: str, rows: Sequence[Row], *, by_name: bool) -> list[Statement]:
        found: list[Statement] = []
        index = 0
        while index < len(rows):
            when, end = rows[index].stand.when[:1], index + 1
            opposite = tuple(negated(test) for test in when)
            while end < len(rows) and rows[end].stand.when[:1] in (when, opposite):
                end += 1
            group = rows[index:end]
            if when:
                sides = [
                    tuple(
                        self._appended(
                            name,
                            [below(r) for r in group if r.stand.when[:1] == side],
                            by_name=by_name,
                        )
                    )
                    for side in (when, opposite)
                ]
                found += chosen(self._test(when[0]), self._test(opposite[0]), *sides)
            elif by_name:
                found += (Assign(f'{name}["{_name(r)}"]', self._member(r)) for r in group)
            else:
                found.append(_extended(name, [self._member(r) for r in group]))
            index = end
        return found

    # ------------------------------------------------------------ blocks

    def _constructed(
        self, column: Sequence[tuple[Instance | None, tuple[tuple[int, ...], ...]]], index: str = ""
    ) -> Call:
        """Return the construction of instances of one class, each in one of ours."""
        there = next(instance for instance, _ in column if instance is not None)
        cells: list[Given | None] = []
        for owner, (instance, place) in zip(self.instances, column, strict=True):
            numbers = None if instance is None else given(owner, instance, place)
            cell = None if instance is None or numbers is None else Given(
                instance=instance, numbers=numbers
            )
            cells.append(cell)
        rate = self._rate([instance for instance, _ in column], index)
        name = self.callees.names[there.number]
        signature = self.callees.signatures[there.number]
        return construct(name, signature, cells, self.scope, rate)

    def _rate(self, column: Sequence[Instance | None], index: str) -> Python | None:
        if any(i is not None and isinstance(i.node, Part) and takes_rate(i) for i in column):
            return Text(DROP_RATE)  # it stands in the text of a block that is given one
        dropped = [
            (i, i.node.drop)
            if i is not None and isinstance(i.node, Block) and i.node.drop and takes_rate(i)
            else None
            for i in column
        ]
        return rate_of(dropped, self.scope, index) if any(dropped) else None

    def _members(self, members: Members, place: tuple[tuple[int, ...], ...]) -> list[Python]:
        found: list[Python] = []
        for member in members:
            found += self._run(member, place) if isinstance(member, Run) else [self.module(member)]
        return found

    def _run(self, run: Run, place: tuple[tuple[int, ...], ...]) -> list[Python]:
        """Return the blocks of a run: equal ones, and those that differ evenly, as loops."""
        repeats = [self._repeats(instance, place) for instance in self.instances]
        whole = loop_over(run, self.instances, repeats, place, self._even)
        if whole is not None:
            return [whole]
        heads, tail = normal_form(run)
        found: list[Python] = []
        for head in heads:
            found.append(self._constructed(_placed(head, place)))
        if tail is not None:
            found += self._tail(tail, repeats, len(heads), place)
        return found

    def _repeats(self, owner: Instance, place: tuple[tuple[int, ...], ...]) -> Number | None:
        from archdsl.emit.classes.instances import num_blocks
        from archdsl.ir.numbers import Symbol

        if isinstance(owner.node, Stage) and not place:
            if owner.origin.kind == "run" and owner.node.repeats is not None:
                inner = {k: v for k, v in owner.values.items() if not k.startswith("num_blocks")}
                return Number(owner.node.repeats.value, Symbol(num_blocks(inner)))
            return owner.node.repeats
        node = stage_at(owner, place)
        return None if node is None else node.repeats

    def _tail(
        self,
        tail: Sequence[tuple[Instance, tuple[int, ...], int] | None],
        repeats: Sequence[Number | None],
        before: int,
        place: tuple[tuple[int, ...], ...],
    ) -> list[Python]:
        """Return the equal blocks at the end of a run."""
        counts = tuple(_count(cell, r, before) for cell, r in zip(tail, repeats, strict=True))
        count = self.scope.number(counts, "num_blocks")
        cells = [(None, ()) if c is None else (c[0], (*place, c[1])) for c in tail]
        if count == Text("0"):
            return []
        if count == Text("1"):
            return [self._constructed(cells)]
        rated = [i.node.drop for i, _ in cells if i is not None and isinstance(i.node, Block)]
        if not any(rated) or not any(i is not None and takes_rate(i) for i, _ in cells):
            loop = Call("range", (count,))
            return [_star(self._constructed(cells), "_", loop)]
        bounds = tuple(self.scope.number(_bound(tail, end=end), "start") for end in (False, True))
        return [_star(self._constructed(cells, "i"), "i", Call("range", bounds))]

    def _even(
        self, cells: Sequence[tuple[Instance | None, tuple[tuple[int, ...], ...]]],
        steps: Mapping[str, Sequence[int | None]],
        counts: Sequence[Written | None],
    ) -> Python | None:
        """Return a loop over blocks whose numbers grow by equal steps."""
        first = self._constructed(cells)
        there = next(instance for instance, _ in cells if instance is not None)
        by_name = {p.symbol: p for p in self.callees.signatures[there.number].parameters}
        arguments = list(first.arguments)
        for symbol, column in steps.items():
            if symbol not in by_name:
                return None
            slot = tuple(None if step is None else Written(step) for step in column)
            step = self.scope.text(slot)
            place = next(
                (n for n, a in enumerate(arguments) if _is_argument(a, by_name[symbol].name, n, first)),
                None,
            )
            if step is None or place is None:
                return None
            arguments[place] = _grown(arguments[place], step)
        count = self.scope.number(counts, "num_blocks")
        return _star(Call(first.function, tuple(arguments)), "i", Call("range", (count,)))


def _is_argument(argument: Python, name: str, index: int, call: Call) -> bool:
    if isinstance(argument, Keyword):
        return argument.name == name
    return name == "in_channels" and index == 0 and not isinstance(call.arguments[0], Keyword)


def _grown(argument: Python, step: str) -> Python:
    if isinstance(argument, Keyword):
        return Keyword(argument.name, _grown(argument.value, step))
    assert isinstance(argument, Text)
    sign = "-" if step.startswith("-") else "+"
    size = step.removeprefix("-")
    factor = "i" if size == "1" else f"{size if size.isidentifier() or size.isdigit() else f'({size})'} * i"
    return Text(f"{argument.text} {sign} {factor}")


def _placed(
    head: Sequence[tuple[Instance, tuple[int, ...], int] | None],
    place: tuple[tuple[int, ...], ...],
) -> list[tuple[Instance | None, tuple[tuple[int, ...], ...]]]:
    return [(None, ()) if cell is None else (cell[0], (*place, cell[1])) for cell in head]


def _count(
    cell: tuple[Instance, tuple[int, ...], int] | None, repeats: Number | None, before: int
) -> Written:
    count = 0 if cell is None else cell[2]
    if repeats is not None and repeats.value == count + before:
        return Written(count, minus(repeats, before).expr)
    return Written(count)


def _bound(
    tail: Sequence[tuple[Instance, tuple[int, ...], int] | None], *, end: bool
) -> tuple[Written | None, ...]:
    found: list[Written | None] = []
    for cell in tail:
        drop = cell[0].node.drop if cell is not None and isinstance(cell[0].node, Block) else None
        if cell is None or drop is None:
            found.append(None)
        else:
            (index,) = cell[1]
            first = drop.first
            found.append(Written(first + (cell[2] if end else 0)))
    return tuple(found)


def stage_at(owner: Instance, place: tuple[tuple[int, ...], ...]) -> Stage | None:
    """Return the stage at a place in the text of an instance."""
    node: object = owner.node
    for site in place:
        steps = (*getattr(node, "body", ()), *getattr(node, "items", ()))
        node = next((step.node for step in steps if step.site == site), None)
    return node if isinstance(node, Stage) else None


def _star(element: Python, target: str, iterable: Python) -> Star:
    return Star(Comprehension(element, target, iterable))


def _listed(elements: list[Python]) -> tuple[Python, ...]:
    """Return the elements as a list, a single loop as a list comprehension."""
    match elements:
        case [Star(Comprehension(element, target, iterable))]:
            return (Comprehension(element, target, iterable, is_list=True),)
        case _:
            return (Items(tuple(elements)),)


def _extended(name: str, values: Sequence[Python]) -> Statement:
    if len(values) == 1:
        return Evaluate(Call(f"{name}.append", tuple(values)))
    return Assign(name, Items(tuple(values)), operator="+=")


def chosen(
    test: str, opposite: str, then: tuple[Statement, ...], other: tuple[Statement, ...]
) -> list[Statement]:
    """Return statements under a test and under its opposite."""
    match then, other:
        case _ if then == other:
            return list(then)
        case (), _:
            return [If(opposite, other)]
        case (Assign(target, a),), (Assign(same, b),) if target == same:
            return [Assign(target, Conditional(a, test, b))]
        case _:
            return [If(test, then, other)]


def below(row: Row) -> Row:
    """Return the row as it stands under its first test."""
    from archdsl.ir.rebuild import replace

    return replace(row, stand=replace(row.stand, when=row.stand.when[1:]))


# ---------------------------------------------------------------- what rows are


def _needed(rows: Sequence[Row], scope: Scope) -> list[Row]:
    """Return the rows of an nn.Sequential without what does nothing, where no key depends on it."""
    kept = list(rows)
    while kept and isinstance(kept[-1], LayerRow) and _is_idle(kept[-1], scope):
        kept.pop()
    return kept or list(rows)


def _is_idle(row: LayerRow, scope: Scope) -> bool:
    """Whether a layer drops nothing, whatever the arguments."""
    layers = [node.layer for node in row.column if node is not None]
    if not all(isinstance(layer, Dropout | StochasticDepth) and layer.p == 0 for layer in layers):
        return False
    return constructor(row.column, scope, {}).arguments == (Text("0.0"),)


def _keeps(row: Row) -> bool:
    """Whether a row has entries in `state_dict`, or a name of its own."""
    if not isinstance(row, LayerRow):
        return True
    return any(
        node is not None and (node.label is not None or tensors(node.layer)) for node in row.column
    )


def _name(row: Row) -> str:
    return "" if isinstance(row, JoinRow) else row.name


def _is_shortcut(row: PartRow | CallRow) -> bool:
    from archdsl.emit.body.forward import is_shortcut

    return is_shortcut(row)


def _after_preactivation(row: PartRow | CallRow) -> bool:
    return any(takes is not None and takes[0] for takes in row.stand.takes)


def _exprs(column: Column[LayerNode], field: str) -> list[object]:
    written = (w for node in column if node is not None for w in node.written)
    return list(dict.fromkeys(w.exprs[0] for w in written if w.field == field))


def _outputs(row: PartRow | CallRow, instances: Sequence[Instance]) -> list[object]:
    """Return how the channels that leave a shortcut are written, by its layers."""
    found: dict[object, None] = {}
    for cell in row.column:
        part = cell if isinstance(cell, Part) else getattr(cell, "node", None)
        found |= dict.fromkeys(_last_exprs(part))
    for instance in instances:
        if isinstance(instance.node, Block):
            found |= {instance.node.makes.expr: None}
    return list(found)


def _last_exprs(part: object) -> Iterable[object]:
    for step in reversed(getattr(part, "body", ())):
        if isinstance(step.node, LayerNode):
            for written in step.node.written:
                if written.field in ("out_channels", "num_features"):
                    yield written.exprs[0]
        elif isinstance(step.node, Block):
            yield step.node.out_channels.expr


def _user(instance: Instance, index: int) -> LayerNode:
    """Return a layer that uses a weight of an instance's own, with its numbers as written."""
    shared = instance.node.owned[index]
    waiting: list[object] = [instance.node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, LayerNode):
            if node.shared == SharedWeight(shared.id) and node.layer == shared.layer:
                return node
        waiting += [step.node for step in reversed(getattr(node, "body", ()))]
        waiting += [item.node for item in reversed(getattr(node, "items", ()))]
    given = instance.node.input
    return LayerNode(
        kind="", label=None, layer=shared.layer, input=given, output=given, span=shared.span
    )
