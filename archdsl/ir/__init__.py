"""The network: layers, nodes, numbers and shapes."""
