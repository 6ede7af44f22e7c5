"""An encoder and a summarizer that do as they are told, for tests of what is built on the real ones."""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gistwire_models.encoder import Embedding, ModelVersion, Priority
from gistwire_models.errors import ModelUnavailableError
from gistwire_models.summarizer import Candidate, Candidates, DraftDelta, Origin, SummaryRequest

_WORD = re.compile(r"\w+")


class ScriptedEncoder:
    """Implements TextEncoder by hashing words: texts that share words are similar, others are not.

    Attributes:
        failure: raised by every call while it is set.
        gate: calls wait for it; set at first.
        encoded: every text that was embedded, in order.
    """

    def __init__(self, *, dimension: int = 64) -> None:
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.encoded: list[str] = []
        self._dimension = dimension
        self._closed = False

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model."""
        return ModelVersion("scripted-encoder", f"1-{self._dimension}")

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return self._dimension

    async def encode(self, texts: Sequence[str], *, priority: Priority = Priority.INGEST) -> Embedding:  # noqa: ARG002
        """Embeds texts, as TextEncoder says."""
        await self.gate.wait()
        if self._closed:
            raise ModelUnavailableError("the encoder was closed")
        if self.failure is not None:
            raise self.failure
        self.encoded += texts
        rows = [self._embed(text) for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(texts), self._dimension)

    def count_tokens(self, text: str) -> int:
        """Counts words."""
        return len(_WORD.findall(text))

    async def close(self) -> None:
        """Lets waiting calls end with ModelUnavailableError."""
        self._closed = True
        self.gate.set()

    def _embed(self, text: str) -> Embedding:
        vector = np.zeros(self._dimension, dtype=np.float32)
        for word in _WORD.findall(text.casefold()) or [""]:
            digest = hashlib.blake2b(word.encode(errors="replace"), digest_size=8).digest()
            vector[int.from_bytes(digest[:4], "big") % self._dimension] += 1.0
        scaled: Embedding = vector / np.linalg.norm(vector)
        return scaled


@dataclass(slots=True)
class SummaryScript:
    """What a ScriptedSummarizer does for an article.

    Attributes:
        deltas: pieces of the draft.
        candidates: the candidates; none for one that joins `deltas`.
        failure: raised after the deltas, instead of candidates.
        gate: waited for before anything is written; None to begin at once.
    """

    deltas: Sequence[str] = ()
    candidates: Sequence[Candidate] = ()
    failure: Exception | None = None
    gate: asyncio.Event | None = None


@dataclass(slots=True)
class ScriptedSummarizer:
    """Implements Summarizer by a script for each article; without one it repeats the headline as a summary.

    Attributes:
        scripts: what to do, by identifier of the article.
        requests: every request that was begun, in order.
        finished: identifiers of the articles whose candidates were given.
        cancelled: identifiers of the articles whose generator was closed or cancelled before.
    """

    scripts: Mapping[str, SummaryScript] = field(default_factory=dict)
    requests: list[SummaryRequest] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    closed: bool = False

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model."""
        return ModelVersion("scripted-summarizer", "1")

    async def summarize(self, request: SummaryRequest) -> AsyncGenerator[DraftDelta | Candidates, None]:
        """Summarizes one article, as Summarizer says."""
        if self.closed:
            raise ModelUnavailableError("the summarizer was closed")
        self.requests.append(request)
        script = self.scripts.get(request.article_id) or SummaryScript(
            deltas=[f"Summary: {request.headline}"]
        )
        try:
            if script.gate is not None:
                await script.gate.wait()
            if request.stream_drafts:
                for text in script.deltas:
                    yield DraftDelta(text)
            if script.failure is not None:
                raise script.failure
            self.finished.append(request.article_id)
            yield Candidates(self._candidates(request, script))
        except (asyncio.CancelledError, GeneratorExit):
            if request.article_id not in self.finished:
                self.cancelled.append(request.article_id)
            raise

    async def close(self) -> None:
        """Refuses further calls."""
        self.closed = True

    @staticmethod
    def _candidates(request: SummaryRequest, script: SummaryScript) -> tuple[Candidate, ...]:
        candidates = tuple(script.candidates) or (Candidate("".join(script.deltas), Origin.EXTRACTED),)
        return candidates[: request.candidates]
