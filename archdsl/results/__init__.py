"""Results: the logs that train.py writes, which of them are one result, and their curves."""
