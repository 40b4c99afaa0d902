"""The table of an architecture as papers print it."""
