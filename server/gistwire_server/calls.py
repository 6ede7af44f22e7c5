"""What every call goes through before its work begins: `Calls.handle`, which each rpc opens first."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from gistwire_server.call_log import logged_call
from gistwire_server.engines import Engines
from gistwire_server.errors import reporting_errors
from gistwire_server.security.authentication import Authenticator
from gistwire_server.security.callers import Caller
from gistwire_server.security.permissions import check_permission
from gistwire_server.tenancy import Tenants, named_tenant


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose caller is known and may make it.

    Attributes:
        rpc: its name, such as ``"StreamSearch"``.
        request_id: identifies it in logs, traces and its `started` event.
        caller: who makes it.
        tenant: whose articles it is about.
    """

    rpc: str
    request_id: str
    caller: Caller
    tenant: str


class Calls:
    """Opens calls: knows the caller, says no to who may not, and turns what goes wrong into a status.

    A context manager that each rpc opens, not an interceptor, because an interceptor sees a stream's generator and
    not what is raised while it runs, and would stand in the way of each of its events.
    """

    def __init__(self, tenants: Tenants, authenticator: Authenticator) -> None:
        self._tenants = tenants
        self._authenticator = authenticator

    @asynccontextmanager
    async def handle(self, context: grpc.aio.ServicerContext[Any, Any], rpc: str) -> AsyncIterator[Call]:
        """Handles a call while the block runs; an error that leaves the block becomes the call's status.

        Nothing behind the server is asked before the block: a request that is not valid costs no backend anything.

        Args:
            context: the call, as gRPC has it.
            rpc: its name.
        """
        request_id = uuid.uuid4().hex
        async with reporting_errors(context), logged_call(rpc, request_id):
            caller = await self._authenticator.authenticate(context)
            check_permission(caller, rpc)
            tenant = self._tenants.tenant_of(caller, named_tenant(context))
            yield Call(rpc, request_id, caller, tenant)

    async def engines(self, call: Call) -> Engines:
        """Returns what a call runs on: the engines of its tenant.

        Raises:
            IndexUnavailableError: the tenant's index cannot be opened.
        """
        return await self._tenants.engines(call.tenant)
