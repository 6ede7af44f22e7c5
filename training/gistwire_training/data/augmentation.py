"""Varies training pairs from epoch to epoch, so that a model learns more from few: `AugmentedPairs`.

Only what is read is varied, never what is to be written; and words of the target are neither dropped nor
replaced in what is read, for a target that its source does not support teaches to invent.

Method: synonym replacement and random deletion of Wei and Zou, "EDA: Easy Data Augmentation Techniques for
Boosting Performance on Text Classification Tasks" (2019); sentence permutation of Lewis et al., "BART" (2020).
"""

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec
from gistwire_indexer.analysis import analyze
from gistwire_models.sentences import split_sentences

from gistwire_training.data.split_pairs import SplitPairs
from gistwire_training.data.thesaurus import Thesaurus
from gistwire_training.errors import RecipeError
from gistwire_training.pairs import Pair

_NO_ENTRIES: Mapping[str, tuple[str, ...]] = MappingProxyType({})
_NO_PARAPHRASES: Mapping[str, str] = MappingProxyType({})

# Names and numbers stay: words in capitals may be the former. Unspaced scripts have no words to be told here.
_COMMON_WORD = re.compile("(?<![\\w'’.-])[a-z\u00df-\u00f6\u00f8-\u00ff]{2,}(?![\\w'’.-]*\\w)")


class AugmentationOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How much is varied. All are probabilities, and 0 turns a kind off.

    Attributes:
        synonyms: that a word of the body which the thesaurus knows is replaced.
        word_dropout: that a word of the body is left out.
        sentence_dropout: that a sentence of the body beyond the lead is left out.
        sentence_shuffling: that the sentences of the body beyond the lead change places.
        headline_dropout: that the headline is left out, where there is a summary to be written.
        back_translation: that the body is replaced by its back-translation, where there is one.
        lead_sentences: number of sentences at the beginning of the body that keep their place.
        seed: with epoch and identifier it decides everything, so that a resumed run sees what it would have.

    Raises:
        RecipeError: a probability is not in [0, 1], or `lead_sentences` is negative.
    """

    synonyms: float = 0.1
    word_dropout: float = 0.03
    sentence_dropout: float = 0.1
    sentence_shuffling: float = 0.1
    headline_dropout: float = 0.1
    back_translation: float = 0.3
    lead_sentences: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        probabilities = {
            name: value for name, value in msgspec.structs.asdict(self).items() if isinstance(value, float)
        }
        for name, value in probabilities.items():
            if not 0 <= value <= 1:
                raise RecipeError(f"{name} is a probability, and cannot be {value}")
        if self.lead_sentences < 0:
            raise RecipeError(f"lead_sentences cannot be {self.lead_sentences}")


class AugmentedPairs:
    """The training pairs, in another variation in each epoch.

    Args:
        pairs: the training split.
        options: how much is varied; None for the defaults.
        thesaurus: see `read_thesaurus` and `news_thesaurus`; without one no word is replaced.
        paraphrases: bodies in other words by the identifiers of their pairs, as `back_translate` makes them.

    Raises:
        RecipeError: the pairs are for validation or test.
    """

    def __init__(
        self,
        pairs: SplitPairs,
        options: AugmentationOptions | None = None,
        *,
        thesaurus: Thesaurus = _NO_ENTRIES,
        paraphrases: Mapping[str, str] = _NO_PARAPHRASES,
    ) -> None:
        self._pairs = pairs.for_training()
        self._options = options or AugmentationOptions()
        self._thesaurus = thesaurus
        self._paraphrases = paraphrases

    def __len__(self) -> int:
        """Returns the number of pairs, the same in each epoch."""
        return len(self._pairs)

    def pair(self, place: int, *, epoch: int) -> Pair:
        """Returns a pair as it is in an epoch, whichever others were asked for before.

        Args:
            place: place of the pair in the split, from 0.
            epoch: from 0.

        Raises:
            IndexError: there are not so many pairs.
        """
        pair = self._pairs[place]
        draw = random.Random(f"{self._options.seed}\n{epoch}\n{pair.id}")  # noqa: S311  # no secret
        target = frozenset(analyze(pair.summary or pair.headline, pair.language))
        body = self._rephrase(pair, draw)
        body = self._rearrange(body, pair.language, target, draw)
        body = self._vary_words(body, pair.language, target, draw)
        drops_headline = draw.random() < self._options.headline_dropout and pair.summary and body
        return msgspec.structs.replace(pair, headline="" if drops_headline else pair.headline, body=body)

    def epoch(self, epoch: int) -> Iterator[Pair]:
        """Returns all pairs as they are in an epoch, in the order of the split."""
        return (self.pair(place, epoch=epoch) for place in range(len(self)))

    def _rephrase(self, pair: Pair, draw: random.Random) -> str:
        uses_paraphrase = draw.random() < self._options.back_translation
        return self._paraphrases.get(pair.id, pair.body) if uses_paraphrase else pair.body

    def _rearrange(self, body: str, language: str, target: frozenset[str], draw: random.Random) -> str:
        """Leaves out and shuffles sentences beyond the lead, but none that alone supports the target."""
        sentences = [sentence.text for sentence in split_sentences(body, language)]
        lead, rest = sentences[: self._options.lead_sentences], sentences[self._options.lead_sentences :]
        supports = [target.intersection(analyze(sentence, language)) for sentence in sentences]
        supporters = Counter(term for support in supports for term in support)
        kept: list[str] = []
        for sentence, support in zip(rest, supports[len(lead) :], strict=True):
            if draw.random() < self._options.sentence_dropout and all(
                supporters[term] > 1 for term in support
            ):
                supporters.subtract(support)
            else:
                kept.append(sentence)
        if draw.random() < self._options.sentence_shuffling:
            draw.shuffle(kept)
        return body if lead + kept == sentences else " ".join(lead + kept)

    def _vary_words(self, body: str, language: str, target: frozenset[str], draw: random.Random) -> str:
        """Replaces and leaves out common words that are not of the target."""

        def vary(match: re.Match[str]) -> str:
            word = match[0]
            # Drawn for each word alike, so that one more option does not change all that follows.
            is_replaced = draw.random() < self._options.synonyms
            is_dropped = draw.random() < self._options.word_dropout
            choice = draw.random()
            if (is_replaced or is_dropped) and target.intersection(analyze(word, language)):
                return word
            if is_dropped:
                return ""
            synonyms = self._thesaurus.get(word, ())
            return synonyms[int(choice * len(synonyms))] if is_replaced and synonyms else word

        varied = _COMMON_WORD.sub(vary, body)
        return varied if varied == body else re.sub(r" (?=[ ,.;:!?])|^ ", "", varied)
