"""Summaries by a large language model on Triton that has the vLLM backend's interface: `PromptedSummarizer`."""

import asyncio
import json
import re
import string
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import structlog
from gistwire.triton.v1 import inference_pb2

from gistwire_models.encoder import ModelVersion
from gistwire_models.errors import GistwireModelError, SummaryNotWrittenError
from gistwire_models.summarizer import (
    Candidate,
    Candidates,
    DraftDelta,
    FinishReason,
    Origin,
    SummaryRequest,
)
from gistwire_models.triton.endpoints import EndpointPool
from gistwire_models.triton.prompt import PromptTemplate
from gistwire_models.triton.settings import TritonSettings
from gistwire_models.triton.streaming import responses_of
from gistwire_models.triton.tensors import TensorWriter

_log = structlog.get_logger(__name__)

_SHARE_OF_FURTHER = 0.9
"""Of a request's time, for the candidates after the first: what they miss must not cost the first."""

_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]]*$")
_SPACES = re.compile(r"\s+")

# What models say before they begin.
_LEADS = ("assistant:", "summary:", "**summary:**", "here is a summary:", "here is the summary:")
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


@dataclass(frozen=True, slots=True)
class PromptedModel:
    """A large language model, and how it is asked.

    Attributes:
        name: the model's name on the servers.
        version: changes whenever what it writes may change: its weights, the template, the sampling.
        languages: ISO 639-1 codes of the languages it writes.
        template: how an article is put before it.
        sampling: vLLM's sampling parameters, but for ``max_tokens`` and ``seed``.
        candidate_temperature: temperature of the candidates after the first.
        tokens_factor: its tokens for one of the encoder's, in which the longest summary is given.
    """

    name: str
    version: str
    languages: tuple[str, ...] = ("en",)
    template: PromptTemplate = field(default_factory=PromptTemplate)
    sampling: dict[str, Any] = field(default_factory=lambda: {"temperature": 0.0})
    candidate_temperature: float = 0.7
    tokens_factor: float = 1.0


