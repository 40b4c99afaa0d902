"""archdsl: an architecture-DSL compiler for convolutional networks."""
