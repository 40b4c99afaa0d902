"""Tree to network: names resolved, annotations applied, repeats folded, shapes inferred."""

from collections.abc import Iterator, Mapping

from archdsl.diagnostics import Diagnostic, Diagnostics, Note, SpecError
from archdsl.ir.initialization import Initialization
from archdsl.ir.layers import Size, is_point
from archdsl.ir.network import (
    MAIN,
    ArgumentValue,
    FeatureMap,
    Let,
    Network,
    Output,
    Phases,
)
from archdsl.ir.numbers import Flag, Number, Symbol, Test, Truth, symbols
from archdsl.ir.numbers import Value as Exact
from archdsl.ir.rebuild import replace
from archdsl.ir.recipe import Recipe
from archdsl.limits import STEP_WORK
from archdsl.record import Record
from archdsl.semantics.bodies import Bodies
from archdsl.semantics.checks import fail, spend
from archdsl.semantics.context import Context
from archdsl.semantics.declarations import check_declarations, warn_unused
from archdsl.semantics.dependence import NOTHING, hangs_on
from archdsl.semantics.draft import LAST, Draft, Here, Role
from archdsl.semantics.drops import resolve_drops
from archdsl.semantics.evaluate import evaluate
from archdsl.semantics.flow import Flow
from archdsl.semantics.growing import check_grown, is_member, read_phases
from archdsl.semantics.growths import fit_growth
from archdsl.semantics.inputs import check_inputs
from archdsl.semantics.layers import implied_flatten
from archdsl.semantics.modules import unused_modules
from archdsl.semantics.naming import name_nodes
from archdsl.semantics.outputs import check_outputs, outputs_of
from archdsl.semantics.recipe_checks import check_fit
from archdsl.semantics.recipes import build_recipe
from archdsl.semantics.sharing import resolve_sharing
from archdsl.semantics.unused import unused
from archdsl.semantics.values import (
    BlockValue,
    DictValue,
    LayerValue,
    ListValue,
    MapValue,
    Scope,
    Value,
)
from archdsl.semantics.words import IMPLIED
from archdsl.source import Span
from archdsl.suggest import did_you_mean
from archdsl.syntax import tree
from archdsl.syntax.files import SpecFile

_NETWORK_WORK = 5 * STEP_WORK  # of a network with nothing in it


class Elaborated(Record):
    """A network, what its spec expects of it, and the doubts it raised."""

    network: Network
    expects: tuple[tree.Expect, ...]
    scope: Scope  # the names that an `expect` may use
    warnings: tuple[Diagnostic, ...]
    networks: int  # that the spec declares


def elaborate(
    file: SpecFile,
    declaration: tree.NetworkDeclaration,
    arguments: Mapping[str, tree.Argument],
    *,
    fold: bool = True,
    sizes: bool = True,
    is_phase: bool = False,
) -> Elaborated:
    """Return the network that a declaration gives with these arguments; raise SpecError.

    With `fold=False` every block of a run is elaborated: the same network, written out. With
    `sizes=False` no other input sizes are tried where the one that is written does not work. A
    member of a growing family knows nothing of growth, unless it is to be a phase of it.
    """
    bodies = Bodies(fold=fold)
    bodies.reach.is_member = not is_phase and is_member(declaration, arguments)
    try:
        return _elaborate(file, declaration, arguments, bodies)
    except SpecError as error:
        if not sizes or bodies.given_size is None:
            raise
        raise _with_sizes(error, bodies.given_size, file, declaration, arguments) from None


def _with_sizes(
    error: SpecError,
    given: Size,
    file: SpecFile,
    declaration: tree.NetworkDeclaration,
    arguments: Mapping[str, tree.Argument],
) -> SpecError:
    from archdsl.limits import MAX_WORK, SIZES_WORK
    from archdsl.semantics.sizes import with_sizes

    done = file.work.done
    spent = max(done, MAX_WORK - SIZES_WORK)  # what is left to MAX_WORK is for all attempts

    def attempt(size: Size) -> tuple[Diagnostic, ...]:
        nonlocal spent
        bodies = Bodies()
        bodies.input_size = size
        file.work.done = spent
        try:
            _elaborate(file, declaration, arguments, bodies)
        except SpecError as found:
            return found.diagnostics
        finally:
            spent, file.work.done = file.work.done, done
        return ()

    return with_sizes(error, given, attempt)