class PromptedSummarizer:
    """Summarizes articles by a large language model. Implements GeneratingSummarizer.

    The first candidate is streamed as the draft; each further one is a request of its own, with a seed of its own.
    They are asked for together, once the draft has begun: its first words wait for none of them, and a server that
    remembers prompts has read this one.
    """

    def __init__(self, settings: TritonSettings, model: PromptedModel) -> None:
        """Sets up the summarizer, which reaches no server before its first article.

        Args:
            settings: which servers.
            model: the model, and how it is asked.
        """
        self._settings = settings
        self._prompted = model
        self._pool = EndpointPool(settings, model.name)

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model."""
        return ModelVersion(self._prompted.name, self._prompted.version)

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes of the languages it writes."""
        return self._prompted.languages

    async def summarize(self, request: SummaryRequest) -> AsyncGenerator[DraftDelta | Candidates, None]:
        """Summarizes one article, as Summarizer says.

        Servers do not say why a text ended: one that does not end as a sentence does counts as cut. A candidate after
        the first that fails, or is not written in nine tenths of the request's time, is left out.

        Raises:
            ModelUnavailableError: no server answers, or it failed, or the summarizer was closed.
            ModelOverloadedError: the server's queue is full.
            SummaryNotWrittenError: the model wrote no word of the article.
            ValueError: the article has no body: a headline alone invites invention.
        """
        if not request.body.strip():
            raise ValueError(f"article {request.article_id} has no body to summarize")
        prompt = self._prompted.template.fill(request)
        begun_at = asyncio.get_running_loop().time()
        draft = ""
        further: list[asyncio.Task[str]] = []
        try:
            async with aclosing(self._write(prompt, request, seed=0, deadline_s=request.timeout_s)) as pieces:
                async for piece in pieces:
                    if not draft:
                        further = self._start_further(prompt, request, begun_at)
                    draft += piece
                    if request.stream_drafts:
                        yield DraftDelta(piece)
            if not draft:
                raise SummaryNotWrittenError(f"{self.model} wrote no word of the article")
            texts = [draft, *await asyncio.gather(*further)]
        finally:
            for task in further:
                task.cancel()
            await asyncio.gather(*further, return_exceptions=True)
        distinct = dict.fromkeys(text for text in texts if text)
        yield Candidates(tuple(_candidate(text) for text in distinct))

    def endpoint_states(self) -> dict[str, str]:
        """The state of each server's breaker, a value of BreakerState, by the server's address."""
        return self._pool.states()

    async def close(self) -> None:
        """Closes the connections. Calls that wait end with ModelUnavailableError."""
        await self._pool.close()

    def _start_further(
        self, prompt: str, request: SummaryRequest, begun_at: float
    ) -> list[asyncio.Task[str]]:
        """Asks for the candidates after the first, in the order of their seeds; none if there is no time for them."""
        left_s = None
        if request.timeout_s is not None:
            elapsed_s = asyncio.get_running_loop().time() - begun_at
            left_s = _SHARE_OF_FURTHER * request.timeout_s - elapsed_s
            if left_s <= 0:
                return []
        return [
            asyncio.create_task(self._write_further(prompt, request, seed=seed, deadline_s=left_s))
            for seed in range(1, request.candidates)
        ]

    async def _write_further(
        self, prompt: str, request: SummaryRequest, *, seed: int, deadline_s: float | None
    ) -> str:
        """Returns a candidate after the first; an empty text if it fails, as the draft stands without it."""
        try:
            async with aclosing(self._write(prompt, request, seed=seed, deadline_s=deadline_s)) as pieces:
                return "".join([piece async for piece in pieces])
        except (GistwireModelError, ValueError) as error:
            # Not what the error says: a server may repeat the prompt in it, with the article.
            kind = type(error).__name__
            _log.warning("prompted_candidate_failed", model=str(self.model), seed=seed, error=kind)
            return ""

    async def _write(
        self, prompt: str, request: SummaryRequest, *, seed: int, deadline_s: float | None
    ) -> AsyncGenerator[str, None]:
        """Has a text written; yields its pieces."""
        text = _WrittenText(prompt)
        responses = responses_of(
            self._pool,
            self._request(prompt, request, seed),
            response_timeout_s=self._settings.timeout_s,
            deadline_s=deadline_s,
        )
        async with aclosing(responses):
            async for response in responses:
                for written in response.texts("text_output"):
                    if piece := text.add(written):
                        yield piece
        if piece := text.end():
            yield piece

    def _request(self, prompt: str, request: SummaryRequest, seed: int) -> inference_pb2.ModelInferRequest:
        sampling = {
            **self._prompted.sampling,
            "max_tokens": max(1, round(request.max_tokens * self._prompted.tokens_factor)),
        }
        if seed:
            sampling |= {"temperature": self._prompted.candidate_temperature, "seed": seed}
        asked = inference_pb2.ModelInferRequest(model_name=self._prompted.name)
        writer = TensorWriter(asked)
        writer.texts("text_input", [prompt])
        writer.flags("stream", [True])
        writer.texts("sampling_parameters", [json.dumps(sampling)])
        writer.flags("exclude_input_in_output", [True])
        return asked


class _WrittenText:
    """A text as a model writes it: white space folded, none before or after it, and nothing before the summary.

    Args:
        prompt: which some servers repeat first.
    """

    def __init__(self, prompt: str) -> None:
        self._leads = (_SPACES.sub(" ", prompt).strip().translate(_LOWER), *_LEADS)
        self._begun = False
        self._held = ""

    def add(self, written: str) -> str:
        """Takes what was written next; returns what of the text is certain now."""
        self._held = _SPACES.sub(" ", self._held + written)
        if not self._begun:
            self._drop_leads()
            if any(lead.startswith(self._held.translate(_LOWER)) for lead in self._leads):
                return ""
        # White space at the end may be the last there is.
        piece = self._held.rstrip()
        self._held = self._held[len(piece) :]
        self._begun = True
        return piece

    def end(self) -> str:
        """Returns the rest: all of a text that is too short to tell it from what some models say first."""
        return self._held.strip()

    def _drop_leads(self) -> None:
        found: str | None = ""
        while found is not None:
            self._held = self._held[len(found) :].lstrip()
            lowered = self._held.translate(_LOWER)
            found = next((lead for lead in self._leads if lowered.startswith(lead)), None)


def _candidate(text: str) -> Candidate:
    is_whole = _SENTENCE_END.search(text) is not None
    return Candidate(
        text=text,
        origin=Origin.GENERATED,
        finish_reason=FinishReason.COMPLETE if is_whole else FinishReason.LENGTH,
    )
