"""How a caller is known: `Authenticator`."""

from typing import Any, Protocol

import grpc

from gistwire_server.security.callers import ANONYMOUS, Caller


class Authenticator(Protocol):
    """Tells who makes a call."""

    async def authenticate(self, context: grpc.aio.ServicerContext[Any, Any]) -> Caller:
        """Returns who makes a call.

        Raises:
            UnauthenticatedError: the call has no credentials, or none that are good.
        """
        ...


class OpenAuthenticator:
    """Lets everybody in. For a server that only this machine reaches."""

    async def authenticate(self, context: grpc.aio.ServicerContext[Any, Any]) -> Caller:  # noqa: ARG002
        """Returns ANONYMOUS."""
        return ANONYMOUS
