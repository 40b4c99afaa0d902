"""The calls that construct modules: layers, weight schemes, and generated classes."""