def _elaborate(
    file: SpecFile,
    declaration: tree.NetworkDeclaration,
    arguments: Mapping[str, tree.Argument],
    bodies: Bodies,
) -> Elaborated:
    check_declarations(file, bodies.diagnostics)
    scope = Scope(file)
    spend(_NETWORK_WORK, scope, declaration.name.span)
    given, defaults = bind_network(declaration, arguments, scope)
    context = bodies.apply(declaration.annotations, scope, Context(), grows=True)
    draft = Draft(scope=scope, role=Role.NETWORK, flow=None, context=context)
    bodies.items(declaration.body.items, Here(draft, scope))
    if draft.input is not None and len(draft.inputs) < 2:
        bodies.given_size = draft.input.size
    bodies.close()
    warn_unused(file, bodies.diagnostics)
    if not bodies.diagnostics.has_errors:
        bodies.diagnostics.extend(tuple(unused_modules(bodies.modules)))
    if draft.input is None and not bodies.diagnostics.has_errors:
        _no_input(declaration, bodies.diagnostics)
    # the recipe is not the network's
    formulas, flags = _formulas(declaration, arguments, scope)
    decided, hangs, settled = tuple(scope.decided), frozenset(scope.hangs), frozenset(scope.settled)
    if draft.grow is None:
        check_grown(bodies.reach.grown, declaration, bodies.diagnostics)
    phases = _phases(draft, declaration, arguments, bodies.diagnostics)
    recipe = _recipe(draft, scope, bodies.diagnostics)
    if recipe is not None and draft.recipe is not None:
        recipe = fit_growth(recipe, phases, draft.grow, draft.recipe.span, bodies.diagnostics)
    bodies.diagnostics.raise_if_errors()
    assert draft.input is not None
    assert draft.flow is not None
    outputs = outputs_of(draft)
    if not outputs or outputs[0].map == MAIN:
        outputs = _end_on_vector(draft, outputs, declaration.name.span)
    network = Network(
        name=declaration.name.text,
        file=file.name,
        arguments=tuple(given.items()),
        defaults=tuple(defaults.items()),
        input=draft.input,
        output=_first(outputs, draft.flow.map),
        inputs=tuple(each for each, _ in draft.inputs),
        outputs=outputs,
        values=tuple(_values(declaration, scope)),
        formulas=formulas,
        flags=flags,
        lets=tuple(draft.lets),
        requires=tuple(draft.requires),
        decided=decided,
        hangs=hangs,
        settled=settled,
        required=tuple(scope.required),
        sizes=tuple(bodies.input_sizes),
        body=tuple(draft.steps),
        geometries=bodies.reach.geometries,
        drop_runs=bodies.runs(),
        recipe=recipe,
        phases=phases,
        init=_init(draft, recipe),
        span=declaration.name.span,
    )
    if recipe is not None and draft.recipe is not None:
        check_fit(recipe, network, draft.recipe.span, bodies.diagnostics)
    bodies.diagnostics.extend(check_inputs(network, tuple(span for _, span in draft.inputs)))
    bodies.diagnostics.extend(check_outputs(outputs, tuple(span for _, span in draft.outputs)))
    bodies.diagnostics.extend(unused(network))
    network = name_nodes(resolve_sharing(resolve_drops(network), bodies))
    bodies.diagnostics.raise_if_errors()
    warnings = tuple(bodies.diagnostics.found)
    return Elaborated(network, tuple(draft.expects), scope, warnings, len(file.networks))


def bind_network(
    declaration: tree.NetworkDeclaration, arguments: Mapping[str, tree.Argument], scope: Scope
) -> tuple[dict[str, ArgumentValue], dict[str, ArgumentValue]]:
    """Define the network's parameters; return their values, and their defaults beside these values.

    A default may be a formula over the parameters before it.
    """
    names = [p.name.text for p in declaration.parameters]
    for name, argument in arguments.items():
        if name not in names:
            message = f"network `{declaration.name.text}` has no parameter `{name}`"
            note = Note("its parameters are declared here", declaration.name.span)
            span = argument.name.span if argument.name else argument.value.span
            fail("E310", message, span, did_you_mean(name, names), (note,))
    given: dict[str, ArgumentValue] = {}
    defaults: dict[str, ArgumentValue] = {}
    for parameter in declaration.parameters:
        name = parameter.name
        _check_parameter(name, scope)
        default = None if parameter.default is None else evaluate(parameter.default, scope)
        given_here = arguments.get(name.text)
        value = default if given_here is None else _given(given_here.value, default, scope)
        if value is None:
            message = f"the network needs `{name.text}`: give it a default, or a value with --set"
            fail("E312", message, name.span)
        if default is not None:
            defaults[name.text] = _shown(default, parameter)
        given[name.text] = _shown(value, parameter)
        hanging = NOTHING
        if given_here is None and parameter.default is not None:
            hanging = hangs_on(parameter.default, scope)
        scope.define(name, _named(name.text, value), hanging)
    return given, defaults


def _formulas(
    declaration: tree.NetworkDeclaration, arguments: Mapping[str, tree.Argument], scope: Scope
) -> tuple[tuple[Let, ...], tuple[tuple[str, Test], ...]]:
    """Return the numbers and flags that are not given and whose default hangs on arguments."""
    formulas: list[Let] = []
    flags: list[tuple[str, Test]] = []
    for parameter in declaration.parameters:
        name = parameter.name.text
        if name in arguments or parameter.default is None:
            continue
        match evaluate(parameter.default, scope.beside()):
            case Number(expr=expr) as number:
                if symbols(expr):
                    formulas.append(Let(name, number))
            case Truth(test=test):
                flags.append((name, test))
            case _:
                scope.settle(hangs_on(parameter.default, scope))
    return tuple(formulas), tuple(flags)


