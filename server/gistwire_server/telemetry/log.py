"""The server's log: one structured line for each event, on standard error, and never what a user or an article says.

What is said with an error may be such text, so lines tell of its type and of where it was raised. The same goes for
what libraries log: it is told by the line of code that logs.
"""

import logging
import sys
import traceback
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import structlog
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_models.tracing import current_trace_id

from gistwire_server.telemetry.config import TelemetryConfig

_TELLING_ERRORS = (IndexUnavailableError,)
"""Errors whose messages are Gistwire's own words alone."""
_TELLING_LOGGERS = ("opentelemetry.exporter",)
"""Libraries that see no text of users or articles; theirs is how an operator learns that traces get lost."""

_library_log = structlog.get_logger("library")

_Event = MutableMapping[str, Any]
_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def configure_log(config: TelemetryConfig) -> None:
    """Sends the log of this process to standard error, that of libraries, too."""
    in_text = config.log_format == "text" or (config.log_format == "auto" and sys.stderr.isatty())
    level = logging.getLevelNamesMapping()[config.log_level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _add_trace,
            _tell_error_as_text if in_text else _tell_error,
            structlog.dev.ConsoleRenderer() if in_text else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, LibraryLogHandler)]:
        root.removeHandler(handler)
    root.addHandler(LibraryLogHandler())
    root.setLevel(level)


@contextmanager
def log_context(rpc: str, request_id: str) -> Iterator[None]:
    """Has all that is logged while the block runs say which call it belongs to."""
    structlog.contextvars.bind_contextvars(rpc=rpc, request_id=request_id)
    try:
        yield
    finally:
        # Not what was there before: a stream whose reader has gone is closed in another context, which lacks it.
        structlog.contextvars.unbind_contextvars("rpc", "request_id")


class LibraryLogHandler(logging.Handler):
    """Writes what libraries log as lines of the server's log, without what they say."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a record."""
        said = {"message": record.getMessage()} if record.name.startswith(_TELLING_LOGGERS) else {}
        _library_log.log(
            record.levelno,
            "library",
            logger=record.name,
            where=f"{record.module}.{record.funcName}:{record.lineno}",
            exc_info=record.exc_info,
            **said,
        )


def _add_trace(logger: object, method: str, event: _Event) -> _Event:  # noqa: ARG001 (the processor's signature)
    trace_id = current_trace_id()
    if trace_id is not None:
        event["trace_id"] = trace_id
    return event


def _tell_error(logger: object, method: str, event: _Event) -> _Event:  # noqa: ARG001
    error = _error_of(event.pop("exc_info", None))
    if error is not None:
        event["exception"] = [_described(each) for each in _chain(error)]
    return event


def _tell_error_as_text(logger: object, method: str, event: _Event) -> _Event:
    event = _tell_error(logger, method, event)
    if "exception" in event:
        lines: list[str] = []
        for each in event["exception"]:
            lines.append(": ".join(filter(None, (each["type"], each.get("message")))))
            lines += [f"  {frame}" for frame in each["frames"]]
        event["exception"] = "\n".join(lines)
    return event


def _error_of(
    exc_info: BaseException | _ExcInfo | tuple[None, None, None] | bool | None,
) -> BaseException | None:
    match exc_info:
        case BaseException():
            return exc_info
        case (_, error, _):
            return error
        case True:
            return sys.exception()
        case _:
            return None


def _chain(error: BaseException) -> Sequence[BaseException]:
    """An error and what it came from, the last one first."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    return chain


def _described(error: BaseException) -> dict[str, Any]:
    described: dict[str, Any] = {
        "type": type(error).__qualname__,
        "frames": [
            f"{frame.filename}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ],
    }
    if isinstance(error, _TELLING_ERRORS):
        described["message"] = str(error)
    if isinstance(error, BaseExceptionGroup):
        described["errors"] = [_described(each) for each in error.exceptions]
    return described
