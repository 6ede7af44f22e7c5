"""Guards a cluster that fails or is slow: `GuardedTransport`, which `connect` gives to the client."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import structlog
from elastic_transport import ConnectionError as TransportConnectionError
from elastic_transport import ConnectionTimeout, TransportApiResponse
from gistwire_models.circuit_breaker import BreakerState, CircuitBreaker
from gistwire_models.retry_budget import RetryBudget

from gistwire_indexer.elasticsearch.tracing import TracedTransport

_OPEN_AFTER_FAILURES = 5
_OPEN_S = 0.5

# A search comes through within this time of the cluster's return, and is let through alone until then.
_MAX_OPEN_S = 4.0

# Reads take milliseconds. One that was given up after this time, because its caller's deadline passed, has failed.
_UNANSWERED_S = 0.5

# So long the request that tries whether the cluster is back may take: its reader had better be told soon.
_TRIAL_TIMEOUT_S = 2.0

_RETRY_SHARE = 0.1

# A proxy has no node to pass the request on to. 503 is not among them: it may be about one index.
_NO_NODE = (502, 504)

_READS = ("/_search", "/_msearch", "/_mget", "/_count")

_log = structlog.get_logger(__name__)


class CircuitOpenError(TransportConnectionError):
    """The cluster failed several requests in a row, so this one was not sent."""


class GuardedTransport(TracedTransport):
    """Sends requests while the cluster is well, and repeats few of them.

    After five failures in a row requests fail at once, until one of them, let through as a trial, is answered. A
    request that met no node is repeated once, on another node if there are several, as long as such repetitions are
    at most a tenth of all requests.

    Attributes:
        breaker: whether the cluster gets requests.
    """

    def __init__(self, *args: Any, clock: Callable[[], float] = time.monotonic, **options: Any) -> None:
        super().__init__(*args, **options)
        self._clock = clock
        self.breaker = CircuitBreaker(
            failures=_OPEN_AFTER_FAILURES,
            # Servers that saw the cluster fail together do not try it together.
            open_s=_OPEN_S * random.uniform(0.8, 1.2),  # noqa: S311 (no secret)
            max_open_s=_MAX_OPEN_S,
            clock=clock,
        )
        self._retries = RetryBudget(share=_RETRY_SHARE)

    async def perform_request(self, method: str, target: str, **options: Any) -> TransportApiResponse:  # type: ignore[override]
        """Performs a request, as AsyncTransport says.

        Raises:
            CircuitOpenError: the cluster does not answer of late.
        """
        is_read = target.partition("?")[0].endswith(_READS)
        is_trial = self.breaker.begin_trial()
        if not is_trial and self.breaker.state is not BreakerState.CLOSED:
            raise CircuitOpenError("the cluster fails, and is left alone for a while")
        if is_trial and is_read:
            options["request_timeout"] = _TRIAL_TIMEOUT_S
        started = self._clock()
        try:
            response = await self._perform(method, target, options)
        except asyncio.CancelledError:
            if is_read and self._clock() - started >= _UNANSWERED_S:
                self._note_failure()
            elif is_trial:
                self.breaker.abandon_trial()
            raise
        except (TransportConnectionError, ConnectionTimeout):
            self._note_failure()
            raise
        except BaseException:
            # The cluster has answered, or the request never left: neither tells that it fails.
            if is_trial:
                self.breaker.abandon_trial()
            raise
        if response.meta.status in _NO_NODE:
            self._note_failure()
        else:
            self._note_answer()
        return response

    async def _perform(self, method: str, target: str, options: dict[str, Any]) -> TransportApiResponse:
        """Sends a request, and once more if it met no node and that is affordable."""
        options["max_retries"] = 0
        self._retries.earn()
        try:
            response = await super().perform_request(method, target, **options)
        except TransportConnectionError:
            if not self._may_repeat():
                raise
        else:
            if response.meta.status not in _NO_NODE or not self._may_repeat():
                return response
        self._retries.spend()
        return await super().perform_request(method, target, **options)

    def _may_repeat(self) -> bool:
        # What is sent while the breaker is not closed is the trial, which is to be one request.
        return self.breaker.state is BreakerState.CLOSED and self._retries.affords()

    def _note_failure(self) -> None:
        was_closed = self.breaker.state is BreakerState.CLOSED
        self.breaker.fail()
        if was_closed and self.breaker.state is not BreakerState.CLOSED:
            _log.warning("elasticsearch_breaker_opened")

    def _note_answer(self) -> None:
        was_closed = self.breaker.state is BreakerState.CLOSED
        self.breaker.succeed()
        if not was_closed:
            _log.info("elasticsearch_breaker_closed")
