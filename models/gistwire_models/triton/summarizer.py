"""The summarizer that Triton hosts: `TritonSummarizer`."""

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import structlog
from gistwire.triton.v1 import inference_pb2

from gistwire_models.encoder import ModelVersion
from gistwire_models.errors import GistwireModelError, ModelUnavailableError
from gistwire_models.summarizer import (
    Candidate,
    Candidates,
    DraftDelta,
    EarlyCandidates,
    FinishReason,
    Origin,
    SummaryEvent,
    SummaryRequest,
)
from gistwire_models.triton.endpoints import EndpointPool
from gistwire_models.triton.settings import TritonSettings
from gistwire_models.triton.streaming import responses_of
from gistwire_models.triton.tensors import TensorReader, TensorWriter

_log = structlog.get_logger(__name__)

_MODEL = "summarizer"

_DESCRIBE_EVERY_S = 60.0
"""How often servers are asked who they are, if nothing gives cause to ask sooner."""


class TritonSummarizer:
    """Summarizes articles by the model `summarizer` of Triton servers. Implements GeneratingSummarizer.

    A stream for each article: who leaves it stops the work at the server. Another server is tried only as long as
    nothing was given out, so that no draft is begun twice; where no draft is streamed, also after EarlyCandidates,
    beside which the other's Candidates may then begin with another text.

    Servers may come later, and their model and its languages may change. Once `describe` was called, they are asked
    again: until one answers, when a version writes whose languages are not known, and each minute, as who has nothing
    to write in the languages that are known hears of no other.
    """

    def __init__(
        self, settings: TritonSettings, *, initial: ModelVersion, languages: tuple[str, ...]
    ) -> None:
        """Sets up the summarizer, which reaches no server before its first article.

        Args:
            settings: which servers.
            initial: the model, until one of them says which it hosts.
            languages: ISO 639-1 codes of the languages it writes, until then.
        """
        self._settings = settings
        self._model = initial
        self._languages = languages
        self._languages_of: dict[ModelVersion, tuple[str, ...]] = {}
        self._pool = EndpointPool(settings, _MODEL)
        self._new_version = asyncio.Event()
        self._describing: asyncio.Task[None] | None = None

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model that answered last: a server's may change while it runs."""
        return self._model

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes of the languages it writes, as far as it has said so."""
        return self._languages

    async def describe(self) -> None:
        """Asks which model is hosted, and in which languages it writes; and goes on asking until `close`.

        Raises:
            ModelUnavailableError: no server answers yet.
        """
        try:
            await self._ask()
        except GistwireModelError:
            self._go_on_asking(known=False)
            raise
        self._go_on_asking(known=True)

    async def summarize(self, request: SummaryRequest) -> AsyncGenerator[SummaryEvent, None]:
        """Summarizes one article, as Summarizer says.

        Raises:
            ModelUnavailableError: no server answers, or it failed, or the summarizer was closed.
            ModelOverloadedError: the server's queue is full.
            SummaryNotWrittenError: the model wrote no word of the article.
            ValueError: the article has no body: a headline alone invites invention.
        """
        if not request.body.strip():
            raise ValueError(f"article {request.article_id} has no body to summarize")
        asked = _request(
            request.headline,
            request.body,
            candidates=request.candidates,
            max_tokens=request.max_tokens,
            stream_drafts=request.stream_drafts,
        )
        responses = responses_of(
            self._pool,
            asked,
            response_timeout_s=self._settings.timeout_s,
            deadline_s=request.timeout_s,
            # Where drafts are streamed, pieces have come before.
            binds=lambda response: not _is_early(response),
        )
        given_early = given = False
        # Closed with this generator, not when the garbage is collected: that is what stops the server.
        async with aclosing(responses):
            async for response in responses:
                if _is_early(response):
                    model = _model_of(response)
                    self._follow(model)
                    # Those of a server that took over come second.
                    if not given_early:
                        given_early = True
                        yield EarlyCandidates(_candidates_of(response), model=model)
                elif "delta" in response:
                    for text in response.texts("delta"):
                        yield DraftDelta(text)
                else:
                    model = _model_of(response)
                    self._follow(model)
                    given = True
                    yield Candidates(_candidates_of(response), model=model)
        if not given:
            raise ModelUnavailableError("Triton gave no candidates")

    def endpoint_states(self) -> dict[str, str]:
        """The state of each server's breaker, a value of BreakerState, by the server's address."""
        return self._pool.states()

    async def close(self) -> None:
        """Closes the connections. Calls that wait end with ModelUnavailableError."""
        if self._describing is not None:
            self._describing.cancel()
            await asyncio.gather(self._describing, return_exceptions=True)
        await self._pool.close()

    def _follow(self, model: ModelVersion) -> None:
        self._model = model
        if model in self._languages_of:
            self._languages = self._languages_of[model]
        else:
            self._new_version.set()

    def _go_on_asking(self, *, known: bool) -> None:
        if self._describing is None:
            self._describing = asyncio.create_task(self._keep_asking(known=known))

    async def _keep_asking(self, *, known: bool) -> None:
        retry_s = self._settings.open_s
        while True:
            if known:
                retry_s = self._settings.open_s
                with suppress(TimeoutError):
                    async with asyncio.timeout(_DESCRIBE_EVERY_S):
                        await self._new_version.wait()
            else:
                await asyncio.sleep(retry_s)
                retry_s = min(self._settings.max_open_s, 2 * retry_s)
            self._new_version.clear()
            known = False
            # Each in its turn, as they may host several versions for a while.
            for _ in self._settings.endpoints:
                with suppress(GistwireModelError, ValueError):
                    await self._ask()
                    known = True

    async def _ask(self) -> None:
        request = _request("", "", candidates=1, max_tokens=1, stream_drafts=False)
        TensorWriter(request).flags("describe", [True])
        responses = responses_of(self._pool, request, response_timeout_s=self._settings.timeout_s)
        async with aclosing(responses):
            async for response in responses:
                model, languages = _model_of(response), tuple(response.texts("languages"))
                if self._languages_of.get(model) != languages:
                    _log.info("triton_summarizer_described", model=str(model), languages=languages)
                self._languages_of[model] = languages
                self._follow(model)


def _request(
    headline: str, body: str, *, candidates: int, max_tokens: int, stream_drafts: bool
) -> inference_pb2.ModelInferRequest:
    request = inference_pb2.ModelInferRequest(model_name=_MODEL)
    writer = TensorWriter(request)
    writer.texts("headline", [headline])
    writer.texts("body", [body])
    writer.integers("max_tokens", [max_tokens])
    writer.integers("candidates", [candidates])
    writer.flags("stream_drafts", [stream_drafts])
    return request


def _is_early(response: TensorReader) -> bool:
    return "delta" in response and "text" in response


def _model_of(response: TensorReader) -> ModelVersion:
    try:
        name, version = response.texts("model")
    except ValueError as error:
        raise ModelUnavailableError("Triton did not say which model wrote") from error
    return ModelVersion(name, version)


def _candidates_of(response: TensorReader) -> tuple[Candidate, ...]:
    columns = (response.texts("text"), response.floats("log_probability"), response.texts("finish_reason"))
    try:
        candidates = tuple(
            Candidate(
                text=text,
                origin=Origin.GENERATED,
                finish_reason=FinishReason(reason),
                log_probability=None if math.isnan(score) else float(score),
            )
            for text, score, reason in zip(*columns, strict=True)
        )
    except ValueError as error:
        raise ModelUnavailableError("Triton gave candidates that cannot be read") from error
    if not candidates or not all(each.text for each in candidates):
        raise ModelUnavailableError("Triton gave an empty candidate")
    return candidates