def _values(
    declaration: tree.NetworkDeclaration, scope: Scope
) -> Iterator[tuple[str, Exact | bool]]:
    """Yield the arguments that are numbers or flags."""
    for parameter in declaration.parameters:
        match scope.values[parameter.name.text]:
            case Number(value=value) | Truth(value=value):
                yield parameter.name.text, value
            case _:
                pass


def _given(node: tree.Expression, default: Value | None, scope: Scope) -> Value:
    """Return an argument's value; where the default is a string, a word may go without quotes."""
    if isinstance(default, str) and isinstance(node, tree.Variable):
        word = node.name.text
        if scope.find(word) is None:
            return word
    return evaluate(node, scope)


def _shown(value: Value, parameter: tree.ParameterDeclaration) -> ArgumentValue:
    """Return an argument as JSON has it; where the default is written `0.0`, a float."""
    shown = plain(value)
    match parameter.default:
        case tree.NumberLiteral(is_integer=False) if isinstance(shown, int):
            return float(shown)
        case _:
            return shown


def _check_parameter(name: tree.Name, scope: Scope) -> None:
    if name.text in IMPLIED:
        fail("E315", f"`{name.text}` exists by itself and cannot be declared", name.span)
    if name.text in scope.values:
        note = Note("declared first here", scope.spans[name.text])
        fail("E202", f"`{name.text}` is declared twice", name.span, notes=(note,))


def _named(name: str, value: Value) -> Value:
    match value:
        case Number(value=exact):
            return Number(exact, Symbol(name))
        case Truth(value=truth):
            return Truth(truth, Flag(name))
        case _:
            return value


def plain(value: Value) -> ArgumentValue:
    """Return a value as JSON has it; blocks and layers by name."""
    match value:
        case str():
            return value
        case Truth(value=truth):
            return truth
        case Number(value=exact):
            return exact if isinstance(exact, int) else float(exact)
        case ListValue(items=items):
            return [plain(item) for item in items]
        case DictValue(items=items):
            return {str(plain(k)): plain(v) for k, v in items}
        case BlockValue(declaration=declaration):
            return declaration.name.text
        case LayerValue(call=call):
            return call.span.text
        case MapValue(label=label):
            return label


def _no_input(declaration: tree.NetworkDeclaration, diagnostics: Diagnostics) -> None:
    diagnostics.add(
        Diagnostic(
            code="E403",
            message=f"network `{declaration.name.text}` has no input",
            span=declaration.name.span,
            help="begin with `input(3, 32, 32)`: channels, height, width",
        )
    )


def _recipe(draft: Draft, scope: Scope, diagnostics: Diagnostics):  # noqa: ANN202 - Recipe | None
    if draft.recipe is None:
        return None
    name = draft.recipe.name
    recipes = scope.file.recipes
    if name.text not in recipes:
        message = f"there is no recipe `{name.text}`"
        help_ = did_you_mean(name.text, recipes)
        diagnostics.add(Diagnostic(code="E601", message=message, span=name.span, help=help_))
        return None
    declaration, file = recipes[name.text]
    try:
        return build_recipe(declaration, draft.recipe, scope, Scope(file), diagnostics)
    except SpecError as error:
        for diagnostic in error.diagnostics:
            diagnostics.add(diagnostic)
        return None


def _phases(
    draft: Draft,
    declaration: tree.NetworkDeclaration,
    arguments: Mapping[str, tree.Argument],
    diagnostics: Diagnostics,
) -> Phases | None:
    if draft.grow is None:
        return None
    try:
        return read_phases(draft.grow, declaration, arguments, draft.scope.beside())
    except SpecError as error:
        diagnostics.extend(error.diagnostics)
        return None


def _init(draft: Draft, recipe: Recipe | None) -> Initialization | None:
    """Return what weights begin as: the network's own word is before that of its recipe."""
    if draft.init is not None:
        return draft.init[0]
    return None if recipe is None else recipe.init


def _end_on_vector(draft: Draft, outputs: tuple[Output, ...], span: Span) -> tuple[Output, ...]:
    """Make what flows at the end be returned as [C] where it is [C, 1, 1]; return the outputs."""
    assert draft.flow is not None
    if not is_point(draft.flow.size):
        return outputs
    draft.add(implied_flatten(draft.flow.map, span), (LAST,), ())
    draft.flow = Flow(draft.flow.channels, None, draft.flow.reduction)
    return tuple(replace(o, shape=draft.flow.map) if o.map == MAIN else o for o in outputs)


def _first(outputs: tuple[Output, ...], ending: FeatureMap) -> FeatureMap:
    """Return the shape of the first output that is there outside of training."""
    return next((each.shape for each in outputs if not each.in_training), ending)
