"""A summarizer that is opened when it is first asked for a summary: `DeferredSummarizer`."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing

from gistwire_models.encoder import ModelVersion
from gistwire_models.errors import GistwireModelError, ModelUnavailableError
from gistwire_models.summarizer import GeneratingSummarizer, SummaryEvent, SummaryRequest


class DeferredSummarizer:
    """Says at once which model it is, and opens it for the first article. Implements GeneratingSummarizer.

    Args:
        model: name and version of the model.
        languages: ISO 639-1 codes of the languages it writes.
        opening: opens the model; called once.
    """

    def __init__(
        self,
        model: ModelVersion,
        languages: tuple[str, ...],
        opening: Callable[[], Coroutine[None, None, GeneratingSummarizer]],
    ) -> None:
        self._model = model
        self._languages = languages
        self._open = opening
        self._opening: asyncio.Task[GeneratingSummarizer] | None = None
        self._closed = False

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model."""
        return self._model

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes of the languages it writes."""
        return self._languages

    async def summarize(self, request: SummaryRequest) -> AsyncGenerator[SummaryEvent, None]:
        """Summarizes one article, as Summarizer says.

        Raises:
            ModelUnavailableError: the model cannot be opened, or what the opened one raises.
            ModelOverloadedError: as the opened one.
            SummaryNotWrittenError: as the opened one.
            ValueError: as the opened one.
        """
        summarizer = await self._opened()
        async with aclosing(summarizer.summarize(request)) as events:
            async for event in events:
                yield event

    async def close(self) -> None:
        """Closes the model, if it was opened. Calls that wait end with ModelUnavailableError."""
        self._closed = True
        if self._opening is None:
            return
        try:
            summarizer = await asyncio.shield(self._opening)
        except Exception:  # noqa: BLE001 (that it failed was told to who asked for a summary)
            return
        await summarizer.close()

    async def _opened(self) -> GeneratingSummarizer:
        if self._closed:
            raise ModelUnavailableError("the summarizer was closed")
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        try:
            # One call that is cancelled does not keep the model from the others.
            return await asyncio.shield(self._opening)
        except GistwireModelError as error:
            raise ModelUnavailableError(f"the summarizer cannot be opened: {error}") from error
