"""Pieces of a fixed form."""

from tests.drawing.layers import Geometry, conv, same
from tests.drawing.pieces import Body, Piece, Value, variable


def let(name, value):
    """Return `let name = value`."""

    def apply(env, given, _):
        env.values[name] = value.of(env)
        return given

    return Piece((f"let {name} = {value.text}",), apply)


def held_layer(name):
    """Return the use of a parameter that is a layer."""
    return Piece((name,), lambda env, given, trace: env[name].make().apply(env, given, trace), True)


def held_conv(name, out, stride):
    """Return the use of a parameter that is a kind of convolution."""
    arguments = [out.text, *([f"stride = {stride.text}"] if stride else [])]

    def apply(env, given, trace):
        return env[name].make(out, stride).apply(env, given, trace)

    return Piece((f"{name}({', '.join(arguments)})",), apply, inline=True)


def kernels_loop(name, out):
    """Return convolutions with the kernels of a list."""
    body = Body((conv("conv", out, Geometry(variable("kernel")), None, []), same("relu")))

    def apply(env, given, trace):
        for kernel in env[name]:
            given = body.apply(env.child(kernel=kernel), given, trace)
        return given

    return Piece(body.braced(f"for kernel in {name}"), apply)


def counted(name):
    """Return a layer as often as a number says."""

    def apply(env, given, trace):
        for _ in range(env[name]):
            given = same("relu").apply(env, given, trace)
        return given

    return Piece((f"for t in range({name}) {{ bn }}",), apply)


def when(text, test, body):
    """Return `if .. { .. }`."""

    def apply(env, given, trace):
        return body.apply(env.child(), given, trace) if test(env) else given

    return Piece(body.braced(f"if {text}"), apply)


def guarded(identity, target, strided, channels):
    """Return the identity of a sum where it fits: else None comes together."""
    tests = (["stride == 1"] if strided else []) + [f"{channels.tight} == {target.tight}"]

    def fits(env):
        return (not strided or env["stride"] == 1) and channels.of(env) == target.of(env)

    lines = (f"if {' and '.join(tests)} {{ {identity.lines[0]} }}",)
    return Piece(lines, lambda env, given, _: given if fits(env) else None)


def itself(block, width, depth, factor):
    """Return the call of a block in itself, one level deeper."""
    wider = (
        variable(width)
        if factor == 1
        else Value(f"{factor} * {width}", lambda env: factor * env[width], atom=False)
    )
    less = Value(f"{depth} - 1", lambda env: env[depth] - 1, atom=False)
    others = {
        p.name: variable(p.name) for p in block.parameters[1:] if p.name != depth and not p.default
    }
    arguments = {width: wider, depth: less, **others}
    inside = [f"{name} = {value.text}" for name, value in arguments.items()]
    return Piece(
        (f"{block.name}({', '.join(inside)})",),
        lambda env, given, trace: block.enter(arguments, env, given, trace),
        inline=True,
    )


def written(block, arguments, writer):
    """Return the arguments of a call as written: leading ones by position, now and then by name."""
    found, positional = [], not writer.chance(20)
    for p in block.parameters:
        if p.name not in arguments:
            positional = False
        elif positional:
            found.append(arguments[p.name].text)
        else:
            found.append(f"{p.name} = {arguments[p.name].text}")
    if "stride" in arguments:
        found.append(f"stride = {arguments['stride'].text}")
    return f"({', '.join(found)})" if found else ""
