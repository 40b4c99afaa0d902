"""What docstrings say."""
