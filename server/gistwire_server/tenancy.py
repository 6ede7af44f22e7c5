"""Whose articles a call is about: `Tenants` gives each call the engines of its tenant."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
from gistwire_indexer.index import DEFAULT_TENANT, ArticleStore, check_tenant

from gistwire_server.engines import Engines
from gistwire_server.errors import FieldViolation, InvalidRequestError, TenantUnknownError
from gistwire_server.personal.ratings import Collaboration
from gistwire_server.security.callers import Caller

if TYPE_CHECKING:
    from gistwire_indexer.ingestion import Ingestor

TENANT_METADATA = "gistwire-tenant"
"""Key of the call's metadata that names the tenant; without it the call is of the default tenant."""


class Tenants:
    """The tenants of a server. Nothing that is kept for one is reached by a call of another.

    Args:
        engines: those of the default tenant.
        store: where the indices of the others are; None if there are no others.
        names: the others.
    """

    def __init__(
        self, engines: Engines, store: ArticleStore | None = None, names: Collection[str] = ()
    ) -> None:
        self._store = store
        self._names = frozenset(names) if store is not None else frozenset()
        self._engines = {DEFAULT_TENANT: engines}
        # One for each tenant, because an ingestor orders the writes of its index.
        self._ingestors: dict[str, Ingestor] = {}
        self._opening = asyncio.Lock()

    @property
    def names(self) -> frozenset[str]:
        """The names of all tenants."""
        return self._names | {DEFAULT_TENANT}

    def tenant_of(self, caller: Caller, named: str | None) -> str:
        """Returns the tenant that a call is about.

        Args:
            caller: who makes it.
            named: the tenant that it names; None for the only one that its caller may reach, or the default one.

        Raises:
            TenantUnknownError: the server has no such tenant, or the caller may not reach it.
        """
        if named is not None:
            tenant = named
        elif caller.tenants is not None and len(caller.tenants) == 1:
            (tenant,) = caller.tenants
        else:
            tenant = DEFAULT_TENANT
        if tenant not in self.names or (caller.tenants is not None and tenant not in caller.tenants):
            # One answer for both: who may not reach a tenant is not told whether there is one.
            raise TenantUnknownError(f"{TENANT_METADATA}: this server has no such tenant for you")
        return tenant

    async def engines(self, tenant: str) -> Engines:
        """Returns the engines of a tenant.

        Raises:
            TenantUnknownError: the server has no such tenant.
            IndexUnavailableError: the tenant's index cannot be opened.
        """
        if tenant not in self._engines:
            if self._store is None or tenant not in self._names:
                raise TenantUnknownError(f"{TENANT_METADATA}: this server has no such tenant")
            async with self._opening:
                if tenant not in self._engines:
                    base = self._engines[DEFAULT_TENANT]
                    self._engines[tenant] = replace(
                        base,
                        tenant=tenant,
                        index=await self._store.tenant(tenant),
                        user_events=await self._store.user_events(tenant),
                        signer=base.signer.for_tenant(tenant),
                        collaboration=Collaboration(),
                    )
        return self._engines[tenant]

    def ingestor(self, engines: Engines) -> "Ingestor":
        """Returns what puts articles into the index of these engines."""
        # A search does without the imports.
        from gistwire_indexer.ingestion import Ingestor  # noqa: PLC0415

        if engines.tenant not in self._ingestors:
            self._ingestors[engines.tenant] = Ingestor(
                engines.index,
                engines.encoder,
                refresh_interval_s=engines.config.elasticsearch.refresh_interval_s,
            )
        return self._ingestors[engines.tenant]


def named_tenant(context: grpc.aio.ServicerContext[Any, Any]) -> str | None:
    """Returns the tenant that the metadata of a call names; None if they name none.

    Raises:
        InvalidRequestError: what they name is no name of a tenant.
    """
    for key, value in context.invocation_metadata() or ():
        if key == TENANT_METADATA:
            name = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
            try:
                return check_tenant(name)
            except ValueError as error:
                raise InvalidRequestError(
                    [FieldViolation(TENANT_METADATA, f"is not valid: {error}")]
                ) from error
    return None
