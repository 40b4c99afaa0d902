"""Bounds on what a spec may ask for: a spec is untrusted."""

MAX_FILE_BYTES = 256 * 1024
MAX_NESTING = 100  # brackets and blocks inside one another
MAX_EXPRESSION_DEPTH = 200  # operators inside one another
MAX_DIFFERENT_BLOCKS = 10_000  # blocks elaborated one by one, loop iterations, layers written out
MAX_STEPS = 60_000  # different layers, blocks and loop iterations of a network, in all
MAX_INTEGER = 10**30
MAX_DIGITS = 40  # of a number as written
MAX_EXPONENT = 30  # of a number as written, either sign
MAX_TENSOR_ROWS = 100_000  # rows that `--tensors` lists
MAX_IMPORTS = 100  # files
