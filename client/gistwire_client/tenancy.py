"""Names the tenant in the metadata of every call: `tenant_interceptors`, for a client that works for one."""

from collections.abc import Sequence
from typing import Any

import grpc

TENANT_METADATA = "gistwire-tenant"
"""Key of the metadata by which a server knows whose articles a call is about."""


def tenant_interceptors(tenant: str) -> Sequence[grpc.aio.ClientInterceptor]:
    """Returns interceptors that name a tenant in calls of every kind."""
    return (_UnaryUnary(tenant), _UnaryStream(tenant), _StreamStream(tenant))


class _Naming:
    def __init__(self, tenant: str) -> None:
        self._tenant = tenant

    def _named(self, details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
        metadata = grpc.aio.Metadata(*(details.metadata or ()), (TENANT_METADATA, self._tenant))
        return grpc.aio.ClientCallDetails(
            method=details.method,
            timeout=details.timeout,
            metadata=metadata,
            credentials=details.credentials,
            wait_for_ready=details.wait_for_ready,
        )


# The library takes an interceptor for the kind that it inherits from, and one class cannot be of several.
class _UnaryUnary(_Naming, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(
        self, continuation: Any, client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(self._named(client_call_details), request)


class _UnaryStream(_Naming, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self, continuation: Any, client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(self._named(client_call_details), request)


class _StreamStream(_Naming, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(
        self, continuation: Any, client_call_details: grpc.aio.ClientCallDetails, request_iterator: Any
    ) -> Any:
        return await continuation(self._named(client_call_details), request_iterator)
