"""How many requests may be repeated: `RetryBudget`, a limited share of all, for each kind of backend."""


class RetryBudget:
    """Lets a share of requests be sent again, so that repeating cannot bring down a backend that is merely slow.

    Each request earns a part of a repetition, and what is earned is kept up to a limit: a backend that fails after a
    quiet time meets a few repetitions more than the share, and never a second load as large as the first. As in
    Finagle's retry budgets and gRPC's retry throttling (proposal A6).

    Args:
        share: repetitions as a share of requests, in [0, 1].
        reserve: most repetitions that are kept for later; as many may be made at first.
    """

    def __init__(self, *, share: float, reserve: float = 10.0) -> None:
        self._share = share
        self._reserve = reserve
        self._earned = reserve

    def earn(self) -> None:
        """Takes note of a request that is sent for the first time."""
        self._earned = min(self._reserve, self._earned + self._share)

    def affords(self) -> bool:
        """Whether a request may be repeated now."""
        return self._earned >= 1

    def spend(self) -> None:
        """Takes note of a repetition."""
        self._earned -= 1
