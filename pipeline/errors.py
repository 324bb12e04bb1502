"""Errors whose message is all that a person needs to see."""


class UsageError(Exception):
    """A command that cannot be carried out as it was given; exit status 2."""


class RunError(Exception):
    """A run that started and stopped; exit status 1."""
