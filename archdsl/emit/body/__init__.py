"""The text of a class: its steps, merged from all instances, as `__init__` and `forward`."""
