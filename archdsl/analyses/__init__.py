"""Analyses: facts about a network, computed without unfolding its repetition."""
