"""A server that tests watch from outside: one of any configuration, which says how it does for each line it is sent.

python -m tests.faults.server_process FIELDS  # those of its configuration, as a JSON object
"""

import asyncio
import ctypes
import gc
import json
import os
import sys
from inspect import isasyncgen
from typing import Any

import psutil
from gistwire.v1 import search_pb2
from gistwire_server.app import running_server
from gistwire_server.config import load_config
from gistwire_server.delivery import CoalescingQueue
from gistwire_server.pipeline import SearchEvent
from gistwire_server.services import search
from gistwire_server.summarization import HitOutcome


class CountedBytes:
    """Makes responses of the events of searches, and counts what is handed to gRPC.

    Attributes:
        handed_over: the sum so far.
    """

    def __init__(self) -> None:
        self.handed_over = 0
        self._envelope = search.envelope

    def envelope(self, sequence: int, event: SearchEvent) -> search_pb2.StreamSearchResponse:
        """Puts an event into its envelope."""
        response = self._envelope(sequence, event)
        self.handed_over += response.ByteSize()
        return response


async def serve_and_tell(fields: dict[str, Any], counted: CountedBytes) -> None:
    """Runs a server until standard input ends; writes its target, and its state for each line."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bool] = asyncio.Queue()

    def read() -> None:
        lines.put_nowait(bool(os.read(sys.stdin.fileno(), 1)))

    async with running_server(load_config(**fields)) as running:
        _write({"target": running.target})
        loop.add_reader(sys.stdin, read)
        while await lines.get():
            _write(_state(counted))
        loop.remove_reader(sys.stdin)


def _state(counted: CountedBytes) -> dict[str, object]:
    """Tasks of the loop, the memory that is in use, not what the allocator keeps for later, and searches."""
    gc.collect()
    searches = [
        each for each in gc.get_objects() if isasyncgen(each) and each.ag_code.co_name == "numbered_responses"
    ]
    queues = [each for each in gc.get_objects() if isinstance(each, CoalescingQueue)]
    ctypes.CDLL(None).malloc_trim(0)
    process = psutil.Process()
    return {
        "objects": len(gc.get_objects()),
        "tasks": len(asyncio.all_tasks()),
        "threads": process.num_threads(),
        "files": process.num_fds(),
        "resident_bytes": process.memory_info().rss,
        "handed_over_bytes": counted.handed_over,
        "sent_events": [each.ag_frame.f_locals.get("sequence", 0) for each in searches if each.ag_frame],
        "waiting_bytes": [_size(queue) for queue in queues],
    }


def _size(queue: CoalescingQueue[Any]) -> int:
    """Bytes of the events that wait for a reader."""
    events = [each.event if isinstance(each, HitOutcome) else each for each in queue._waiting.values()]
    return sum(event.ByteSize() for event in events)


def _write(message: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(message)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # The server's log goes to standard output unless it is told otherwise.
    import logging

    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    counted_bytes = CountedBytes()
    search.envelope = counted_bytes.envelope
    asyncio.run(serve_and_tell(json.loads(sys.argv[1]), counted_bytes))
