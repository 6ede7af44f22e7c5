"""Puts the tenant and the credential into the metadata of every call: `metadata_interceptors`."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc

TENANT_METADATA = "gistwire-tenant"
"""Key of the metadata by which a server knows whose articles a call is about."""

Metadata = Sequence[tuple[str, str]]
MetadataSource = Callable[[], Awaitable[Metadata]]
"""Asked before each call."""


def metadata_interceptors(source: MetadataSource) -> Sequence[grpc.aio.ClientInterceptor]:
    """Returns interceptors that add metadata to calls of every kind.

    No call credentials, as gRPC does not send those over a local connection in the clear.
    """
    return (_UnaryUnary(source), _UnaryStream(source), _StreamStream(source))


class _Adding:
    def __init__(self, source: MetadataSource) -> None:
        self._source = source

    async def _added(self, details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
        metadata = grpc.aio.Metadata(*(details.metadata or ()), *await self._source())
        return grpc.aio.ClientCallDetails(
            method=details.method,
            timeout=details.timeout,
            metadata=metadata,
            credentials=details.credentials,
            wait_for_ready=details.wait_for_ready,
        )


# The library takes an interceptor for the kind that it inherits from, and one class cannot be of several.
class _UnaryUnary(_Adding, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(
        self, continuation: Any, client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(await self._added(client_call_details), request)


class _UnaryStream(_Adding, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self, continuation: Any, client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(await self._added(client_call_details), request)


class _StreamStream(_Adding, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(
        self, continuation: Any, client_call_details: grpc.aio.ClientCallDetails, request_iterator: Any
    ) -> Any:
        return await continuation(await self._added(client_call_details), request_iterator)
