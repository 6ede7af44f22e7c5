"""Makes targets for articles that nobody summarized: the lead, or the sentences that say most of the rest.

Called by `prepare` for training pairs alone: what is measured must have been written by people.
"""

from collections import Counter
from typing import NamedTuple

from gistwire_models.sentences import split_sentences

from gistwire_training.data.filters import words


class PseudoSummary(NamedTuple):
    """A target taken from an article.

    Attributes:
        summary: one line; empty if the article has no sentence that would do.
        rest: the article without those sentences, for models that are to write what they do not read.
    """

    summary: str
    rest: str


def lead(body: str, language: str, *, max_words: int = 40) -> PseudoSummary:
    """Takes the first sentences, as many as `max_words` allow, and at least one.

    Args:
        body: plain text.
        language: ISO 639 code, or ``"und"``.
        max_words: longest summary of more than one sentence, in words.
    """
    sentences = [sentence.text for sentence in split_sentences(body, language)]
    chosen: list[int] = []
    length = 0
    for place, sentence in enumerate(sentences):
        length += len(words(sentence))
        if chosen and length > max_words:
            break
        chosen.append(place)
    return _taken(sentences, chosen)


def gap_sentences(body: str, language: str, *, count: int = 1, max_words: int = 60) -> PseudoSummary:
    """Takes the sentences with the greatest ROUGE-1 F to the rest of the article, in their order.

    Each sentence is scored by itself: the principal strategy "Ind-Orig" of Zhang, Zhao, Saleh and Liu,
    "PEGASUS: Pre-training with Extracted Gap-sentences for Abstractive Summarization" (2020), section 3.1.
    Of equal ones the first is taken. An article of one sentence has no rest, and gives an empty summary.

    Args:
        body: plain text.
        language: ISO 639 code, or ``"und"``.
        count: number of sentences; fewer if the article has no more than that.
        max_words: longer sentences are not taken.
    """
    sentences = [sentence.text for sentence in split_sentences(body, language)]
    bags = [Counter(word.casefold() for word in words(sentence)) for sentence in sentences]
    article: Counter[str] = Counter()
    for bag in bags:
        article.update(bag)
    scores = [
        -1.0 if bag.total() > max_words else _rouge_1_f(bag, article, article.total() - bag.total())
        for bag in bags
    ]
    best = sorted(range(len(sentences)), key=lambda place: -scores[place])
    count = min(count, len(sentences) - 1)
    return _taken(sentences, sorted(place for place in best[: max(count, 0)] if scores[place] >= 0))


def _rouge_1_f(sentence: Counter[str], article: Counter[str], rest_words: int) -> float:
    """ROUGE-1 F of a sentence to the article without it (Lin 2004), in time linear in the sentence alone."""
    overlap = sum(min(count, article[word] - count) for word, count in sentence.items())
    return 2 * overlap / max(sentence.total() + rest_words, 1)


def _taken(sentences: list[str], chosen: list[int]) -> PseudoSummary:
    taken = set(chosen)
    return PseudoSummary(
        summary=" ".join(" ".join(sentences[place].split()) for place in chosen),
        rest=" ".join(sentence for place, sentence in enumerate(sentences) if place not in taken),
    )
