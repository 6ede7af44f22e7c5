"""What engines on other servers tell of them: `HasEndpoints`, for whoever watches a deployment."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class HasEndpoints(Protocol):
    """An engine whose model is on other servers."""

    def endpoint_states(self) -> dict[str, str]:
        """The state of each server's circuit breaker, by the server's address: closed, open or half-open."""
        ...
