"""`StreamRetry`: how often, and after which pauses, a stream that broke is opened again."""

import random
from dataclasses import dataclass

# Jitter needs no seed, and a shared generator could be seeded by the caller's program.
_random = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class StreamRetry:
    """How often, and after which pauses, a broken stream is opened again.

    The pause before the n-th try in a row is drawn evenly from 0 to
    min(max_backoff_s, initial_backoff_s · 2ⁿ⁻¹): the "full jitter" of
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

    Attributes:
        max_tries: most tries in a row without progress in between; 0 for none.
        initial_backoff_s: longest pause before the first try, in seconds.
        max_backoff_s: longest pause before any try, in seconds.
    """

    max_tries: int
    initial_backoff_s: float
    max_backoff_s: float

    def pause_s(self, failures: int) -> float:
        """Draws the pause after so many failures in a row, in seconds."""
        return _random.uniform(0, min(self.max_backoff_s, self.initial_backoff_s * 2 ** (failures - 1)))
