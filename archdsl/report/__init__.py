"""Reports: a network and its counts as tables and as a JSON object."""
