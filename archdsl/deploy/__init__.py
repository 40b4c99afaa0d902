"""Checkpoint -> the weights of the deployed network, or what is in it; torch is imported late."""
