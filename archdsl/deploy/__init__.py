"""Checkpoint -> the weights of the deployed network. Torch is imported by what needs it only."""
