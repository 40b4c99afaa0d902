"""What a paper's table of an architecture says: rows of layers and of blocks in brackets."""
