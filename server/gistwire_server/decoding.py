"""What becomes of bytes that are no message: `DecodingInterceptor` lets a call begin, `check_decoded` refuses it.

gRPC would end the call as UNKNOWN, with the parser's words in it, before any code of ours runs.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from gistwire_server.errors import MalformedRequestError

_PACKAGE = "/gistwire.v1."

# Each call runs in a task of its own, and its request is decoded there.
_malformed: ContextVar[bool] = ContextVar("malformed_request", default=False)


class DecodingInterceptor(grpc.aio.ServerInterceptor):
    """Has the calls of this contract begin also if their request cannot be decoded.

    Streams of requests are left alone: what reads them is told by a DecodeError, which `status_of` knows.
    """

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Finds the handler of a call, and has it decode leniently."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_streaming:
            return handler
        if not handler_call_details.method.startswith(_PACKAGE):
            return handler
        return handler._replace(request_deserializer=_lenient(handler.request_deserializer))


def check_decoded() -> None:
    """Refuses the call that runs if its request could not be decoded.

    Raises:
        MalformedRequestError: it could not.
    """
    if _malformed.get():
        raise MalformedRequestError("the request is not a message of this rpc")


def _lenient(decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def decode_leniently(data: bytes) -> Any:
        try:
            return decode(data)
        except DecodeError:
            _malformed.set(True)
            return decode(b"")

    return decode_leniently
