"""Our summarizers as the evaluation sees them: an exported model alone, and with all that the server adds to it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from gistwire_models.combined_summarizer import CombinedSummarizer
from gistwire_models.encoder import CountingEncoder, Priority
from gistwire_models.extractive import ExtractiveSummarizer
from gistwire_models.local_summarizer import LocalSummarizer
from gistwire_models.summarizer import Summarizer
from gistwire_server.candidate_features import ArticleProfile
from gistwire_server.config import SummaryConfig
from gistwire_server.faithfulness import Source
from gistwire_server.scoring import Scorer

from gistwire_training.candidates import MAX_TOKENS, candidates_of
from gistwire_training.evaluation.tasks import article_of
from gistwire_training.pairs import Pair


class GeneratedSystem:
    """An exported summarizer alone: its first candidate, which is written greedily. Implements System.

    Args:
        folder: folder of the exported summarizer.
        name: name in the report.
    """

    def __init__(self, folder: Path, *, name: str = "generated") -> None:
        self.name = name
        self._folder = folder

    def summarize(self, pairs: Sequence[Pair]) -> list[str]:
        """Returns the texts, as System says. Runs an event loop: not to be called from within one.

        Raises:
            GistwireModelError: the summarizer cannot be used.
        """
        return asyncio.run(self._summarize(pairs))

    async def _summarize(self, pairs: Sequence[Pair]) -> list[str]:
        summarizer = LocalSummarizer.load(self._folder)
        try:
            return list(await asyncio.gather(*(self._one(summarizer, pair) for pair in pairs)))
        finally:
            await summarizer.close()

    async def _one(self, summarizer: Summarizer, pair: Pair) -> str:
        if not pair.body.strip():
            return ""
        return (await candidates_of(summarizer, pair))[0].text


class ServedSystem:
    """What the server shows without a query: generated candidates and extracts, of which the scorer chooses one.

    Implements System.

    Args:
        folder: folder of the exported summarizer.
        open_encoder: makes the text encoder, once for each call of `summarize`, which closes it.
        name: name in the report.
        candidates: generated candidates of each article; as many as the server asks for unless it is told otherwise.
    """

    def __init__(
        self,
        folder: Path,
        open_encoder: Callable[[], CountingEncoder],
        *,
        name: str = "served",
        candidates: int = SummaryConfig().candidates,
    ) -> None:
        self.name = name
        self._folder = folder
        self._open_encoder = open_encoder
        self._candidates = candidates
        self._scorer = Scorer()

    def summarize(self, pairs: Sequence[Pair]) -> list[str]:
        """Returns the texts, as System says. Runs an event loop: not to be called from within one.

        Raises:
            GistwireModelError: a model cannot be used.
        """
        return asyncio.run(self._summarize(pairs))

    async def _summarize(self, pairs: Sequence[Pair]) -> list[str]:
        async with self._engines() as (summarizer, encoder):
            return list(await asyncio.gather(*(self._one(summarizer, encoder, pair) for pair in pairs)))

    @asynccontextmanager
    async def _engines(self) -> AsyncGenerator[tuple[CombinedSummarizer, CountingEncoder], None]:
        encoder = self._open_encoder()
        generating = LocalSummarizer.load(self._folder)
        extracting = ExtractiveSummarizer(encoder, encoder.count_tokens, cache_bytes=0)
        summarizer = CombinedSummarizer(generating, extracting)
        try:
            yield summarizer, encoder
        finally:
            await summarizer.close()
            await encoder.close()

    async def _one(self, summarizer: Summarizer, encoder: CountingEncoder, pair: Pair) -> str:
        if not pair.body.strip():
            return ""
        candidates = await candidates_of(summarizer, pair, candidates=self._candidates)
        article = article_of(pair, "summary")
        vectors = await encoder.encode(
            [article, *(candidate.text for candidate in candidates)], priority=Priority.SUMMARY
        )
        source = Source(article, pair.language, headline=pair.headline)
        scored = await asyncio.to_thread(
            self._scorer.score,
            candidates,
            article=ArticleProfile(source, vectors[0]),
            query_embedding=None,
            candidate_embeddings=np.ascontiguousarray(vectors[1:]),
            max_tokens=MAX_TOKENS,
        )
        return scored.chosen.candidate.text
