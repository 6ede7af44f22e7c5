"""Measures one output against its reference and its article: `PairMeasurer.measure`, called by evaluation.py."""

from collections.abc import Sequence

import msgspec
from gistwire_server.faithfulness import Kind, Source, check_against
from gistwire_server.numerals import find_numbers
from gistwire_server.proper_names import find_names
from gistwire_server.text_overlap import ngrams, share_in
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import Tokenizer

from gistwire_training.evaluation.bleu import bleu_counts, sentence_bleu
from gistwire_training.evaluation.tokenization import count_words, tokenize, tokenize_stemmed


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """What one output measures. Shares and scores are in [0, 1].

    Attributes:
        rouge1: F of ROUGE-1 (Lin 2004), stemmed; Chinese by characters.
        rouge2: F of ROUGE-2.
        rouge_l: F of ROUGE-L.
        sentence_bleu: BLEU of this output alone.
        bleu_counts: what it adds to corpus BLEU, as `bleu.bleu_counts` says.
        faithfulness: the server's score of how far the output says only what the article says.
        checked_items: numbers and names in the output.
        unsupported_items: those of them that do not stand in the article.
        length: words; in Chinese, Japanese and Korean characters.
        compression: length of the output / length of the article.
        copied_tokens: share of its words that stand in the article.
        copied_bigrams: share of its pairs of neighbouring words that stand so in the article.
        novel_trigrams: share of its runs of three words that do not stand so in the article.
        longest_copied_run: words of the longest part that stands in the article without a gap.
        repeated_trigrams: share of its runs of three words that occurred before in it.
    """

    rouge1: float
    rouge2: float
    rouge_l: float
    sentence_bleu: float
    bleu_counts: tuple[int, ...]
    faithfulness: float
    checked_items: int
    unsupported_items: tuple[str, ...]
    length: int
    compression: float
    copied_tokens: float
    copied_bigrams: float
    novel_trigrams: float
    longest_copied_run: int
    repeated_trigrams: float

    @property
    def rouge(self) -> float:
        """Mean of the three ROUGE scores."""
        return (self.rouge1 + self.rouge2 + self.rouge_l) / 3


class PairMeasurer:
    """A reference and an article, prepared for measuring the outputs of several systems."""

    def __init__(self, *, reference: str, article: str, language: str) -> None:
        """Prepares the texts. CPU work of about a millisecond for each kilobyte of the article.

        Args:
            reference: what a person wrote.
            article: all the text that the system saw.
            language: ISO 639-1 code of both, or ``"und"``.
        """
        self._reference = reference
        self._language = language
        self._source = Source(article, language)
        self._rouge = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=_StemmedTokens(language))
        self._article_length = count_words(article)
        tokens = tokenize(article)
        self._article_run = _joined(tokens)
        self._article_ngrams = {size: frozenset(ngrams(tokens, size)) for size in (1, 2, 3)}

    @property
    def article_length(self) -> int:
        """Words of the article; in Chinese, Japanese and Korean characters."""
        return self._article_length

    def measure(self, output: str) -> Measures:
        """Measures an output; an empty one copies and repeats nothing. CPU work of a few milliseconds."""
        rouge = self._rouge.score(self._reference, output)
        counts = bleu_counts(output, self._reference, self._language)
        faithfulness = check_against(self._source, output)
        unsupported = tuple(
            each.text for each in faithfulness.unsupported if each.kind in (Kind.NUMBER, Kind.NAME)
        )
        tokens = tokenize(output)
        length = count_words(output)
        return Measures(
            rouge1=rouge["rouge1"].fmeasure,
            rouge2=rouge["rouge2"].fmeasure,
            rouge_l=rouge["rougeL"].fmeasure,
            sentence_bleu=sentence_bleu(counts),
            bleu_counts=counts,
            faithfulness=faithfulness.score,
            checked_items=max(self._count_items(output), len(unsupported)),
            unsupported_items=unsupported,
            length=length,
            compression=length / max(self._article_length, 1),
            copied_tokens=self._copied_share(tokens, 1),
            copied_bigrams=self._copied_share(tokens, 2),
            novel_trigrams=1 - self._copied_share(tokens, 3) if len(tokens) >= 3 else 0.0,
            longest_copied_run=self._longest_copied_run(tokens),
            repeated_trigrams=_repeated_share(ngrams(tokens, 3)),
        )

    def _count_items(self, output: str) -> int:
        numbers = sum(number.claimed for number in find_numbers(output, self._language))
        return numbers + len(find_names(output, self._language))

    def _copied_share(self, tokens: Sequence[str], size: int) -> float:
        runs = ngrams(tokens, size)
        return share_in(runs, self._article_ngrams[size]) if runs else 0.0

    def _longest_copied_run(self, tokens: Sequence[str]) -> int:
        longest = start = 0
        for end in range(1, len(tokens) + 1):
            # The longest run that ends here begins no earlier than the one that ended a word before.
            while start < end and _joined(tokens[start:end]) not in self._article_run:
                start += 1
            longest = max(longest, end - start)
        return longest


class _StemmedTokens(Tokenizer):  # type: ignore[misc]  # rouge-score is untyped
    """Our tokenizer as rouge-score wants one."""

    def __init__(self, language: str) -> None:
        self._language = language

    def tokenize(self, text: str) -> list[str]:
        return tokenize_stemmed(text, self._language)


def _joined(tokens: Sequence[str]) -> str:
    return f" {' '.join(tokens)} "


def _repeated_share(runs: Sequence[tuple[str, ...]]) -> float:
    return 1 - len(set(runs)) / len(runs) if runs else 0.0
