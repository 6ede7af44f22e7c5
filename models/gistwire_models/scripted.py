"""An encoder and a summarizer that do as they are told, for tests of what is built on the real ones."""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gistwire_models.encoder import Embedding, ModelVersion, Priority
from gistwire_models.errors import ModelUnavailableError
from gistwire_models.summarizer import (
    Candidate,
    Candidates,
    DraftDelta,
    EarlyCandidates,
    Origin,
    SummaryEvent,
    SummaryRequest,
)

_WORD = re.compile(r"\w+")


class ScriptedEncoder:
    """Implements TextEncoder by hashing words: texts that share words are similar, others are hardly.

    Attributes:
        failure: raised by every call while it is set.
        gate: calls wait for it; set at first.
        encoded: every text that was embedded, in order.
        priorities: the priority of every call, in order.
    """

    def __init__(self, *, dimension: int = 64) -> None:
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.encoded: list[str] = []
        self.priorities: list[Priority] = []
        self._dimension = dimension
        self._closing = asyncio.Event()

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model."""
        return ModelVersion("scripted-encoder", f"1-{self._dimension}")

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return self._dimension

    async def encode(self, texts: Sequence[str], *, priority: Priority = Priority.INGEST) -> Embedding:
        """Embeds texts, as TextEncoder says."""
        self.priorities.append(priority)
        await _pass_gate(self.gate, self._closing)
        if self.failure is not None:
            raise self.failure
        self.encoded += texts
        rows = [self._embed(text) for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(texts), self._dimension)

    def count_tokens(self, text: str) -> int:
        """Counts words."""
        return len(_WORD.findall(text))

    async def close(self) -> None:
        """Ends calls that wait, and later ones, with ModelUnavailableError."""
        self._closing.set()

    def _embed(self, text: str) -> Embedding:
        vector = np.zeros(self._dimension, dtype=np.float32)
        for word in _WORD.findall(text.casefold()) or [""]:
            digest = hashlib.blake2b(word.encode(errors="replace"), digest_size=4).digest()
            vector[int.from_bytes(digest, "big") % self._dimension] += 1.0
        return vector / np.float32(np.linalg.norm(vector))


@dataclass(slots=True)
class SummaryScript:
    """What a ScriptedSummarizer does for an article.

    Attributes:
        deltas: pieces of the draft.
        candidates: the candidates; none for one that joins `deltas`, or repeats the headline.
        early: what is told of them before the others are written, where several are wanted; nothing if it is empty.
        failure: raised after the deltas, instead of candidates.
        gate: waited for before anything is written; None to begin at once.
        end_gate: waited for after the deltas and what is told early; None to go on at once.
    """

    deltas: Sequence[str] = ()
    candidates: Sequence[Candidate] = ()
    early: Sequence[Candidate] = ()
    failure: Exception | None = None
    gate: asyncio.Event | None = None
    end_gate: asyncio.Event | None = None


class ScriptedSummarizer:
    """Implements Summarizer by a script for each article; without one it repeats the headline as a summary.

    Attributes:
        scripts: what to do, by identifier of the article.
        requests: every request that was begun, in order.
        finished: identifiers of the articles whose candidates were given, in order.
        cancelled: identifiers of the articles whose generator was closed or cancelled before that, in order.
    """

    def __init__(self, scripts: Mapping[str, SummaryScript] | None = None) -> None:
        self.scripts: Mapping[str, SummaryScript] = scripts if scripts is not None else {}
        self.requests: list[SummaryRequest] = []
        self.finished: list[str] = []
        self.cancelled: list[str] = []
        self._closing = asyncio.Event()

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model."""
        return ModelVersion("scripted-summarizer", "1")

    async def summarize(self, request: SummaryRequest) -> AsyncGenerator[SummaryEvent, None]:
        """Summarizes one article, as Summarizer says."""
        self.requests.append(request)
        unscripted = SummaryScript(deltas=[f"Summary: {request.headline}"])
        script = self.scripts.get(request.article_id, unscripted)
        try:
            await _pass_gate(script.gate, self._closing)
            if request.stream_drafts:
                for text in script.deltas:
                    yield DraftDelta(text)
            if script.early and request.candidates > 1:
                yield EarlyCandidates(tuple(script.early))
            await _pass_gate(script.end_gate, self._closing)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.append(request.article_id)
            raise
        if script.failure is not None:
            raise script.failure
        self.finished.append(request.article_id)
        yield Candidates(_candidates(request, script))

    async def close(self) -> None:
        """Ends calls that wait, and later ones, with ModelUnavailableError."""
        self._closing.set()


def _candidates(request: SummaryRequest, script: SummaryScript) -> tuple[Candidate, ...]:
    joined = Candidate("".join(script.deltas) or request.headline, Origin.EXTRACTED)
    return (tuple(script.candidates) or (joined,))[: request.candidates]


async def _pass_gate(gate: asyncio.Event | None, closing: asyncio.Event) -> None:
    """Waits until the gate is open.

    Raises:
        ModelUnavailableError: closing began before.
    """
    if not closing.is_set() and gate is not None and not gate.is_set():
        waits = [asyncio.ensure_future(event.wait()) for event in (gate, closing)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.wait(waits)
    if closing.is_set():
        raise ModelUnavailableError("the engine was closed")
