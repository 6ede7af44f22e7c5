"""What a system under evaluation is, and those that every model has to beat."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from gistwire_models.encoder import CountingEncoder
from gistwire_models.extractive import ExtractiveSummarizer
from gistwire_models.local_encoder import LocalEncoder
from gistwire_models.sentences import split_sentences
from gistwire_models.shipped import default_encoder_folder
from gistwire_models.shortening import shorten

from gistwire_training.candidates import candidates_of
from gistwire_training.evaluation.tasks import Task
from gistwire_training.evaluation.textrank import textrank_summary
from gistwire_training.evaluation.tokenization import count_words
from gistwire_training.pairs import Pair

_UNSPACED_LANGUAGES = frozenset({"zh", "ja"})
_CJK_CHARACTERS_PER_WORD = 2

# What a reader is shown: headlines of news have about ten words, summaries of a hit one or two sentences.
_MAX_WORDS: dict[Task, int] = {"headline": 12, "summary": 30}
_MAX_TOKENS: dict[Task, int] = {"headline": 32, "summary": 64}


class System(Protocol):
    """What is evaluated: articles in, one text for each out."""

    @property
    def name(self) -> str:
        """Name in the report; different for every system."""
        ...

    def summarize(self, pairs: Sequence[Pair]) -> list[str]:
        """Writes a text for each article. Blocks.

        Args:
            pairs: articles as `visible_part` leaves them: the summary is "", and for the task "headline" the
                headline too.

        Returns:
            the texts, in order; "" where there is nothing to say.
        """
        ...


class HeadlineBaseline:
    """The headline, as it is. Implements System; of no use where the headline is what is to be written."""

    name = "headline"

    def summarize(self, pairs: Sequence[Pair]) -> list[str]:
        """Returns the headlines, as System says."""
        return [pair.headline for pair in pairs]


class LeadBaseline:
    """Lead-1: the first sentence of the body. Implements System."""

    def __init__(self, *, max_words: int | None = None) -> None:
        """Sets the length.

        Args:
            max_words: where the sentence is cut, after a clause or a word; twice as many characters in
                Chinese and Japanese. None to leave it whole.
        """
        self._max_words = max_words

    @property
    def name(self) -> str:
        """Name in the report."""
        return "lead-1" if self._max_words is None else f"lead-1, {self._max_words} words"

    def summarize(self, pairs: Sequence[Pair]) -> list[str]:
        """Returns the first sentences, as System says."""
        return [self._lead(pair) for pair in pairs]

    def _lead(self, pair: Pair) -> str:
        sentences = split_sentences(pair.body, pair.language)
        lead = sentences[0].text if sentences else ""
        if self._max_words is None:
            return lead
        per_word = _CJK_CHARACTERS_PER_WORD if pair.language in _UNSPACED_LANGUAGES else 1
        limit = self._max_words * per_word
        if count_words(lead) <= limit:
            return lead
        # The mark of omission is no word, and no part of what anyone would have written.
        return shorten(lead, max_tokens=limit, count_tokens=count_words).removesuffix("…")


class TextRankBaseline:
    """The sentence of the body that is most like the others. Implements System."""

    name = "textrank"

    def summarize(self, pairs: Sequence[Pair]) -> list[str]:
        """Returns the sentences, as System says."""
        return [textrank_summary(pair.body, pair.language) for pair in pairs]


class MmrBaseline:
    """The extract that the server shows where there is no generating model. Implements System.

    Sentences chosen by maximal marginal relevance (Carbonell & Goldstein 1998), without a query.
    """

    name = "mmr extract"

    def __init__(self, open_encoder: Callable[[], CountingEncoder], *, max_tokens: int) -> None:
        """Keeps the settings.

        Args:
            open_encoder: makes the encoder of sentences, once for each call of `summarize`, which closes it.
            max_tokens: longest extract, in tokens of the encoder's vocabulary.
        """
        self._open_encoder = open_encoder
        self._max_tokens = max_tokens

    def summarize(self, pairs: Sequence[Pair]) -> list[str]:
        """Returns the extracts, as System says. Runs an event loop: not to be called from within one.

        Raises:
            GistwireModelError: the encoder cannot be used.
        """
        return asyncio.run(self._summarize(pairs))

    async def _summarize(self, pairs: Sequence[Pair]) -> list[str]:
        encoder = self._open_encoder()
        try:
            summarizer = ExtractiveSummarizer(encoder, encoder.count_tokens, cache_bytes=0)
            return [await self._extract(summarizer, pair) for pair in pairs]
        finally:
            await encoder.close()

    async def _extract(self, summarizer: ExtractiveSummarizer, pair: Pair) -> str:
        if not (pair.headline.strip() or pair.body.strip()):
            return ""
        candidates = await candidates_of(summarizer, pair, max_tokens=self._max_tokens)
        return candidates[0].text


def open_default_encoder() -> CountingEncoder:
    """Opens the text encoder that comes with Gistwire.

    Raises:
        ModelNotFoundError: it is not installed.
        ModelFormatError: its files cannot be used.
    """
    return LocalEncoder.load(default_encoder_folder())


def standard_baselines(
    task: Task, *, open_encoder: Callable[[], CountingEncoder] = open_default_encoder
) -> tuple[System, ...]:
    """Returns the baselines of a task.

    Args:
        task: where the headline is to be written, it is no baseline.
        open_encoder: makes the encoder for the extract by maximal marginal relevance.
    """
    of_body: tuple[System, ...] = (
        LeadBaseline(),
        LeadBaseline(max_words=_MAX_WORDS[task]),
        TextRankBaseline(),
        MmrBaseline(open_encoder, max_tokens=_MAX_TOKENS[task]),
    )
    return of_body if task == "headline" else (HeadlineBaseline(), *of_body)
