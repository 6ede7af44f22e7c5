"""A server of bare grpc.aio streams, under which no search can be: `python -m benchmarks.load.bare_streams`.

Its first argument is its address, the others are the sizes of the messages of each stream, in bytes.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc

METHOD = "/benchmarks.BareStreams/Stream"
"""The only method: an empty request, a stream of messages."""


async def serve(address: str, sizes: Sequence[int]) -> None:
    """Serves streams of messages of these sizes until SIGTERM."""
    messages = [bytes(size) for size in sizes]

    async def stream(
        _request: bytes, _context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> AsyncIterator[bytes]:
        for message in messages:
            yield message

    service, _, method = METHOD.removeprefix("/").partition("/")
    server = grpc.aio.server()
    handlers: dict[str, Any] = {method: grpc.unary_stream_rpc_method_handler(stream)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(address)
    await server.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await server.stop(None)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], [int(size) for size in sys.argv[2:]]))
