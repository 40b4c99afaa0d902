"""Which classes a family has: instances, what brings them together, what they are called."""
