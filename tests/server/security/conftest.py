"""A server that asks for credentials, with everything behind it counted."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

import pytest
from gistwire_server.app import serving
from gistwire_server.config import load_config

from tests.server.conftest import Bench


class Counted:
    """Passes everything on to something, and counts what is asked of it."""

    def __init__(self, behind: object) -> None:
        self._behind = behind
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        self.count += 1
        return getattr(self._behind, name)


@dataclass(frozen=True, slots=True)
class Secured:
    """A server that runs, and what is behind it.

    Attributes:
        target: where it listens.
        behind: the index, the users, the encoder and the summarizer.
    """

    target: str
    behind: tuple[Counted, ...]

    @property
    def asked(self) -> int:
        """How often anything behind the server was asked for something."""
        return sum(each.count for each in self.behind)


RunSecured: TypeAlias = Callable[..., AbstractAsyncContextManager[Secured]]


@pytest.fixture
def run_secured(bench: Bench) -> RunSecured:
    """Runs a server with some settings of ``[security]``, on a port or a private socket."""

    @asynccontextmanager
    async def run(listen: str = "unix", **security: Any) -> AsyncGenerator[Secured, None]:
        config = load_config(data_dir=bench.engines.config.data_dir, listen=listen, security=security)
        engines = bench.engines
        behind = tuple(
            Counted(each)
            for each in (engines.index, engines.user_events, engines.encoder, engines.summarizer)
        )
        index, users, encoder, summarizer = (cast("Any", each) for each in behind)
        counted = replace(
            engines, config=config, index=index, user_events=users, encoder=encoder, summarizer=summarizer
        )
        async with serving(counted) as running:
            for each in behind:
                each.count = 0
            yield Secured(running.target, behind)

    return run
