"""Errors of the backends that tests start.

BackendUnavailableError     a backend cannot be had on this machine, or does not answer
"""


class BackendUnavailableError(Exception):
    """A backend cannot be had on this machine, or does not answer; the message says what is missing."""
