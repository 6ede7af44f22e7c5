"""What models a Triton server hosts, and in which version: `TritonRepository`, over the server's HTTP service."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx2

from gistwire_models.errors import ModelFormatError, ModelNotFoundError, ModelUnavailableError

_READY = "READY"
_PREVIOUS = "gistwire_previous_version"
_NANOSECONDS_PER_MS = 1e6


@dataclass(frozen=True, slots=True)
class HostedVersion:
    """A version of a model on a server.

    Attributes:
        model: the model's name.
        version: its number; None for a model that was never loaded.
        state: ``"READY"``, ``"LOADING"``, ``"UNLOADING"``, ``"UNAVAILABLE"``; empty if it was never loaded.
        reason: why it is in that state.
        is_served: whether requests that name no version get it.
        requests: how many it has answered.
        mean_ms: their mean time in the server, in milliseconds; None if there were none.
    """

    model: str
    version: int | None
    state: str
    reason: str
    is_served: bool
    requests: int
    mean_ms: float | None


@dataclass(frozen=True, slots=True)
class Promotion:
    """A change of the version that is served.

    Attributes:
        model: the model's name.
        before: the version that was served; None if none was.
        after: the version that is.
    """

    model: str
    before: int | None
    after: int


class TritonRepository:
    """The model repository of a server that is run in explicit control mode.

    What is loaded here lasts until the server ends; then its model repository says again what is served.

    Args:
        url: ``http://HOST:PORT`` of the server's HTTP service.
        timeout_s: longest wait for an answer, in seconds; loading a large model takes minutes.
    """

    def __init__(self, url: str, *, timeout_s: float = 300.0) -> None:
        self._url = url
        self._client = httpx2.AsyncClient(base_url=f"{url.rstrip('/')}/v2", timeout=timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def versions(self) -> list[HostedVersion]:
        """Returns all models of the repository, loaded or not, with their versions, in order.

        Raises:
            ModelUnavailableError: the server does not answer.
        """
        index: list[dict[str, str]] = await self._post("repository/index")
        served = _served_versions(index)
        found = [await self._version(entry, served.get(entry["name"])) for entry in index]
        return sorted(found, key=lambda each: (each.model, each.version or 0))

    async def load(self, model: str) -> int | None:
        """Loads a model, or loads it anew: as the configuration in the repository says now.

        Requests go on being answered by what was loaded before, until the new one is ready.

        Returns:
            The version that is served.

        Raises:
            ModelFormatError: the server cannot load it; what it had stays.
            ModelUnavailableError: the server does not answer.
        """
        await self._post(f"repository/models/{model}/load")
        return await self._served(model)

    async def unload(self, model: str) -> None:
        """Unloads a model once the requests under way are answered.

        Raises:
            ModelFormatError: the server refuses.
            ModelUnavailableError: the server does not answer.
        """
        await self._post(f"repository/models/{model}/unload")

    async def promote(self, model: str, version: int) -> Promotion:
        """Has a version served in place of the one that is, without a moment in which none is.

        Raises:
            ModelNotFoundError: the model is not loaded.
            ModelFormatError: there is no such version, or it cannot be loaded; what is served stays.
            ModelUnavailableError: the server does not answer.
        """
        before = await self._served(model)
        if before == version:
            return Promotion(model, before, version)
        config: dict[str, Any] = await self._get(f"models/{model}/config")
        config["version_policy"] = {"specific": {"versions": [version]}}
        if before is not None:
            config.setdefault("parameters", {})[_PREVIOUS] = {"string_value": str(before)}
        await self._post(f"repository/models/{model}/load", {"parameters": {"config": json.dumps(config)}})
        return Promotion(model, before, version)

    async def roll_back(self, model: str) -> Promotion:
        """Has the version served that was served before the last promotion.

        Raises:
            ModelNotFoundError: the model is not loaded, or was not promoted since it was loaded.
            ModelFormatError: the version cannot be loaded; what is served stays.
            ModelUnavailableError: the server does not answer.
        """
        config: dict[str, Any] = await self._get(f"models/{model}/config")
        previous = config.get("parameters", {}).get(_PREVIOUS)
        if previous is None:
            raise ModelNotFoundError(f"{model} has not been promoted since {self._url} loaded it")
        return await self.promote(model, int(previous["string_value"]))

    async def _served(self, model: str) -> int | None:
        return _served_versions(await self._post("repository/index")).get(model)

    async def _version(self, entry: Mapping[str, str], served: int | None) -> HostedVersion:
        model, version = entry["name"], int(entry["version"]) if entry.get("version") else None
        state, requests, mean_ms = entry.get("state", ""), 0, None
        if state == _READY:
            answer = await self._get(f"models/{model}/versions/{version}/stats")
            success = answer["model_stats"][0]["inference_stats"]["success"]
            requests = int(success["count"])
            mean_ms = success["ns"] / requests / _NANOSECONDS_PER_MS if requests else None
        is_served = version is not None and version == served
        return HostedVersion(model, version, state, entry.get("reason", ""), is_served, requests, mean_ms)

    async def _get(self, path: str) -> Any:
        return self._answer(await self._send("GET", path), path)

    async def _post(self, path: str, body: object = None) -> Any:
        return self._answer(await self._send("POST", path, {} if body is None else body), path)

    async def _send(self, method: str, path: str, body: object = None) -> httpx2.Response:
        try:
            return await self._client.request(method, path, json=body)
        except httpx2.HTTPError as error:
            raise ModelUnavailableError(f"Triton does not answer at {self._url}: {error!r}") from error

    def _answer(self, response: httpx2.Response, path: str) -> Any:
        if response.is_success:
            return response.json() if response.content else None
        try:
            said = response.json()["error"]
        except (ValueError, KeyError, TypeError):
            said = response.reason_phrase
        if path.startswith("models/"):
            raise ModelNotFoundError(f"Triton at {self._url}: {said}")
        raise ModelFormatError(f"Triton at {self._url}: {said}")


def _served_versions(index: list[dict[str, str]]) -> dict[str, int]:
    """Returns the version of each model that requests get which name none: the highest that is ready."""
    served: dict[str, int] = {}
    for entry in index:
        if entry.get("state") == _READY:
            served[entry["name"]] = max(served.get(entry["name"], 0), int(entry["version"]))
    return served
