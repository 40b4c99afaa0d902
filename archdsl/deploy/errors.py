"""What is wrong with a checkpoint."""


class DeployError(Exception):
    """A checkpoint is not one of the network, or what would be written is in the way."""
