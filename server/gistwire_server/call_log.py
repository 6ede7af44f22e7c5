"""The server's log: one structured line for each call that ends, and never what the user asked."""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

# Local variables hold what users ask and do.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)

_log = structlog.get_logger(__name__)


def configure_log() -> None:
    """Sends the log of this process to standard error: JSON lines, or readable ones in a terminal."""
    in_terminal = sys.stderr.isatty()
    rendering: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if in_terminal
        else [_TRACEBACKS, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *rendering,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


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
