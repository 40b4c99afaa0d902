"""Specs that ask for too much, each as large as a spec may be or as mean as the language allows."""

from archdsl.limits import MAX_FILE_BYTES

SIZE = MAX_FILE_BYTES - 200
HEAD = "network n {\n    input(3, 32, 32)\n"
REST = "block b(w) {\n    conv3x3(w)\n    bn\n}\n"


def fill(piece, head="", tail="", size=SIZE):
    """Return head, as many pieces as fit, tail; `{}` in a piece is its number."""
    pieces, room, i = [], size - len(head) - len(tail), 0
    while room > 0:
        pieces.append(piece.replace("@", str(i)))
        room -= len(pieces[-1])
        i += 1
    return head + "".join(pieces[:-1]) + tail


def network(*items):
    return HEAD + "".join(f"    {item}\n" for item in items) + "}\n"


def nested(before, after, depth, inside):
    return before * depth + inside + after * depth


def body(piece, tail="}\n", **more):
    return fill(piece, HEAD, tail, **more)


SPECS = {
    # nesting: of brackets, of each construct, of operators, of blocks
    **{
        f"nested {name} {depth}": network(nested(before, after, depth, inside))
        for depth in (90, 30_000)
        for name, before, after, inside in (
            ("calls of layers", "conv3x3(w = (", "))", "1"),
            ("parts", "p: {\n", "}\n", "relu"),
            ("stems", "stem {", "}", "relu"),
            ("sums", "sum { identity branch { ", "} }", "relu"),
            ("concats", "concat { identity branch { ", "} }", "relu"),
            ("products", "product { identity branch { ", "} }", "relu"),
            ("residuals", "residual { ", "}", "relu"),
            ("loops", "for i in [1, 2] { ", "}", "relu"),
            ("loops of 10", "for i in range(10) { ", "}", "relu"),
            ("conditions", "if true { ", "}", "relu"),
            ("stages", "stage s {\n", "}\n", "relu"),
        )
    },
    **{
        f"nested {name} {depth}": network("let a = " + nested(before, after, depth, inside))
        for depth in (90, 199, 20_000)
        for name, before, after, inside in (
            ("lists", "[", "]", "1"),
            ("tables", "{1: ", "}", "1"),
            ("brackets", "(", ")", "1"),
            ("signs", "-", "", "1"),
            ("nots", "not ", "", "true"),
            ("choices", "if true then ", " else 2", "1"),
            ("choices of conditions", "if ", " then true else false", "true"),
            ("choices of alternatives", "if false then 1 else ", "", "1"),
            ("indices", "[1][", "]", "0"),
            ("calls", "max(1, ", ")", "0"),
            ("sums of numbers", "1 + ", "", "1"),
            ("powers", "10 * ", "", "1"),
            ("towers", "2 ** ", "", "1"),
            ("comparisons", "1 == (", ")", "1"),
            ("dots", "", ".a", "a"),
        )
    },
    **{
        f"nested {name} in a long file": network(
            "let a = " + nested(before, after, 99, inside),
            *(f"let b{i} = {i} + 1" for i in range(2_500)),
        )
        for name, before, after, inside in (
            ("choices", "if false then 1 else ", "", "1"),
            ("sums in brackets", "(1 + ", ")", "1"),
        )
    },
    "annotations in a row": network(
        "stem with " + ", ".join(["share(conv3x3)"] * 3_500) + " { relu }"
    ),
    "numbers in a row": network("let a = [" + ", ".join(map(str, range(9_500))) + "]"),
    "else if": body("    if false { relu } else\n", "if true { relu }\n}\n"),
    "opened only": "{" * SIZE,
    "opened only, round": "network n { let a = " + "(" * SIZE,
    "closed only": ")" * SIZE,
    "unclosed blocks": fill("block b@ {\n"),
    "blocks in blocks": fill("block b@ {\n    b@@()\n}\n", HEAD + "    b0\n}\n"),
    # repeats and sizes
    **{
        f"{what} of {n}": network(text.replace("@", n))
        for n in ("0", "1000000000", "10" + "0" * 18, "10" + "0" * 29, "10" + "0" * 38, "1" * 5000)
        for what, text in {
            "channels": "conv3x3(@) bn relu",
            "hidden": "avgpool linear(@)",
            "kernel": "conv(8, kernel = @)",
            "kernel and padding": "conv(8, kernel = @, padding = @)",
            "stride": "conv3x3(8, stride = @)",
            "padding": "conv3x3(8, padding = @)",
            "dilation": "conv3x3(8, dilation = @)",
            "groups": "conv3x3(8, groups = @)",
            "pool": "maxpool(kernel = @)",
            "padded channels": "pad_channels(@)",
            "loop": "for i in range(@) { relu }",
            "ranges": "let a = range(0, @, 1)",
            "rounding": "let a = round_to(@, @)",
            "index": "let a = [1][@]",
            "power": "let a = 2 ** @",
            "powers": "let a = @ ** @ ** @",
            "root": "let a = 1.0000001 ** (@ / 7)",
            "logarithm": "let a = log(@, @)",
            "dropout": "dropout(@)",
        }.items()
    },
    **{
        f"run of {n} {what}": HEAD
        + f"    conv1x1(8)\n    stage s = {n} * {call}\n}}\nblock b(w) {{\n    {inside}\n}}\n"
        for n in ("100", "10000", "10001", "1" + "0" * 18, "1" + "0" * 30, "1" + "0" * 31)
        for what, call, inside in (
            ("equal blocks", "b(8)", "conv3x3(w)\n    bn"),
            ("growing blocks", "b(8)", "concat {\n identity\n branch { conv3x3(w) } }"),
            ("dense blocks", "b(8)", "concat { identity branch { bn relu conv3x3(w) } }"),
            ("doubling blocks", "b(8)", "conv3x3(2 * in_channels)"),
            ("residual blocks", "b(8)", "residual { conv3x3(w) bn }\n    relu"),
            ("wider blocks", "b(8)", "residual { conv3x3(in_channels + w) }"),
        )
    },
    "run of a product of repeats": network("stage s = " + "1000000000 * " * 500 + "b(3)") + REST,
    "dense blocks of six layers": HEAD
    + "    for i in range(10000) { dense(32) }\n}\nblock dense(growth) {\n    concat {\n"
    "    identity\n    branch { bn relu conv1x1(4 * growth) bn relu conv3x3(growth) }\n    }\n}\n",
    "image of 10^9": "network n {\n    input(3, 1000000000, 1000000000)\n    conv3x3(8)\n}\n",
    **{
        f"{n} blocks in a loop": HEAD
        + f"    for i in range({n}) {{ dense(12) }}\n}}\nblock dense(growth) {{\n    concat {{\n"
        "        identity\n        branch { bn relu conv3x3(growth) }\n    }\n}\n"
        for n in (3_000, 3_200)
    },
    "2700 residual blocks in a loop": HEAD
    + "    for i in range(2700) { b(8 * i + 8) }\n}\nblock b(w) {\n    residual { bn conv3x3(w)"
    " relu conv3x3(w) }\n    shortcut { conv1x1(w) }\n    relu\n}\n",
    "run of 10000 growing blocks of a layer": HEAD
    + "    stage s = 10000 * b(8)\n}\nblock b(w) { conv3x3(in_channels + w) }\n",
    "run of 7000 growing blocks": HEAD
    + "    stage s = 7000 * b(8)\n}\nblock b(w) { conv3x3(in_channels + w) relu }\n",
    "image of 0": "network n {\n    input(3, 0, 0)\n    conv3x3(8)\n}\n",
    "input of 0 channels": "network n {\n    input(0, 8, 8)\n    conv3x3(8)\n}\n",
    "image of 10^30": (
        f"network n {{\n    input(3, {10**30}, {10**30})\n    conv3x3({10**30})\n}}\n"
    ),
    # recursion
    "block of itself": HEAD + "    b(3)\n}\nblock b(w) { b(w) }\n",
    "block of itself, larger": HEAD + "    b(3)\n}\nblock b(w) { b(w * 2) conv3x3(w) b(w * 2) }\n",
    "blocks of one another": HEAD + "    b(3)\n}\nblock b(w) { c(w) }\nblock c(w) { b(w) }\n",
    "block of itself twice to 90": HEAD
    + "    b(90)\n}\nblock b(w) { if w > 0 { b(w - 1) b(w - 1) } else { relu } }\n",
    "block of itself twice to 14": HEAD
    + "    b(14)\n}\nblock b(w) { if w > 0 { b(w - 1) b(w - 1) } else { relu } }\n",
    "block of itself in branches to 13": HEAD + "    b(13)\n}\nblock b(w) {\n    sum {\n identity\n"
    " if w > 0 { branch { b(w - 1) } branch { b(w - 1) } } else { branch { relu } } }\n}\n",
    "block of itself once to 95": HEAD
    + "    b(95)\n}\nblock b(w) { residual { conv3x3(in_channels) if w > 0 { b(w - 1) } } }\n",
    "let of itself": network("let a = a + 1", "conv3x3(a)"),
    "lets of one another": network("let a = b", "let b = a", "conv3x3(a)"),
    "default of itself": "network n(a = a) {\n    input(3, 8, 8)\n    conv3x3(a)\n}\n",
    "recipe of itself": network("conv3x3(8)", "train = r") + "train r(a = r) {\n    batch = r\n}\n",
    # doubling
    "blocks that double": HEAD
    + "    b20\n}\n"
    + "".join(f"block b{i} {{ b{i - 1} b{i - 1} }}\n" for i in range(1, 21))
    + "block b0 { relu }\n",
    "blocks that double 90 times": HEAD
    + "    b90\n}\n"
    + "".join(f"block b{i} {{ b{i - 1} b{i - 1} }}\n" for i in range(1, 91))
    + "block b0 { relu }\n",
    "blocks that double in loops": HEAD
    + "    b3\n}\n"
    + "".join(f"block b{i} {{ for i in range(10000) {{ b{i - 1} }} }}\n" for i in range(1, 4))
    + "block b0 { relu }\n",
    "blocks that double in runs": HEAD
    + "    b5\n}\n"
    + "".join(f"block b{i} {{\n    stage s = 1000000000 * b{i - 1}\n}}\n" for i in range(1, 6))
    + "block b0 { residual { conv3x3(3) } }\n",
    "lists that double": network(
        "let a0 = [1]", *(f"let a{i} = [a{i - 1}, a{i - 1}]" for i in range(1, 60))
    ),
    "tables that double": network(
        "let a0 = [1]", *(f"let a{i} = {{1: a{i - 1}, 2: a{i - 1}}}" for i in range(1, 60))
    ),
    "sums that double": network(
        "let a0 = 1",
        *(f"let a{i} = a{i - 1} + a{i - 1}" for i in range(1, 60)),
        "conv3x3(a59)",
    ),
    "numbers that square": network(
        "let a0 = 10", *(f"let a{i} = a{i - 1} * a{i - 1}" for i in range(1, 60))
    ),
    "fractions that grow": network(
        "let a0 = 1/3",
        *(f"let a{i} = a{i - 1} / 7919 + 1/{2 * i + 1}" for i in range(1, 60)),
        "dropout(a59)",
    ),
    # work without layers: loops and lists
    "loops of nothing": network("for i in range(10000) { for j in range(10000) { } }"),
    "loops of lets": network(
        "for i in range(10000) {\n let a = i\n for j in range(10000) {\n let b = j\n }\n }"
    ),
    "loops of requires": network('for i in range(10000) {\n require i >= 0, "no"\n }'),
    "loops of conditions": network("for i in range(10000) { " + "if false { } " * 20_000 + "}"),
    "loops of lists": network(
        "let a = range(9999)", "for i in a { " + "if sum(a) == 0 { } " * 10_000 + "}"
    ),
    "loops of comparisons": network(
        "let a = range(9999)", "for i in a { " + "if a == a { } " * 10_000 + "}"
    ),
    "lists again and again": body("    let a@ = range(10000)\n"),
    "sums again and again": body("    let a@ = sum(r)\n", "}\n").replace(
        HEAD, HEAD + "    let r = range(10000)\n"
    ),
    "comparisons again and again": body("    let a@ = r == r\n", "}\n").replace(
        HEAD, HEAD + "    let r = range(9999)\n"
    ),
    "lists of lists again": body("    let a@ = [r]\n", "}\n").replace(
        HEAD, HEAD + "    let r = range(9000)\n"
    ),
    "lookups in a long table": body("    let a@ = t[9]\n", "}\n").replace(
        HEAD,
        HEAD
        + "    let t = {"
        + ", ".join(f"{i}: {i}" for i in range(9999, 5000, -1))
        + ", 9: 1}\n",
    ),
    "messages of long lists": body("    if range(10000)[0] { }\n    if range(10000)[-1] { }\n"),
    "keys that a long table lacks": body("    let a@ = t[0]\n", "}\n").replace(
        HEAD, HEAD + "    let t = {" + ", ".join(f"{i}: {i}" for i in range(1, 5_000)) + "}\n"
    ),
    "long sums of symbols": "network n(k = 1) {\n    input(3, 32, 32)\n"
    "    conv3x3("
    + " + ".join("k" for _ in range(180))
    + ")\n"
    + fill(f"    conv3x3({' + '.join('k' for _ in range(100))})\n", size=200_000)
    + "}\n",
    # much of one thing
    "many layers": body("    relu\n"),
    "many layers on a line": body("relu "),
    "many convolutions": body("    conv3x3(8)\n"),
    "many different convolutions": body("conv3x3(@)\n"),
    "many convolutions with annotations": body("    conv3x3(8) with freeze\n"),
    "many shares": body("    conv3x3(8) with share(conv3x3)\n"),
    "many stages": body("    stage s@ = 2 * b(8)\n", "}\n" + REST),
    "many shared stages": body("    stage s@ = 2 * b(8) with share(conv3x3)\n", "}\n" + REST),
    "many stages of many blocks": body("    stage s@ = 2 * c(8)\n", "}\n" + REST).replace(
        REST, "block c(w) { concat { identity branch { conv3x3(w) } } }\n"
    ),
    "many parts": body("    p@: { conv3x3(8) }\n"),
    "many residuals": body("    residual { conv3x3(3) }\n    relu\n"),
    "many branches": body("    branch { conv3x3(3) }\n", "}\n}\n").replace(
        HEAD, HEAD + "    concat {\n"
    ),
    "many branches added": body("    branch { conv3x3(3) }\n", "}\n}\n").replace(
        HEAD, HEAD + "    sum {\n"
    ),
    "many lets": body("    let a@ = @\n"),
    "many lets of lets": fill("    let a@ = a@ + 1\n", HEAD, "}\n"),
    "many equal lets": body("    let a = 1\n"),
    "many requires": body('    require true, "a"\n'),
    "many expects": body("    expect parameters == 1\n"),
    "many expects of one thing": body("    expect parameters == 0\n", "    relu\n}\n"),
    "many different expects": fill(
        "    expect parameters(a = @) == 0\n", "network n(a = 1) {\n    input(3, 8, 8)\n", "}\n"
    ),
    "many expects of many layers": fill(
        "    expect parameters(a = @) == 0\n",
        "network n(a = 1) {\n    input(3, 8, 8)\n    for i in range(9000) { conv3x3(8) }\n",
        "}\n",
        20_000,
    ),
    "many expects of parts": body("    expect s.output == [3, 32, 32]\n").replace(
        HEAD, HEAD + "    s: { relu }\n"
    ),
    "many inputs": body("    input(3, 32, 32)\n"),
    "many trains": body("    train = a@\n"),
    "many networks": fill("network n@ {\n    input(3, 8, 8)\n    relu\n}\n"),
    "many empty networks": fill("network n@ { }\n"),
    "many networks of many layers": fill(
        "network n@ {\n    input(3, 8, 8)\n    for i in range(9999) { conv3x3(8) }\n}\n"
    ),
    "many networks of many blocks": fill("network n@ { input(3) b@ }\nblock b@ { relu }\n"),
    "many blocks": fill("block b@(w) { conv3x3(w) }\n", HEAD + "    b0(8)\n}\n"),
    "many different blocks": HEAD
    + fill("b@(8)\n", size=40_000)
    + "}\n"
    + fill("block b@(w) { conv3x3(w) }\n", size=200_000),
    "many equal blocks": fill("block b(w) { conv3x3(w) }\n", HEAD + "    b(8)\n}\n"),
    "many recipes": fill("train r@ {\n    batch = 1\n}\n"),
    "many settings": fill("    a@ = 1\n", network("relu", "train = r") + "train r {\n", "}\n"),
    "many equal settings": fill(
        "    batch = 1\n", network("relu", "train = r") + "train r {\n", "}\n"
    ),
    "many numbers in a setting": fill(
        "@, ", network("relu", "train = r") + "train r {\n    schedule = steps(at = [", "])\n}\n"
    ),
    "many parameters": fill("a@ = 1, ", "network n(", ") {\n    input(3, 8, 8)\n    relu\n}\n"),
    "many used parameters": fill("a@ = 1, ", "network n(", ") {\n    input(3)\n", size=120_000)
    + fill("let b@ = a@\n", tail="}\n", size=120_000),
    "many equal parameters": fill("a, ", "network n(", ") {\n    input(3, 8, 8)\n    relu\n}\n"),
    "many parameters of a block": fill(
        "a@ = in_channels, ", HEAD + "    b\n}\nblock b(", ") { relu }\n"
    ),
    "many arguments": body("1, ", "1)\n}\n").replace(HEAD, HEAD + "    conv3x3("),
    "many named arguments": body("a@ = 1, ", "b = 1)\n}\n").replace(HEAD, HEAD + "    conv3x3("),
    "many equal arguments": body("a = 1, ", "b = 1)\n}\n").replace(HEAD, HEAD + "    conv3x3("),
    "many annotations": body("freeze, ", "freeze\n}\n").replace(HEAD, HEAD + "    relu with "),
    "many share selectors": body("conv3x3, ", "conv3x3)\n}\n").replace(
        HEAD, HEAD + "    conv3x3(8) with share("
    ),
    "many annotations inside one another": body("stem with share(conv3x3) { ", "}" * 90),
    "long list": body("1, ", "1]\n}\n").replace(HEAD, HEAD + "    let a = ["),
    "long table": body("@: 1, ", "a: 1}\n}\n").replace(HEAD, HEAD + "    let a = {"),
    "long table of 9000": network(
        "let a = {" + ", ".join(f"{i}: 1" for i in range(4_900)) + "}", "relu"
    ),
    "long loop over a list": body("8, ", "8] { conv3x3(i) }\n}\n", size=30_000).replace(
        HEAD, HEAD + "    for i in ["
    ),
    "many names of an import": fill("a@, ", "import ", 'z from "x.arch"\n'),
    "many imports": fill('import a@ from "x@.arch"\n'),
    "many imports of itself": fill('import a@ from "spec.arch"\n'),
    "many operators on a line": body("1 + ", "1\n}\n").replace(HEAD, HEAD + "    let a = "),
    "many comparisons on a line": body("1 == ", "1\n}\n").replace(HEAD, HEAD + "    let a = "),
    "many factors": body("1 * ", "b(8)\n}\n" + REST).replace(HEAD, HEAD + "    stage s = "),
    # long things
    # names in quotes, names that are computed, no levels, sequences, factors of a product
    "quoted names, many": body('    "a@": conv3x3(8)\n'),
    "quoted names, many equal": body('    "0": conv3x3(8)\n'),
    "quoted names, many computed": body('    "a{@ + 1}": conv3x3(8)\n'),
    "quoted names, computed in loops": network('for i in range(10000) { "a{i}": conv3x3(8) }'),
    "quoted names, computed from lists": network(
        'for i in range(10000) { "a{sum(range(10000)) + i}": relu }'
    ),
    "quoted names, of stages": body('    stage "s@" { "a": conv3x3(8) "b": conv3x3(8) }\n'),
    "quoted name of many numbers": network('"' + "{1}" * 80_000 + '": relu'),
    "quoted name of a large number": network('"a{10 ** 29}{10 ** 29}{10 ** 29}{10 ** 29}": relu'),
    "quoted name of a long sum": network('"{' + "1 + " * 60_000 + '1}": relu'),
    "quoted name, long": network('"' + "a" * SIZE + '": relu'),
    "quoted name, a long number": network('p: { "' + "9" * 90 + '": conv3x3(8) conv3x3(8) }'),
    "quoted name, a very long number": network('p: { "' + "9" * 20_000 + '": conv3x3(8) }'),
    "quoted name, braces": network('"' + "{" * 100_000 + '": relu'),
    "quoted name, braces in braces": network('"' + nested("{", "}", 50_000, "1") + '": relu'),
    "quoted name, brackets": network('"{' + nested("(", ")", 30_000, "1") + '}": relu'),
    "quoted names, no end": body('    "a@: relu\n'),
    "quoted names, numbers in turn": network(
        "p: { " + " ".join(f'"{2 * i}": conv3x3(8) conv3x3(8)' for i in range(5_000)) + " }"
    ),
    **{
        f"no level, nested {name} {depth}": network(nested(before, after, depth, "conv3x3(3)"))
        for depth in (90, 20_000)
        for name, before, after in (
            ("bodies", '"": { ', " }"),
            ("branches", 'sum { identity "": branch { ', " } }"),
            ("products", 'product { scale(dims = 3) "": branch { ', " } }"),
        )
    },
    "no level, many bodies": body('    "": { conv3x3(8) }\n'),
    "no level, many blocks": body('    "": b(8)\n', "}\n" + REST),
    "no level, many branches": body('    sum { identity "": branch { relu } }\n'),
    "no level, block of itself": HEAD + '    "": b(3)\n}\nblock b(w) { "": b(w) }\n',
    "no level, blocks that double": HEAD
    + '    "": b0()\n}\n'
    + "".join(f'block b{i} {{ "": b{i + 1}() "": b{i + 1}() }}\n' for i in range(90))
    + "block b90 { conv3x3(8) }\n",
    "no level, a stage": network('stage "": 3 * b(8)') + REST,
    "sequences, many": fill("sequence b@(w) { conv3x3(w) bn }\n", HEAD + "    b0(8)\n}\n"),
    "sequence of many layers": fill("conv3x3(8) bn\n", HEAD + "    b\n}\nsequence b {\n", "}\n"),
    "sequence of itself": HEAD + "    b(3)\n}\nsequence b(w) { b(w) }\n",
    "sequences that double": HEAD
    + "    b0()\n}\n"
    + "".join(f"sequence b{i} {{ b{i + 1}() b{i + 1}() }}\n" for i in range(90))
    + "sequence b90 { conv3x3(8) }\n",
    "sequence, a run of 10^9": HEAD + "    stage s = 1000000000 * b(3)\n}\nsequence b(w) { bn }\n",
    "sequences of loops": HEAD
    + "    b(3)\n}\nsequence b(w) { for i in range(10000) { conv3x3(i + 1) } }\n",
    "factors, many": fill("scale(dims = 3)\n", HEAD + "    product {\n", "identity } }\n"),
    "factors, in loops": network(
        "product { for i in range(10000) { scale(i, dims = 3) } identity }"
    ),
    "factors, in a run of 10^9": HEAD
    + "    stage s = 1000000000 * b\n}\nblock b { product { scale(dims = 3) identity } }\n",
    "long name": f"network {'n' * SIZE} {{ }}\n",
    "long name that works": f"network {'n' * 100_000} {{\n    input(3)\n    relu\n}}\n",
    "long names": fill(f"let {'a' * 500}@ = 1\n", HEAD, "}\n"),
    "long label": network("a" * 100_000 + ": conv3x3(8)"),
    "long block name": HEAD
    + f"    {'b' * 80_000}(8)\n}}\nblock {'b' * 80_000}(w) {{ conv3x3(w) }}\n",
    "long unknown layer": network("c" * 200_000),
    "long unknown argument": network(f"conv3x3(8, {'c' * 200_000} = 1)"),
    "long number": network("conv3x3(" + "1" * 200_000 + ")"),
    "long fraction": network("dropout(0." + "1" * 200_000 + ")"),
    "long exponent": network("dropout(1e" + "9" * 200_000 + ")"),
    "underscores": network("conv3x3(1" + "_" * 200_000 + ")"),
    "long string": network('require false, "' + "a" * 200_000 + '"'),
    "long open string": network('require false, "' + "a" * 200_000),
    "long comment": "#" * SIZE + "\n",
    "long comment behind": HEAD.replace("\n", " #" + "c" * 200_000 + "\n", 1) + "    relu\n}\n",
    "many comments": fill("# a\n"),
    "many comments behind": body("    relu # a\n"),
    "many quotes": '"' * SIZE,
    "many strings": fill('"a" '),
    "blanks": " " * SIZE,
    "tabs": "\t" * SIZE,
    "lines": "\n" * SIZE,
    "carriage returns": "\r" * SIZE,
    "long line of blanks": network(" " * 200_000 + "relu"),
    "indentation": "\n".join(" " * i for i in range(700)),
    # thousands of mistakes
    "each line is no item": body("    ) relu\n"),
    "each line is no word": fill("$\n"),
    "each line is a word": fill("a\n"),
    "each line is an open declaration": fill("network\n"),
    "each line is an open network": fill("network n@ {\n"),
    "each line is a wrong block": fill("block b@ { ) }\n"),
    "each line is a wrong network": fill("network n@ { conv3x3 ( }\n"),
    "each line is a wrong import": fill("import a from b\n"),
    "each line is an open string": fill('network n@ { "a\n'),
    "each line is an unknown layer": body("    lay@\n"),
    "each line is an unknown layer of one letter": body("    a\n"),
    "each line is an unknown argument": body("    conv3x3(8, a@ = 1)\n"),
    "each line is an unknown variable": body("    let b@ = a@\n"),
    "each line is an unknown function": body("    let b@ = f@(1)\n"),
    "each line is an unknown annotation": body("    relu with a@\n"),
    "each line is an unmet requirement": body('    require false, "a"\n'),
    "each line divides by zero": body("    let a@ = 1 / 0\n"),
    "each line shares a line": body("    let a@ = 1 let b@ = 1\n"),
    "each line is an unknown stage": body("    stage s@ = 2 * c@(8)\n"),
    "each line names a keyword": body("    class: relu\n"),
    "each block is an unknown layer": fill("block b@ { lay@ }\n", network("relu")),
    "unknown names among many lets": body("    let let@ = 1\n    let@x\n"),
    "unknown names among many blocks": fill("block blo@ { blx@ }\n", network("relu")),
    "unknown arguments among many": fill(
        "par@ = 1, ", "network n(", ") {\n    input(3)\n    relu\n", 120_000
    )
    + fill("expect parameters(pax@ = 1) == 1\n", tail="}\n", size=120_000),
    "unknown recipe among many": network("relu", "train = recipf")
    + fill("train recipe@ { batch = 1 }\n"),
    "each setting is unknown": fill(
        "    bitch@ = 1\n", network("relu", "train = r") + "train r {\n", "}\n"
    ),
    "unused parameters": fill("a@ = 1, ", "network n(", ") {\n    input(3)\n    relu\n}\n"),
    "unused parameters of blocks": fill("block b@(w = 1) { relu }\n", network("relu")),
    "equal names": fill("block b { relu }\n"),
    "unshared": body("    conv3x3(8) with share(conv5x5)\n"),
    "failing networks": fill("network n@ {\n    input(3)\n    conv3x3(8)\n}\n"),
    "branches that differ": body("    sum { branch { conv3x3(8) } identity }\n"),
    "many channels that differ": body("branch { conv3x3(@) }\n", "}\n}\n").replace(
        HEAD, HEAD + "    sum {\n"
    ),
    "groups that do not divide": body("    conv3x3(8, groups = 999999999999999)\n"),
    "groups of large channels": network(
        f"conv1x1({2**89 - 1})", f"conv1x1({2**89 - 1}, groups = 3)", "relu"
    ),
    "groups of highly composite channels": network(
        "conv1x1(897612484786617600)", "conv1x1(897612484786617600, groups = 37)"
    ),
    "map that vanishes": "network n {\n    input(3, 1, 1)\n"
    + fill("    maxpool3x3(stride = 2, padding = 0)\n", size=20_000)
    + "}\n",
    # sizes that are tried, where none fits
    **{
        f"a map that does not fit behind {what}": network(
            f"for i in range({n}) {{ {item} }}",
            "maxpool(kernel = 2000, padding = 0)",
        )
        + "block dense(growth) { concat { identity branch { bn relu conv3x3(growth) } } }\n"
        "block c(w) { conv3x3(w) bn relu }\n"
        for what, n, item in (
            ("dense blocks", 2_700, "dense(12)"),
            ("some dense blocks", 300, "dense(i + 1)"),
            ("layers", 9_900, "conv3x3(i + 1)"),
            ("some layers", 3_000, "conv3x3(i + 1)"),
            ("blocks", 2_500, "c(i + 1)"),
            ("loops", 5_000, "let a = sum(range(50))"),
        )
    },
    "a map that does not fit behind a run": HEAD
    + "    stage s = 2000 * b(8)\n    maxpool(kernel = 2000, padding = 0)\n}\n"
    "block b(w) { conv3x3(in_channels + w) relu }\n",
    # maps that have a name
    "marks in a loop": network("for i in range(10000) { mark l[i] relu }"),
    "marks by hand": body("mark m@ relu\n"),
    "marks that are used": body("mark m@ relu sum { identity m@ }\n"),
    "unknown maps": body("sum { identity branch from c@ { relu } }\n"),
    "many marks, joined again and again": network(
        "for i in range(1000) { mark l[i] relu }", "for i in range(20) { sum { for m in l { m } } }"
    ),
    "marks backwards": network(
        "for i in range(1000) { mark l[1000 - i] relu }", "sum { for p in l { l[p] } }"
    ),
    "many maps for many blocks": network(
        "for i in range(999) { mark l[i] relu }", "for i in range(1000) { up(l) }"
    )
    + "block up(more: maps) { sum { identity more[0] } }\n",
    "many maps in a recursion": network("for i in range(900) { mark l[i] relu }", "r(90, l)")
    + "block r(n, s: maps) { relu sum { s[n] identity } if n > 0 { r(n - 1, s) } }\n",
    "maps in a recursion that doubles": network("mark c", "r(90, c)")
    + "block r(n, s: map) {\nrelu mark d sum { s identity }\n"
    "if n > 0 { r(n - 1, d) r(n - 1, s) }\n}\n",
    "maps from far outside": network("mark c", "f: { relu " * 90 + "sum { c identity }" + "}" * 90),
    "defaults that are other maps": network("relu")
    + "block b(p0: map"
    + "".join(f", p{i + 1}: map = p{i}" for i in range(3000))
    + ") { relu }\n",
    "a place in a place": network("mark l[0]", "sum { identity l" + "[0]" * 20_000 + " }"),
    "places of a mark": network("mark l" + "[0]" * 20_000),
    # several inputs and outputs, and modules that are used again
    "inputs by hand": "network n {\n"
    + "".join(f"input i{i}(3, 8, 8)\n" for i in range(1_500))
    + f"sum {{ {' '.join(f'i{i}' for i in range(1_500))} }}\n}}\n",
    "outputs by hand": network("mark c", *(f"output o{i} from c {{ relu }}" for i in range(1_500))),
    "outputs in a loop": network("for i in range(3000) { output o[i] { conv3x3(4) bn } }"),
    "outputs that are a map": network("mark c", "for i in range(10000) { output o[i] = c }"),
    "outputs of training": network("for i in range(2000) { output o[i] during training { relu } }"),
    "places of an output": network("output l" + "[0]" * 20_000),
    "a module that is used often": network("shared s = u", "for i in range(9000) { s }")
    + "block u { conv3x3(3) }\n",
    "modules by hand": network(*(f"shared s{i} = u\ns{i}" for i in range(1_500)))
    + "block u { conv3x3(3) }\n",
    "modules in a recursion that doubles": network("shared s = u(90)", "s", "s")
    + "block u(d) {\nif d > 0 {\nshared t = u(d - 1)\nt t\n} else { conv3x3(3) }\n}\n",
    "a large module again and again": network("shared s = u", "for i in range(100) { s }")
    + "block u { for i in range(200) { conv3x3(i + 1) } conv3x3(3) }\n",
    # what a spec may look like and must not
    "empty": "",
    "a comment": "# nothing",
    "NUL": "network n { \0 }",
    "NULs": "\0" * SIZE,
    "byte order marks": "\ufeff" * 1000 + network("relu"),
    "right to left": network("relu # \u202e } \u2066 { \u2069"),
    "astral": "\U0001f600" * (SIZE // 4),
    "combining": "network n\u0301 { }",
    "homoglyphs": "n\u0435twork n { input(3) relu }",
}
