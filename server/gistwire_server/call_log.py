"""One structured line for each call that ends: what, how, how long; never what the user asked."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def logged_call(rpc: str, request_id: str) -> AsyncIterator[None]:
    """Logs a call when the block ends; everything that is logged inside carries its request id."""
    started = time.monotonic()
    outcome = "ok"
    with structlog.contextvars.bound_contextvars(rpc=rpc, request_id=request_id):
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            outcome = "cancelled"
            raise
        except Exception as error:
            outcome = type(error).__name__
            raise
        finally:
            _log.info("call", outcome=outcome, duration_ms=round((time.monotonic() - started) * 1_000, 1))
