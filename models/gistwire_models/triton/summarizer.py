"""The summarizer that Triton hosts: `TritonSummarizer`."""

import math
from collections.abc import AsyncGenerator
from contextlib import aclosing

from gistwire.triton.v1 import inference_pb2

from gistwire_models.encoder import ModelVersion
from gistwire_models.errors import ModelUnavailableError
from gistwire_models.summarizer import (
    Candidate,
    Candidates,
    DraftDelta,
    FinishReason,
    Origin,
    SummaryRequest,
)
from gistwire_models.triton.endpoints import EndpointPool
from gistwire_models.triton.settings import TritonSettings
from gistwire_models.triton.streaming import responses_of
from gistwire_models.triton.tensors import TensorReader, TensorWriter

_MODEL = "summarizer"


class TritonSummarizer:
    """Summarizes articles by the model `summarizer` of Triton servers. Implements GeneratingSummarizer.

    A stream for each article: who leaves it stops the work at the server. Another server is tried only as long as
    nothing was given out, so that no draft is begun twice.
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
        self._pool = EndpointPool(settings, _MODEL)

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model that wrote last: a server's may change while it runs."""
        return self._model

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes of the languages it writes."""
        return self._languages

    async def describe(self) -> None:
        """Asks which model is hosted, and in which languages it writes.

        Raises:
            ModelUnavailableError: no server answers.
        """
        request = _request("", "", candidates=1, max_tokens=1, stream_drafts=False)
        TensorWriter(request).flags("describe", [True])
        async for response in responses_of(self._pool, request, response_timeout_s=self._settings.timeout_s):
            self._model = _model_of(response)
            self._languages = tuple(response.texts("languages"))

    async def summarize(self, request: SummaryRequest) -> AsyncGenerator[DraftDelta | Candidates, None]:
        """Summarizes one article, as Summarizer says.

        Raises:
            ModelUnavailableError: no server answers, or it failed, or the summarizer was closed.
            ModelOverloadedError: the server's queue is full.
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
        )
        given = False
        # Closed with this generator, not when the garbage is collected: that is what stops the server.
        async with aclosing(responses):
            async for response in responses:
                if "delta" in response:
                    for text in response.texts("delta"):
                        yield DraftDelta(text)
                else:
                    self._model = _model_of(response)
                    given = True
                    yield Candidates(_candidates_of(response), model=self._model)
        if not given:
            raise ModelUnavailableError("Triton gave no candidates")

    async def close(self) -> None:
        """Closes the connections. Calls that wait end with ModelUnavailableError."""
        await self._pool.close()


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
