"""The `stride` that every block takes without declaring it."""

from archdsl.syntax import tree


def stride_argument(call: tree.Call) -> tree.Expression | None:
    """Return what a call says of `stride`."""
    for argument in call.arguments or ():
        if _is_stride(argument):
            return argument.value
    return None


def gives_stride(call: tree.Call) -> bool:
    """Say whether a call has a `stride = ..`."""
    return stride_argument(call) is not None


def without_stride(call: tree.Call) -> tree.Call:
    """Return the call with the block's own arguments only."""
    kept = tuple(a for a in call.arguments or () if not _is_stride(a))
    return tree.Call(call.name, kept, call.span)


def _is_stride(argument: tree.Argument) -> bool:
    return argument.name is not None and argument.name.text == "stride"
