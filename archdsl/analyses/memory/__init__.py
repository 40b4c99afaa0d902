"""What a network needs of memory and time, computed from the network alone."""
