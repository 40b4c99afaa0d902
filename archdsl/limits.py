"""Bounds on what a spec may ask for: a spec is untrusted."""

MAX_FILE_BYTES = 256 * 1024
MAX_WORDS = 20_000  # of a file, comments not counted; and of its names in quotes
MAX_NESTING = 100  # brackets and blocks inside one another
MAX_EXPRESSION_DEPTH = 200  # operators inside one another
MAX_VALUES = 10_000  # of a list or table, turns of a loop
MAX_STEPS = 22_000  # different layers, blocks, branches and loop iterations of a network, in all
MAX_WRITTEN_LAYERS = 2_000  # of a class in generated code: of a block, or outside of blocks
MAX_DEPTH = 500  # bodies inside one another, those of blocks that are called among them
MAX_WORK = 600_000  # values, items and declarations looked at to build a spec's networks
PROBE_WORK = 100_000  # of all further members of a family that are tried, together
SIZES_WORK = 150_000  # of it, to find input sizes that would work, all that are tried together
STEP_WORK = 20  # of a layer, a block or an iteration
MAX_LAYOUT = 300_000  # words that `fmt` looks at to break lines, each time that it does
MAX_INTEGER = 10**30
MAX_SIZE = 2**63 - 1  # channels, features and groups that PyTorch takes
MAX_WINDOW = 2**31 - 1  # kernels, strides, paddings and dilations that it takes of all layers
MAX_BLUR = 64  # pixels that a blur goes over: it takes as many means
MAX_BATCH = 2**24  # inputs of a training step whose memory is asked for
MAX_ENDS = 1_000  # inputs of a network, and outputs
MAX_NAME = 100  # characters of the name of a member, in quotes
MAX_DIGITS = 40  # of a number as written
MAX_EXPONENT = 30  # of a number as written, either sign
MAX_TENSOR_ROWS = 100_000  # rows that `--tensors` lists
MAX_LIST_BYTES = 16 * 2**20  # of a list of entries, and of a header that lists them
MAX_PHASES = 100  # of a network that grows
MAX_PIECES = 1_000  # that old channels of one map lie in, new ones between them
MAX_MEMBERS = 2_000_000  # of a sweep
MAX_BUILT = 10_000  # of them, those that no closed form is for
LIFTED_NODES = 60_000  # layers, blocks and others, in all networks that closed forms come from
MAX_CASES = 24  # of closed forms, that are looked for
MAX_TRIED = 80  # members that are built to find them
TRIED_WORK = 3_000_000  # that building them may take, in all; the last one may take MAX_WORK more
MAX_IMPORTS = 100  # files
MAX_DIAGNOSTICS = 50  # mistakes, and doubts, that are reported

# Of the logs that `archdsl report` reads, which are untrusted, too.
MAX_LOG_BYTES = 16 * 2**20  # some 50,000 epochs
MAX_RUNS = 1_000
MAX_MARKS = 1_000  # maps in a list
