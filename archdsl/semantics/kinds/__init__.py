"""Kinds of layers: what a call of each makes of the map that it is given."""
