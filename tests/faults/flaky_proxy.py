"""A proxy on the loopback interface in front of Elasticsearch that spoils bulk requests: `FlakyProxy`."""

import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from tests.backends.ports import free_port

_MAX_REQUEST_BYTES = 64 * 1024 * 1024
# What is about one connection, and about encodings, which the client of the proxy takes off.
_NOT_PASSED_ON = {
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "host",
    "keep-alive",
    "transfer-encoding",
}


@dataclass(frozen=True)
class Faults:
    """How bulk requests are spoilt; shares are probabilities.

    Attributes:
        busy: share of requests that are answered with 429 or 503 and not passed on.
        dropped: share of requests that are passed on and never answered: the connection breaks.
        busy_items: share of actions in other requests that are answered with 429 and not passed on.
        refused: what a document contains that is answered with 400, as one that does not fit the mapping.
    """

    busy: float = 0.0
    dropped: float = 0.0
    busy_items: float = 0.0
    refused: str | None = None


class FlakyProxy:
    """Passes requests on, and spoils bulk requests by chance. Use `running`.

    Attributes:
        url: where it listens.
        counts: how often it did what, by the names of `Faults`.
    """

    def __init__(self, session: aiohttp.ClientSession, upstream: str, faults: Faults, seed: int) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.counts: Counter[str] = Counter()
        self._session = session
        self._upstream = upstream
        self._faults = faults
        self._chance = random.Random(seed)

    @classmethod
    @asynccontextmanager
    async def running(cls, upstream: str, faults: Faults, *, seed: int) -> AsyncIterator["FlakyProxy"]:
        """Runs a proxy in front of the server at an address while the block runs."""
        async with aiohttp.ClientSession() as session:
            proxy = cls(session, upstream, faults, seed)
            application = web.Application(client_max_size=_MAX_REQUEST_BYTES)
            application.router.add_route("*", "/{path:.*}", proxy._handle)
            runner = web.AppRunner(application)
            await runner.setup()
            try:
                await web.TCPSite(runner, "127.0.0.1", int(proxy.url.rpartition(":")[2])).start()
                yield proxy
            finally:
                await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if not request.path.endswith("/_bulk"):
            return await self._pass_on(request, body)
        if self._happens("busy", self._faults.busy):
            status = self._chance.choice((429, 503))
            return web.json_response({"error": {"type": "busy"}, "status": status}, status=status)
        dropped = self._happens("dropped", self._faults.dropped)
        response = await self._spoil_items(request, body)
        if dropped and request.transport is not None:
            request.transport.abort()
        return response

    async def _spoil_items(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """Passes on the actions that are not spoilt, and puts the answers to all together."""
        passed: list[bytes] = []
        answers: list[dict[str, Any] | None] = []
        for lines in _actions(body):
            answer = self._spoilt(lines)
            answers.append(answer)
            if answer is None:
                passed += lines
        items = iter(())
        if passed:
            response = await self._pass_on(request, b"\n".join(passed) + b"\n")
            if response.status != 200 or not isinstance(response.body, bytes):
                return response
            items = iter(json.loads(response.body)["items"])
        merged = [next(items) if answer is None else answer for answer in answers]
        return web.json_response({"took": 1, "errors": True, "items": merged})

    def _spoilt(self, lines: list[bytes]) -> dict[str, Any] | None:
        """The answer to an action that is not passed on; None for one that is."""
        ((kind, head),) = json.loads(lines[0]).items()
        if self._faults.refused and len(lines) > 1 and self._faults.refused.encode() in lines[1]:
            self.counts["refused"] += 1
            return {kind: {**head, "status": 400, "error": {"type": "document_parsing_exception"}}}
        if self._happens("busy_items", self._faults.busy_items):
            return {kind: {**head, "status": 429, "error": {"type": "es_rejected_execution_exception"}}}
        return None

    def _happens(self, name: str, share: float) -> bool:
        happens = self._chance.random() < share
        self.counts[name] += happens
        return happens

    async def _pass_on(self, request: web.Request, body: bytes) -> web.Response:
        headers = {key: value for key, value in request.headers.items() if key.lower() not in _NOT_PASSED_ON}
        async with self._session.request(
            request.method, f"{self._upstream}{request.path_qs}", data=body, headers=headers
        ) as answer:
            passed = {k: v for k, v in answer.headers.items() if k.lower() not in _NOT_PASSED_ON}
            return web.Response(status=answer.status, headers=passed, body=await answer.read())


def _actions(body: bytes) -> list[list[bytes]]:
    """The lines of each action of a bulk request: its head, and its document if it has one."""
    lines = iter(body.splitlines())
    return [
        [line] if next(iter(json.loads(line))) == "delete" else [line, next(lines)] for line in lines if line
    ]
