"""Writes documents with optimistic concurrency, however busy the cluster is: `BulkWriter`.

Each change is decided on what the cluster holds at the time, and sent with the sequence number of that. If another
writer was faster, the change is decided anew. So any number of indexers may write, and a write whose answer was lost
may be repeated, and every revision is written once.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec
import structlog
from elastic_transport import TransportError
from elasticsearch import ApiError, AsyncElasticsearch

from gistwire_indexer.elasticsearch.connection import explanation, takes_no_writes
from gistwire_indexer.errors import ArticleError, IndexUnavailableError
from gistwire_indexer.index import Visibility

_MAX_BULK_BYTES = 8 * 1024 * 1024

# Pauses are drawn evenly from 0 to a limit that doubles up to a maximum ("full jitter"):
# https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0

# A node that is gone is missed for longer than a write should keep its caller in the dark.
_MAX_CONNECTION_FAILURES = 3

_CONFLICT = 409
_NOT_FOUND = 404
_REFUSED = range(400, 500)

_REFRESH = {Visibility.IMMEDIATE: "true", Visibility.AWAITED: "wait_for", Visibility.EVENTUAL: "false"}

_ResultT = TypeVar("_ResultT")

_log = structlog.get_logger(__name__)
# Jitter needs no seed, and a shared generator could be seeded by the caller's program.
_random = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Present:
    """A document as the cluster holds it.

    Attributes:
        source: the fields that were asked for.
        sequence_number: number of the write that made it so.
        primary_term: under which that number was given.
    """

    source: Mapping[str, Any]
    sequence_number: int
    primary_term: int


@dataclass(frozen=True, slots=True)
class Action:
    """One line of a bulk request, with its document.

    Attributes:
        kind: ``"index"``, ``"create"`` or ``"delete"``.
        index: index or alias.
        document_id: the document's `_id`.
        document: as JSON; None to delete.
        replaces: what must still be there; None for whatever is.
        is_alias: whether `index` is an alias; if it is missing, no index of its name is made then.
    """

    kind: str
    index: str
    document_id: str
    document: bytes | None = None
    replaces: Present | None = None
    is_alias: bool = False

    def lines(self) -> list[bytes]:
        """The action as a bulk request has it."""
        head: dict[str, Any] = {"_index": self.index, "_id": self.document_id}
        if self.is_alias:
            head["require_alias"] = True
        if self.replaces is not None:
            head["if_seq_no"] = self.replaces.sequence_number
            head["if_primary_term"] = self.replaces.primary_term
        lines = [msgspec.json.encode({self.kind: head})]
        return lines if self.document is None else [*lines, self.document]


@dataclass(frozen=True, slots=True)
class Send(Generic[_ResultT]):
    """The decision to write.

    Attributes:
        result: what is then true.
        action: what makes it so.
        consequences: what follows; it is not undone if it fails, but tried again.
    """

    result: _ResultT
    action: Action
    consequences: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Nothing(Generic[_ResultT]):
    """The decision that there is nothing to write.

    Attributes:
        result: what is true.
        consequences: as those of `Send`.
    """

    result: _ResultT
    consequences: tuple[Action, ...] = ()


Decision: TypeAlias = Send[_ResultT] | Nothing[_ResultT]


@dataclass(slots=True)
class Change(Generic[_ResultT]):
    """A change of one document.

    Attributes:
        document_id: the document's `_id`.
        decide: what to do, given what is there.
    """

    document_id: str
    decide: Callable[[Present | None], Decision[_ResultT]]
    _sent: Send[_ResultT] | None = field(default=None, init=False)

    def decision(self, present: Present | None) -> Decision[_ResultT]:
        """Decides, knowing that an earlier try may have been carried out though its answer was lost."""
        decision = self.decide(present)
        if isinstance(decision, Nothing) and self._sent is not None:
            return Nothing(self._sent.result, self._sent.consequences)
        return decision

    def answer_lost(self, sent: Send[_ResultT]) -> None:
        """Remembers a try of which it is not known whether it was carried out."""
        self._sent = sent


class BulkWriter:
    """Writes changes to one index. May be called from several tasks at once.

    Args:
        client: the cluster.
        index: index or alias of one index.
        fields: fields of present documents that decisions need.
        patience_s: how long to wait for a cluster that is busy or takes no writes, in seconds.
    """

    def __init__(
        self, client: AsyncElasticsearch, index: str, *, fields: Sequence[str], patience_s: float
    ) -> None:
        self._client = client
        self._index = index
        self._fields = list(fields)
        self._patience_s = patience_s

    async def write(
        self, changes: Sequence[Change[_ResultT]], *, visibility: Visibility = Visibility.IMMEDIATE
    ) -> list[_ResultT | ArticleError]:
        """Carries out changes, several of one document in order.

        Raises:
            IndexUnavailableError: the cluster cannot be reached, or takes no writes for too long. Some changes may
                have been carried out.
        """
        results: dict[int, _ResultT | ArticleError] = {}
        for wave in _waves(changes):
            await self._write_wave(wave, results, visibility)
        return [results[place] for place in range(len(changes))]

    async def present(self, document_ids: Sequence[str]) -> list[Present | None]:
        """Returns documents as they are at this moment, visible to searches or not."""
        if not document_ids:
            return []
        response = await self._client.mget(
            index=self._index, ids=list(document_ids), source_includes=self._fields
        )
        return [_present(document) for document in response["docs"]]

    async def _write_wave(
        self,
        pending: Mapping[int, Change[_ResultT]],
        results: dict[int, _ResultT | ArticleError],
        visibility: Visibility,
    ) -> None:
        """Carries out changes of different documents."""
        patience = _Patience(self._patience_s)
        left_over: list[Action] = []
        while pending or left_over:
            sends: dict[int, Send[_ResultT]] = {}
            try:
                documents = await self.present([change.document_id for change in pending.values()])
                for (place, change), present in zip(pending.items(), documents, strict=True):
                    decision = change.decision(present)
                    if isinstance(decision, Nothing):
                        results[place] = decision.result
                        left_over += decision.consequences
                    else:
                        sends[place] = decision
                items = await self._send(sends, left_over, visibility)
            except (ApiError, TransportError) as error:
                for place, send in sends.items():
                    pending[place].answer_lost(send)
                pending = {place: pending[place] for place in pending if place not in results}
                await patience.wait_after(error)
                continue
            left_over = items.left_over
            results.update({place: sends[place].result for place in items.done})
            results.update(items.refused)
            pending = {place: pending[place] for place in (*items.conflicts, *items.postponed)}
            if items.postponed or left_over:
                await patience.wait(items.reason)

    async def _send(
        self, sends: Mapping[int, Send[_ResultT]], left_over: Sequence[Action], visibility: Visibility
    ) -> "_Items":
        """Sends decisions and what earlier ones left over."""
        entries: list[tuple[int | None, Action]] = [(None, action) for action in left_over]
        for place, send in sends.items():
            entries += [(place, send.action), *((None, action) for action in send.consequences)]
        items = _Items()
        for part in _parts(entries):
            answers = await send_actions(self._client, [action for _, action in part], visibility)
            for (entry_place, action), answer in zip(part, answers, strict=True):
                items.take(entry_place, action, answer)
        return items


async def send_actions(
    client: AsyncElasticsearch, actions: Sequence[Action], visibility: Visibility
) -> list[dict[str, Any]]:
    """Sends actions in one request, and returns the answer to each.

    Raises:
        ApiError: the request as a whole is refused.
        TransportError: it is not known what became of it.
    """
    response = await client.perform_request(
        "POST",
        "/_bulk",
        params={"refresh": _REFRESH[visibility]},
        headers={"accept": "application/json", "content-type": "application/x-ndjson"},
        body=[line for action in actions for line in action.lines()],
    )
    return [next(iter(item.values())) for item in response.body["items"]]


@dataclass(slots=True)
class _Items:
    """What became of the actions of a bulk request, by the places of their changes."""

    done: list[int] = field(default_factory=list)
    conflicts: list[int] = field(default_factory=list)
    postponed: list[int] = field(default_factory=list)
    refused: dict[int, ArticleError] = field(default_factory=dict)
    left_over: list[Action] = field(default_factory=list)
    reason: str = ""

    def take(self, place: int | None, action: Action, answer: Mapping[str, Any]) -> None:
        """Sorts one answer."""
        status = int(answer["status"])
        error = answer.get("error") or {}
        error_type = str(error.get("type", "")) if isinstance(error, Mapping) else ""
        if takes_no_writes(status, error_type):
            self.reason = f"{status} {error_type}"
            if place is None:
                self.left_over.append(action)
            else:
                self.postponed.append(place)
        elif place is None:
            return
        elif status < 300:
            self.done.append(place)
        # What was to be deleted or replaced is gone: another writer was faster.
        elif status in (_CONFLICT, _NOT_FOUND) and error_type != "index_not_found_exception":
            self.conflicts.append(place)
        elif status in _REFUSED and error_type != "index_not_found_exception":
            self.refused[place] = ArticleError("", f"the index refuses it: {error_type}")
        else:
            raise IndexUnavailableError(f"Elasticsearch answers {status} {error_type}")


class _Patience:
    """How long a write goes on trying."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._begin = time.monotonic()
        self._pauses = 0
        self._connection_failures = 0

    async def wait_after(self, error: ApiError | TransportError) -> None:
        """Waits after a request that failed as a whole.

        Raises:
            IndexUnavailableError: trying again makes no sense.
        """
        if isinstance(error, ApiError):
            if not takes_no_writes(error.status_code, error.error):
                raise IndexUnavailableError(explanation(error)) from error
        else:
            self._connection_failures += 1
            if self._connection_failures > _MAX_CONNECTION_FAILURES:
                raise IndexUnavailableError(explanation(error)) from error
        await self.wait(explanation(error))

    async def wait(self, reason: str) -> None:
        """Waits a while, longer each time.

        Raises:
            IndexUnavailableError: it has been too long.
        """
        waited_s = time.monotonic() - self._begin
        if waited_s > self._limit_s:
            raise IndexUnavailableError(f"Elasticsearch has taken no writes for {waited_s:.0f} s: {reason}")
        if self._pauses == 0:
            _log.warning("index_writes_paused", reason=reason, patience_s=self._limit_s)
        limit_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**self._pauses)
        self._pauses += 1
        await asyncio.sleep(_random.uniform(0, limit_s))


def _waves(changes: Sequence[Change[_ResultT]]) -> list[dict[int, Change[_ResultT]]]:
    """Parts of a list of changes, by their places, such that no document comes twice in a part."""
    waves: list[dict[int, Change[_ResultT]]] = []
    seen: dict[str, int] = {}
    for place, change in enumerate(changes):
        number = seen.get(change.document_id, -1) + 1
        seen[change.document_id] = number
        if number == len(waves):
            waves.append({})
        waves[number][place] = change
    return waves


def _parts(entries: Iterable[tuple[int | None, Action]]) -> list[list[tuple[int | None, Action]]]:
    """Parts of a list of actions that are small enough for a request."""
    parts: list[list[tuple[int | None, Action]]] = []
    size = 0
    for place, action in entries:
        length = len(action.document or b"")
        if not parts or size + length > _MAX_BULK_BYTES:
            parts.append([])
            size = 0
        parts[-1].append((place, action))
        size += length
    return parts


def _present(document: Mapping[str, Any]) -> Present | None:
    if not document.get("found"):
        return None
    return Present(document["_source"], document["_seq_no"], document["_primary_term"])
