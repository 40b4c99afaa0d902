"""The numbers of a class: for each place of its text an expression that is right in all instances.

In this order: what the spec wrote, if Python's arithmetic gives the right value in each instance;
the number itself, if it is the same in all; a parameter that has these values; a new parameter, or
in a network, whose parameters are the spec's, a word about which members it is wrong in.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from archdsl.emit.expressions.arithmetic import Plain, Words, whole_test
from archdsl.emit.expressions.collecting import collected
from archdsl.emit.expressions.simplifying import Simplifier, Values
from archdsl.emit.expressions.slots import (
    Slot,
    WrittenNumber,
    agree,
    is_number,
    plain_number,
    result_of,
)
from archdsl.emit.python.names import Names
from archdsl.emit.python.nodes import Assign, Python, Text
from archdsl.emit.python.printer import constant
from archdsl.ir.numbers import (
    Expr,
    Flag,
    Literal,
    Symbol,
    Test,
    Truth,
    symbols,
    test_symbols,
)
from archdsl.ir.substitution import substitute, substitute_test
from archdsl.record import Record

PHASE = "phase"  # what a growing network calls the number of its phase
LONGEST = 60  # a longer expression is not repeated in generated code


class Added(Record):
    """A parameter that the spec does not have: a value for each instance."""

    name: str
    values: tuple[Plain, ...]


class ClassScope:
    """What the text of one class may name, and which of it it does name.

    `values` are the symbols' in each instance, `lets` how some of them are written, `opened` the
    symbols that may be parameters: the text does nothing else with them than computing. Of those
    some are `floats`; `aliases` are symbols that another one says. With `adds` a number that cannot
    be said becomes a new parameter. `phases` are the instances that a growing network is, one after
    the other: there such a number is looked up.
    """

    def __init__(
        self,
        values: Sequence[Values],
        lets: Sequence[Mapping[str, Expr]],
        opened: frozenset[str],
        names: Names,
        *,
        aliases: Mapping[str, str],
        tests: Sequence[Test],
        floats: AbstractSet[str],
        adds: bool,
        phases: Sequence[int] = (),
    ) -> None:
        self.facts = Simplifier(values, lets, opened, aliases)
        self.opened = self.facts.open
        self._names = names
        self._adds = adds
        self._phases = phases
        self._printed: dict[str, str] = {}
        self._locals: list[Assign] = []
        self._looked_up: dict[str, str] = {}  # locals by their values, phase by phase
        self.floats = set(floats)  # symbols that are rates, even where their values are whole
        self.used: list[str] = []  # symbols that are parameters
        self.added: list[Added] = []
        self._tests = tests  # of the `if`s in its text
        self.unsaid: set[int] = set()  # instances in which some number is wrong

    # ------------------------------------------------------------ numbers

    def number(self, slot: Slot, hint: str) -> Python:
        """Return a number as an expression that is right in every instance."""
        return Text(self._written(slot) or self._uniform(slot) or self._other(slot, hint))

    def text(self, slot: Slot) -> str | None:
        """Return a number as an expression, if it has one without a new parameter."""
        return self._written(slot) or self._uniform(slot) or self._equal(slot)

    def mention(self, slot: Slot) -> str | None:
        """Return a number for a docstring: over what the class names anyway."""
        for expr in dict.fromkeys(each.expr for each in slot if each is not None):
            known = None if expr is None else self.facts.simple(expr)
            if known is not None and symbols(known) and symbols(known) <= set(self._printed):
                text = self._said(known, slot)
                if text is not None:
                    return text
        found = self._uniform(slot)
        if found is not None:
            return found
        for name in self.used:
            if agree(slot, self.values_of(name)):
                return self._printed[name]
        return next((each.name for each in self.added if agree(slot, each.values)), None)

    def _written(self, slot: Slot) -> str | None:
        exprs = dict.fromkeys(each.expr for each in slot if each is not None)
        found: list[Expr] = []
        for expr in exprs:
            known = None if expr is None else self.facts.simple(expr)
            if known is None or isinstance(known, Literal):
                continue
            text = self._said(known, slot)
            if text is not None:
                return text
            found.append(known)
        return self._chosen(found, slot) if len(found) > 1 else None

    def _chosen(self, exprs: Sequence[Expr], slot: Slot) -> str | None:
        """Return two expressions and the test of the class that tells where which is right."""
        for test in self._tests:
            truths = self.facts.truths(test)
            if truths is None or isinstance(self.facts.simple_test(test), bool):
                continue
            sides = [
                [e if truth is side else None for e, truth in zip(slot, truths, strict=True)]
                for side in (True, False)
            ]
            if not all(any(e is not None for e in side) for side in sides):
                continue
            texts = [next((t for e in exprs if (t := self._said(e, s))), None) for s in sides]
            if texts[0] is not None and texts[1] is not None:
                return f"{texts[0]} if {self.test(test)} else {texts[1]}"
        return None

    def _said(self, expr: Expr, slot: Slot) -> str | None:
        """Return the text of an expression if it is right in every instance that has the number."""
        rounds = self._rounds(expr, slot)
        for values, each in zip(self.facts.plain, slot, strict=True):
            if each is not None and not is_number(
                each.value, result_of(expr, values), rounds=rounds
            ):
                return None
        if len(self._words(symbols(expr), use=False).say(expr)) > LONGEST:
            expr = collected(expr)
        if len(self._words(symbols(expr), use=False).say(expr)) > LONGEST:
            return None
        text = self._words(symbols(expr)).say(expr)
        if isinstance(expr, Symbol) and any(type(e.value) is float for e in slot if e is not None):
            self.floats.add(expr.name)
        return f"round({text})" if rounds else text

    def _rounds(self, expr: Expr, slot: Slot) -> bool:
        """Whether an expression is a float where a whole number is needed."""
        whole = all(isinstance(each.value, int) for each in slot if each is not None)
        return whole and self._words(symbols(expr), use=False).is_float(expr)

    def _uniform(self, slot: Slot) -> str | None:
        texts = {constant(plain_number(each.value)) for each in slot if each is not None}
        return texts.pop() if len(texts) == 1 else None

    def _other(self, slot: Slot, hint: str) -> str:
        found = self._equal(slot)
        if found is not None:
            return found
        values = tuple(None if each is None else plain_number(each.value) for each in slot)
        first = next(value for value in values if value is not None)
        looked_up = self._by_phase(values, hint)
        if looked_up is not None:
            return looked_up
        if not self._adds:
            self.unsaid |= {i for i, v in enumerate(values) if v is not None and v != values[0]}
            return constant(first)
        return self.add(hint, tuple(first if value is None else value for value in values))

    def _by_phase(self, values: Sequence[Plain | None], hint: str) -> str | None:
        """Return a local that has a number in each phase; None where other arguments change it."""
        if not self._phases:
            return None
        column = [values[instance] for instance in self._phases]
        others = [v for i, v in enumerate(values) if i not in self._phases and v is not None]
        known = [value for value in column if value is not None]
        if not known or any(value != column[-1] for value in others):
            return None
        text = ", ".join(constant(known[0] if value is None else value) for value in column)
        name = self._looked_up.get(text)
        if name is None:
            name = self._looked_up[text] = self._names.unique(hint)
            self._locals.append(Assign(name, Text(f"({text})[{PHASE}]")))
        return name

    def _equal(self, slot: Slot) -> str | None:
        """Return a symbol, or a new parameter, that has the values of a slot."""
        for added in self.added:
            if agree(slot, added.values):
                return added.name
        for name in (*self.used, *sorted(self.facts.open - set(self.used))):
            if agree(slot, [values[name] for values in self.facts.plain]):
                return self._use(name)
        return None

    def add(self, hint: str, values: tuple[Plain, ...]) -> str:
        """Return the name of a new parameter with these values."""
        for added in self.added:
            if added.values == values and type(added.values[0]) is type(values[0]):
                return added.name
        wish = f"{hint}2" if hint in self.facts.common else hint  # the symbol may be used yet
        name = self._names.unique(wish)
        self.added.append(Added(name, values))
        return name

    # ------------------------------------------------------------ tests

    def test(self, test: Test) -> str:
        """Return a test as Python; what it names is used from now on."""
        simple = self.facts.simple_test(test)
        if isinstance(simple, bool):
            truths = self.facts.truths(test)
            assert truths is not None, "a test that is known is none"
            return self.add("is_so", truths)
        return self._words(test_symbols(simple)).test(simple)

    def asked(self, test: Test, *, always: bool = False) -> Test | None:
        """Return a test over used parameters alone; None where nobody can be asked it.

        With `always` it is asked of parameters, too, that nothing else uses.
        """
        simple = self.facts.simple_test(test)
        if isinstance(simple, bool):
            return None
        try:
            expanded = whole_test(substitute_test(simple, self._expanded))
        except OverflowError:
            return None
        asked = self.facts.open if always else frozenset(self.used)
        return expanded if test_symbols(expanded) <= asked else None

    def exact_words(self, test: Test) -> Words:
        """Return the words of a test of which no quotient is known to be whole."""
        words = self._words(test_symbols(test))
        return Words(words.names, words.floats, whole=False)

    def _expanded(self, name: str) -> Expr | Test:
        if name in self.facts.open:
            return Flag(name) if isinstance(self.facts.values[0][name], bool) else Symbol(name)
        inner = self.facts.simple(self.facts.lets[name])
        assert inner is not None
        return substitute(inner, self._expanded)

    def flag(self, column: Sequence[Truth | None], hint: str) -> Python:
        """Return a truth as an expression that is right in every instance."""
        given = [truth for truth in column if truth is not None]
        for test in dict.fromkeys(truth.test for truth in given):
            truths = self.facts.truths(test)
            if truths is not None and all(
                t is None or t.value == truth for t, truth in zip(column, truths, strict=True)
            ):
                simple = self.facts.simple_test(test)
                return Text(str(simple) if isinstance(simple, bool) else self.test(test))
        slot = tuple(None if t is None else WrittenNumber(t.value) for t in column)
        return self.number(slot, hint)

    # ------------------------------------------------------------ symbols

    def _words(self, names: Iterable[str], *, use: bool = True) -> Words:
        known = {n: self._use(n) if use else self._printed.get(n, n) for n in sorted(names)}
        floats = {n for n in known if any(type(v.get(n)) is float for v in self.facts.plain)}
        self.floats |= floats if use else set()
        return Words(known, frozenset(floats))

    def _use(self, symbol: str) -> str:
        """Return what the class calls a symbol of the spec; it is a parameter or a local then."""
        if symbol in self._printed:
            return self._printed[symbol]
        if symbol in self.facts.open:
            self.used.append(symbol)
            self._printed[symbol] = self._names.unique(symbol)
            return self._printed[symbol]
        inner = self.facts.simple(self.facts.lets[symbol])
        assert inner is not None
        words = self._words(symbols(inner))
        text = words.say(inner)
        if words.is_float(inner) and all(isinstance(v[symbol], int) for v in self.facts.plain):
            text = f"round({text})"
        self._printed[symbol] = self._names.unique(symbol)
        self._locals.append(Assign(self._printed[symbol], Text(text)))
        return self._printed[symbol]

    def formula(self, expr: Expr) -> str:
        """Return the text of a parameter's default."""
        inner = self.facts.simple(expr)
        assert inner is not None, "a formula is over other parameters"
        return self._words(symbols(inner)).say(inner)

    @property
    def locals(self) -> tuple[Assign, ...]:
        """The lets that are used, each after those that it names."""
        return tuple(self._locals)

    def values_of(self, symbol: str) -> tuple[Plain, ...]:
        """Return the values of a symbol in all instances."""
        return tuple(values[symbol] for values in self.facts.plain)

    def name_of(self, symbol: str) -> str:
        """Return what the class calls a symbol that it uses."""
        return self._printed[symbol]
