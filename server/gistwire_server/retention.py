"""Deletes articles that are too old, while a server runs: `expiring`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import structlog
from gistwire_indexer.errors import GistwireIndexerError

from gistwire_server.tenancy import Tenants

_INTERVAL_S = 3600.0

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def expiring(tenants: Tenants, retention_days: float | None) -> AsyncIterator[None]:
    """Deletes old articles of all tenants, at once and then each hour, while the block runs.

    Args:
        tenants: whose articles.
        retention_days: age from which they are old, in days since publication; None for no age.
    """
    if retention_days is None:
        yield
        return
    task = asyncio.create_task(_expire_regularly(tenants, timedelta(days=retention_days)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def expire_all(tenants: Tenants, before: datetime) -> dict[str, int]:
    """Deletes the articles of all tenants that were published before a time; returns their numbers.

    A tenant whose index does not answer is left for the next time.
    """
    expired = {}
    for tenant in sorted(tenants.names):
        try:
            engines = await tenants.engines(tenant)
            expired[tenant] = await engines.index.expire(before)
        except GistwireIndexerError:
            _log.warning("articles_not_expired", tenant=tenant, exc_info=True)
        else:
            if expired[tenant]:
                _log.info("articles_expired", tenant=tenant, articles=expired[tenant])
    return expired


async def _expire_regularly(tenants: Tenants, age: timedelta) -> None:
    while True:
        await expire_all(tenants, datetime.now(UTC) - age)
        await asyncio.sleep(_INTERVAL_S)
