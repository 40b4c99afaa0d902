"""Growth: where the channels of a phase lie in the next one, and what the larger network begins as.

matching.py   the networks of all phases, node beside node: each phase is in the next one
layouts.py    where old channels lie among new ones
channels.py   what each kind of layer makes of them
sameness.py   what must be zero so that the larger network computes the same
ends.py       what makes zero what a new block adds
rows.py       where the channels lie that a layer's tensors go over
fixing.py     the networks again, with what is fixed in each phase
growing.py    all of it, for whoever counts or writes
costs.py      what a training costs that begins with a small network
"""
