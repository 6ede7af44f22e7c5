"""What every call goes through before its work begins: `Calls.handle`, which each rpc opens first."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from gistwire_server.decoding import check_decoded
from gistwire_server.engines import Engines
from gistwire_server.errors import reporting_errors
from gistwire_server.overload.rate_limits import RateLimits
from gistwire_server.security.authentication import Authenticator
from gistwire_server.security.callers import Caller
from gistwire_server.security.open_calls import ending_when_revoked
from gistwire_server.security.permissions import check_permission
from gistwire_server.telemetry.log import log_context
from gistwire_server.telemetry.observation import CallObservation, CallObserver
from gistwire_server.telemetry.tracing import call_span
from gistwire_server.tenancy import Tenants, named_tenant


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose caller is known and may make it.

    Attributes:
        rpc: its name, such as ``"StreamSearch"``.
        request_id: identifies it in logs, traces and its `started` event.
        caller: who makes it.
        tenant: whose articles it is about.
        observation: takes note of what it sends.
    """

    rpc: str
    request_id: str
    caller: Caller
    tenant: str
    observation: CallObservation


class Calls:
    """Opens calls: knows the caller, says no to who may not, and turns what goes wrong into a status.

    A context manager that each rpc opens, not an interceptor, because an interceptor sees a stream's generator and
    not what is raised while it runs, and would stand in the way of each of its events.
    """

    def __init__(
        self,
        tenants: Tenants,
        authenticator: Authenticator,
        observer: CallObserver,
        rates: RateLimits,
        *,
        recheck_interval_s: float = 10.0,
    ) -> None:
        self._tenants = tenants
        self._authenticator = authenticator
        self._observer = observer
        self._rates = rates
        self._recheck_interval_s = recheck_interval_s

    @asynccontextmanager
    async def handle(self, context: grpc.aio.ServicerContext[Any, Any], rpc: str) -> AsyncIterator[Call]:
        """Handles a call while the block runs; an error that leaves the block becomes the call's status.

        Nothing behind the server is asked before the block: a request that is not valid costs no backend anything.

        Args:
            context: the call, as gRPC has it.
            rpc: its name.
        """
        request_id = uuid.uuid4().hex
        with log_context(rpc, request_id), call_span(context, rpc, request_id):
            async with reporting_errors(context), self._observer.observe(rpc) as observation:
                caller = await self._authenticator.authenticate(context)
                check_permission(caller, rpc)
                check_decoded()
                tenant = self._tenants.tenant_of(caller, named_tenant(context))
                observation.is_of(tenant)
                self._rates.check(caller.name, tenant)
                async with ending_when_revoked(self._authenticator, context, self._recheck_interval_s):
                    yield Call(rpc, request_id, caller, tenant, observation)

    async def engines(self, call: Call) -> Engines:
        """Returns what a call runs on: the engines of its tenant.

        Raises:
            IndexUnavailableError: the tenant's index cannot be opened.
        """
        return await self._tenants.engines(call.tenant)
