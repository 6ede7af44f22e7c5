"""Seconds that a test moves on: `Clock`."""


class Clock:
    """A clock that stands until a test moves it.

    Attributes:
        now: the time, in seconds.
    """

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now
