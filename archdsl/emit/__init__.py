"""Network -> plan -> the text of generated files."""
