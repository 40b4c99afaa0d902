"""Growth: where the channels of a phase lie in the next one, and what the larger network begins as.

matching.py   the networks of all phases, node beside node: each phase is in the next one
layouts.py    where old channels lie among new ones
channels.py   what each kind of layer makes of them
sameness.py   what must be zero so that the larger network computes the same
fixing.py     the networks again, with what is fixed in each phase
growing.py    all of it, for whoever counts or writes
"""
