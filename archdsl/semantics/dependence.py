"""What the value of an expression hangs on, where its making is not kept."""

from typing import assert_never

from archdsl.ir.numbers import Number, Truth, symbols, test_symbols
from archdsl.semantics.values import Scope
from archdsl.syntax import tree

NOTHING = frozenset[str]()


def hangs_on(node: tree.Expression, scope: Scope) -> frozenset[str]:
    """Return the symbols that have a part in an expression, in whatever way."""
    scope.file.work.done += 1
    match node:
        case tree.Variable(name=name):
            return _of_variable(name.text, scope)
        case _:
            return NOTHING.union(*(hangs_on(child, scope) for child in parts_of(node)))


def _of_variable(name: str, scope: Scope) -> frozenset[str]:
    holder = scope.holder(name)
    if holder is None:
        return NOTHING
    if name not in holder.hanging:
        match holder.values[name]:
            case Number(expr=expr):
                holder.hanging[name] = symbols(expr)
            case Truth(test=test):
                holder.hanging[name] = test_symbols(test)
            case _:
                return NOTHING
    return holder.hanging[name]


def parts_of(node: tree.Expression) -> tuple[tree.Expression, ...]:
    """Return the expressions directly inside an expression."""
    match node:
        case tree.Infix(left=left, right=right):
            return left, right
        case tree.Prefix(operand=operand):
            return (operand,)
        case tree.Conditional(condition=condition, chosen=chosen, otherwise=otherwise):
            return condition, chosen, otherwise
        case tree.Index(container=container, key=key):
            return container, key
        case tree.ListLiteral(items=items):
            return items
        case tree.Call(arguments=arguments):
            return tuple(a.value for a in arguments or ())
        case tree.DictLiteral(items=items):
            return tuple(each for pair in items for each in pair)
        case tree.Attribute(owner=owner):
            return (owner,)
        case tree.NumberLiteral() | tree.StringLiteral() | tree.BooleanLiteral() | tree.Variable():
            return ()
        case _:
            assert_never(node)
