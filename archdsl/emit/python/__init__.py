"""Python as values: nodes, their text, and names that are free in it."""
