"""Elaborates bodies: hands each item to its room."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn, assert_never

from archdsl.diagnostics import Note, SpecError
from archdsl.ir.network import Let, Operator, Require
from archdsl.ir.numbers import Asked, Number, Symbol, Truth, negated, test_symbols
from archdsl.limits import MAX_DEPTH, MAX_WORK
from archdsl.semantics.blocks import add_block
from archdsl.semantics.branches import add_branch, add_combine, add_map, add_row_from
from archdsl.semantics.checks import fail, fail_here, spend
from archdsl.semantics.dependence import hangs_on
from archdsl.semantics.doubts import doubt_channels, doubt_layer
from archdsl.semantics.draft import Here, Role
from archdsl.semantics.evaluate import evaluate, truth
from archdsl.semantics.exposed import remember
from archdsl.semantics.factors import add_factor, is_factor
from archdsl.semantics.initializations import read_initialization
from archdsl.semantics.inputs import add_input, add_named_input
from archdsl.semantics.labels import has_no_level, refuse, with_labels
from archdsl.semantics.layers import add_layer, add_layer_value
from archdsl.semantics.level import add_inline, add_members
from archdsl.semantics.loops import add_loop
from archdsl.semantics.map_names import out_of_sight
from archdsl.semantics.marks import add_mark
from archdsl.semantics.modules import add_module, add_module_use, module_of
from archdsl.semantics.outputs import add_output
from archdsl.semantics.residuals import add_residual
from archdsl.semantics.stages import add_stage
from archdsl.semantics.state import Elaboration
from archdsl.semantics.values import (
    BlockValue,
    LayerValue,
    MapValue,
    Scope,
    Value,
    type_name,
    written,
)
from archdsl.semantics.words import (
    CONSTRUCTS,
    IMPLIED,
    PART_WORDS,
    RESIDUAL_WORDS,
    is_layer_word,
    is_reserved,
    layer_words,
)
from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.syntax.files import SpecFile


class Bodies(Elaboration):
    """Elaborates the bodies of one network."""

    def items(self, items: Sequence[tree.BodyItem], here: Here) -> None:
        """Elaborate items into a draft; a mistake in one does not hide those of others."""
        if self.bodies >= MAX_DEPTH and items:
            self.stopped = True
            fail("E410", f"bodies are nested deeper than {MAX_DEPTH}", items[0].span)
        self.bodies += 1
        place = 0
        while place < len(items) and not self.stopped:
            start, place = place, place + 1
            while _is_residual(items[start]) and place < len(items) and _is_residual(items[place]):
                place += 1
            group = tuple(items[start:place])
            try:
                group = tuple(with_labels(item, here.scope) for item in group)
                self._group(group, here)
            except SpecError as error:
                self.report(error)
                here.draft.flow = None
                self.stopped |= self.diagnostics.full or here.scope.file.work.done > MAX_WORK
        self.bodies -= 1

    def _group(self, group: tuple[tree.BodyItem, ...], here: Here) -> None:
        elements = [item for item in group if isinstance(item, tree.Element)]
        if elements and _is_residual(elements[0]):
            add_residual(self, elements, here)
        else:
            self._item(group[0], here)

    def _item(self, item: tree.BodyItem, here: Here) -> None:
        spend(1, here.scope, item.span)
        if not here.draft.in_block:
            doubt_channels(self, item, here)
        match item:
            case tree.LetItem():
                _let(self, item, here)
            case tree.RequireItem():
                self._require(item, here)
            case tree.Expect() | tree.UseRecipe() | tree.SetInit() | tree.Grow():
                _of_network(item, here)
            case tree.Mark():
                add_mark(self, item, here)
            case tree.MapItem(map=node):
                add_map(self, node, here)
            case tree.InputItem():
                add_named_input(self, item, here)
            case tree.OutputItem():
                add_output(self, item, here)
            case tree.ModuleItem():
                add_module(self, item, here)
            case tree.Element():
                self._element(item, here)
            case tree.NamedBody(label=tree.Name(text="")):
                add_members(self, item, here)
            case tree.NamedBody(label=label, body=body):
                _check_named(label, here)
                self.check_label(label, here.draft)
                self._part(("part", label), item, body, here)
            case tree.StageItem():
                add_stage(self, item, here)
            case tree.LoopItem():
                add_loop(self, item, here)
            case tree.Condition(condition=condition, body=body, otherwise=otherwise):
                found = truth(condition, here.scope)
                here.scope.root.decided[Asked(found.test, here.scope.inside)] = None
                chosen = body if found.value else otherwise
                if chosen is not None:
                    inner = self.inner_scope(here, here.draft.flow)
                    when = found.test if found.value else negated(found.test)
                    inner.inside = (*inner.inside, when)
                    self.items(chosen.items, here.deeper(inner, item.span, when=(when,)))
            case _:
                assert_never(item)

    def _require(self, item: tree.RequireItem, here: Here) -> None:
        condition = item.condition
        found = truth(condition, here.scope)
        said = item.message.value or "the requirement is not met"
        if not found.value:
            self.stopped = True  # whatever follows was written for other arguments
            fail_here("E316", said, condition.span, notes=_values(condition, here.scope))
        if not _is_top(here):
            here.scope.root.required[found.test] = None
        elif test_symbols(found.test):
            here.draft.requires.append(Require(found.test, said))

    def _element(self, item: tree.Element, here: Here) -> None:
        word = item.call.name.text
        if isinstance(here.scope.names().get(word), MapValue) and item.call.arguments is None:
            _check_bare(item)
            add_map(self, tree.Variable(item.call.name, item.call.span), here)
            return
        module = module_of(word, here)
        if module is not None:
            add_module_use(self, module, item, here)
            return
        if item.source is not None and word != "branch":
            inside = f"{item.call.span.text}{' { .. }' if item.body is not None else ''}"
            help_ = f"write `branch from {item.source.span.text} {{ {inside} }}`"
            if word == "identity":
                help_ = f"write `{item.source.span.text}` alone"
            fail("E406", f"`{word}` has no `from`", item.source.span, help_)
        callee = self.callee(item.call.name, here.scope)
        if item.label is not None and has_no_level(item.label):
            is_layer = isinstance(callee, LayerValue) or (callee is None and is_layer_word(word))
            if is_layer or (callee is None and word in CONSTRUCTS and word != "branch"):
                refuse(item.label, f"`{word}`")
        elif item.label is not None and word not in RESIDUAL_WORDS:
            _check_named(item.label, here)
            self.check_label(item.label, here.draft)
        if callee is None and word in CONSTRUCTS:
            self._construct(word, item, here)
            return
        if callee is None and not self._is_layer(item.call, here):
            held = here.scope.names().items()
            callable_ = [n for n, v in held if isinstance(v, BlockValue | LayerValue)]
            if (value := held_value(here.scope.names(), word)) is not None:
                message = f"`{word}` is {value}, not a layer or a block"
                fail("E302", message, item.call.name.span)
            unknown_layer(item.call, (*callable_, *here.scope.file.blocks), here.scope.file)
        if callee is None and is_factor(item, here):
            add_factor(self, item, here)
            return
        if here.draft.role is Role.COMBINE:
            named = f"{item.label.text}: " if item.label is not None else ""
            help_ = f"write `{named}branch {{ {item.call.span.text} }}`"
            fail("E405", "what comes together stands in branches", item.call.span, help_)
        if item.body is not None:
            fail("E406", f"`{word}` has no body", item.body.span)
        match callee:
            case BlockValue() if has_no_level(item.label):
                add_inline(self, callee, item, here)
            case BlockValue():
                add_block(self, callee, item, here)
            case LayerValue():
                doubt_layer(self, callee, item)
                add_layer_value(self, callee, item, here)
            case _:
                add_layer(self, item, here)

    def _is_layer(self, call: tree.Call, here: Here) -> bool:
        """Say whether a call is that of a layer; in a sum `conv2` alone is a map, if anything."""
        is_bare = call.arguments is None and here.draft.role is Role.COMBINE
        return is_reserved(call.name.text) if is_bare else is_layer_word(call.name.text)

    def _construct(self, word: str, item: tree.Element, here: Here) -> None:
        if word == "input":
            add_input(self, item, here)
            return
        if here.draft.role is Role.COMBINE:
            if word not in ("branch", "identity"):
                message = f"`{word}` cannot stand beside branches"
                help_ = f"write `branch {{ {word} {{ .. }} }}`"
                fail("E405", message, item.call.span, help_)
            add_branch(self, word, item, here)
            return
        if item.source is not None:
            add_row_from(self, item, here)
            return
        if word in ("branch", "identity"):
            fail("E407", f"`{word}` stands in `sum`, `concat` or `product`", item.call.span)
        if item.body is None:
            help_ = (
                f"write `{word} {{ {'..' if word in PART_WORDS else 'branch { .. } identity'} }}`"
            )
            fail("E408", f"`{word}` needs a body `{{ .. }}`", item.call.span, help_)
        if item.call.arguments:
            fail("E311", f"`{word}` takes no arguments", item.call.span)
        if word in PART_WORDS:
            self._part((word, item.label), item, item.body, here)
        else:
            add_combine(self, Operator(word), item, here)

    def _part(
        self,
        named: tuple[str, tree.Name | None],
        item: tree.Element | tree.NamedBody,
        body: tree.Body,
        here: Here,
    ) -> None:
        """Add a stem, a head or a body with a name."""
        if here.draft.role is Role.COMBINE:
            fail("E405", "what comes together stands in branches", body.span)
        flow = self.arriving(here, body.span)
        here.draft.flow = None
        context = self.apply(item.annotations, here.scope, here.draft.context)
        part, here.draft.flow = self.part(named, body, flow, context, here)
        if part is not None:
            here.add(part, item.span)
            assert self.last_body is not None
            remember(here, named[1], item.span, self.last_body)


def _check_bare(item: tree.Element) -> None:
    """Raise SpecError for a map with what only a branch has: a name, annotations, a body."""
    name = item.call.name.text
    label = "" if item.label is None else f"{item.label.text}: "
    others = [item.label, item.source, *item.annotations, item.body]
    for other in others:
        if other is not None:
            help_ = f"write `{name}` alone, or `{label}branch from {name} {{ .. }}`"
            fail("E406", f"`{name}` is a map and stands alone", other.span, help_)


def _is_residual(item: tree.BodyItem) -> bool:
    return isinstance(item, tree.Element) and item.call.name.text in RESIDUAL_WORDS


def _check_named(label: tree.Name, here: Here) -> None:
    if here.draft.role is Role.STAGE and not label.is_quoted:
        help_ = "drop the name, or write a named body `{ .. }` instead of a stage"
        fail("E319", "members of a stage go by index and have no names", label.span, help_)


def _of_network(item: tree.Expect | tree.UseRecipe | tree.SetInit | tree.Grow, here: Here) -> None:
    """Keep what is said of the network as a whole."""
    draft = here.draft
    match item:
        case tree.Expect():
            _only_in_network(here, "expect", item.span)
            draft.expects.append(item)
        case tree.UseRecipe(recipe=recipe):
            _once(here, "train =", item.span, None if draft.recipe is None else draft.recipe.span)
            draft.recipe = recipe
        case tree.SetInit(value=value):
            _once(here, "init =", item.span, None if draft.init is None else draft.init[1])
            draft.init = read_initialization(value, here.scope), item.span
        case tree.Grow():
            _once(here, "grow", item.span, None if draft.grow is None else draft.grow.span)
            draft.grow = item
        case _:
            assert_never(item)


def _once(here: Here, what: str, span: Span, first: Span | None) -> None:
    """Raise SpecError where this is no body of a network, or it is said there already."""
    _only_in_network(here, what, span)
    if first is not None:
        help_ = "write both lists behind one `grow`, with a comma" if what == "grow" else None
        fail("E412", f"a second `{what}`", span, help_, (Note("the first is here", first),))


def _is_top(here: Here) -> bool:
    """Say whether this is the body of a declaration, not one inside it."""
    is_body = here.draft.role in (Role.NETWORK, Role.BLOCK)
    return is_body and here.scope is here.draft.scope and not here.draft.is_inline


def _only_in_network(here: Here, what: str, span: Span) -> None:
    if here.draft.role is not Role.NETWORK or here.scope is not here.draft.scope:
        fail("E404", f"`{what}` stands only in the body of a network", span)


def _let(elaboration: Elaboration, item: tree.LetItem, here: Here) -> None:
    name, scope = item.name, here.scope
    if name.text in IMPLIED:
        fail("E315", f"`{name.text}` exists by itself and cannot be declared", name.span)
    if name.text in scope.values:
        note = Note("declared first here", scope.spans.get(name.text, name.span))
        fail("E202", f"`{name.text}` is declared twice", name.span, notes=(note,))
    try:
        value = evaluate(item.value, scope)
    except SpecError:
        scope.unknown.add(name.text)
        raise
    if isinstance(value, Number) and _is_top(here):
        here.draft.lets.append(Let(name.text, value))
        value = Number(value.value, Symbol(name.text))
    if isinstance(value, LayerValue) and isinstance(item.value, tree.Call):
        elaboration.lets[value.call.span] = None
    is_made = isinstance(value, Number | Truth)
    scope.define(name, value, frozenset() if is_made else hangs_on(item.value, scope))


def _values(condition: tree.Expression, scope: Scope) -> tuple[Note, ...]:
    """Return what the names of a condition stand for."""
    names = dict.fromkeys(re.findall(r"[A-Za-z_]\w*", condition.span.text))
    known = ((name, scope.find(name)) for name in names)
    said = [f"`{n}` is {written(value)}" for n, value in known if isinstance(value, Number)]
    return (Note(f"here {' and '.join(said)}"),) if said else ()


def unknown_layer(
    call: tree.Call,
    known: Iterable[str],
    file: SpecFile,
    members: Mapping[str, Span] | None = None,
) -> NoReturn:
    """Raise SpecError for a word that is neither a layer nor a block; `known` are variables.

    `members` are the stages and parts around it.
    """
    from archdsl.semantics.hints import layer_help

    name = call.name
    notes: tuple[Note, ...] = ()
    message = f"there is no layer or block `{name.text}`"
    help_ = layer_help(name.text, call, [*known, *layer_words(), *CONSTRUCTS])
    if members is not None and name.text in members:
        notes = (Note(f"`{name.text}` stands here and runs here", members[name.text]),)
        help_ = "what is to stand in two places is declared as a `block`; "
        help_ += f"`mark` behind `{name.text}` names what it gives"
    elif call.arguments is None:
        notes, said = out_of_sight(name, file)
        help_ = said or (None if notes else help_)
    fail("E301", message, name.span, help_, notes)


def held_value(names: Mapping[str, Value], word: str) -> str | None:
    """Return what a person calls the value of a variable that cannot be called."""
    value = names.get(word)
    return None if value is None else type_name(value)
