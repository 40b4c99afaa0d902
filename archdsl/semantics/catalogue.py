"""The layers of the language, by word.

`docs/extending.md` says how to add one.
"""

from archdsl.semantics.kinds import convolutions, moving, normalization, others, pooling
from archdsl.semantics.kinds.rows import LayerKind

ROWS: dict[str, LayerKind] = {
    **convolutions.ROWS,
    **normalization.ROWS,
    **pooling.ROWS,
    **others.ROWS,
    **moving.ROWS,
}
