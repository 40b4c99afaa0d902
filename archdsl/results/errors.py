"""What is wrong with a run, a published figure or a plot."""


class RunError(Exception):
    """There is no report: one sentence, which names the file and the line where there is one."""
