"""`run_to_end`: runs a command's coroutine, and turns its errors into messages and exit statuses."""

import asyncio
import os
import sys
from collections.abc import Coroutine
from contextlib import suppress
from enum import IntEnum
from typing import Any

import click

from gistwire_client.errors import GistwireClientError, RequestRefusedError, UnreachableError
from gistwire_client.terminal.safe_text import folded


class ExitStatus(IntEnum):
    """What a command's end tells the shell."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    UNREACHABLE = 4
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    """As the shell reports a process that SIGPIPE ended."""


def run_to_end(coroutine: Coroutine[Any, Any, None]) -> None:
    """Runs a command.

    Raises:
        click.exceptions.Exit: it failed; a message is on standard error, and the status says how.
    """
    try:
        asyncio.run(coroutine)
    except BrokenPipeError:
        _silence_standard_output()
        raise click.exceptions.Exit(ExitStatus.PIPE_CLOSED) from None
    except GistwireClientError as error:
        click.echo(_explanation(error), err=True)
        raise click.exceptions.Exit(_status(error)) from error


def _status(error: GistwireClientError) -> ExitStatus:
    match error:
        case RequestRefusedError():
            return ExitStatus.REFUSED
        case UnreachableError():
            return ExitStatus.UNREACHABLE
        case _:
            return ExitStatus.FAILED


def _explanation(error: GistwireClientError) -> str:
    kind = {ExitStatus.REFUSED: "refused", ExitStatus.UNREACHABLE: "unreachable"}.get(
        _status(error), "failed"
    )
    reason = f" ({folded(error.reason)})" if error.reason else ""
    lines = [f"{kind}: {folded(str(error))}{reason}"]
    if isinstance(error, RequestRefusedError):
        lines += [f"  {folded(each.field)}: {folded(each.description)}" for each in error.violations]
        if error.retry_after_s is not None:
            lines.append(f"  try again after {error.retry_after_s:.1f} s")
    return "\n".join(lines)


def _silence_standard_output() -> None:
    # Python flushes standard output once more when it ends, and would complain of the closed pipe.
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
