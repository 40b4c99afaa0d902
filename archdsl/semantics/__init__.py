"""Tree to network: names, values, annotations, sharing, shapes."""
