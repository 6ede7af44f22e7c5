"""Says bodies in other words by translating them there and back. What it makes is given to `AugmentedPairs`.

Method: Sennrich, Haddow and Birch, "Improving Neural Machine Translation Models with Monolingual Data" (2016).
"""

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gistwire_models.sentences import split_sentences

from gistwire_training.data.split_pairs import SplitPairs
from gistwire_training.errors import CheckpointError, RecipeError
from gistwire_training.pairs import Pair

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Translator(Protocol):
    """Translates from one language to another."""

    def translate(self, texts: list[str]) -> list[str]:
        """Returns the translation of each text, in the same order."""
        ...


class CTranslate2Translator:
    """A translation model that CTranslate2 runs: any that it converts, such as OPUS-MT, M2M-100 or NLLB.

    Args:
        folder: the converted model with the files of its Hugging Face tokenizer beside it
            (``ct2-transformers-converter --copy_files``).
        target_prefix: tokens that every translation begins with, such as ``("deu_Latn",)`` for NLLB.
        source_language: the tokenizer's name for the language of the texts, for models of many.
        threads: number of CPU threads.

    Raises:
        CheckpointError: the folder holds no model, or no tokenizer.
    """

    def __init__(
        self,
        folder: Path,
        *,
        target_prefix: Sequence[str] = (),
        source_language: str = "",
        threads: int = 1,
    ) -> None:
        # Each takes seconds to import, and most preparations translate nothing.
        import ctranslate2  # noqa: PLC0415
        from transformers import AutoTokenizer  # noqa: PLC0415

        more = {"src_lang": source_language} if source_language else {}
        try:
            self._model = ctranslate2.Translator(str(folder), intra_threads=threads)
            self._tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
                str(folder), local_files_only=True, **more
            )
        except (OSError, RuntimeError, ValueError, ImportError) as error:
            raise CheckpointError(f"{folder}: no translation model with its tokenizer: {error}") from error
        self._target_prefix = list(target_prefix)

    def translate(self, texts: list[str]) -> list[str]:
        """Returns the translation of each text, in the same order."""
        sources = [self._tokenizer.convert_ids_to_tokens(self._tokenizer.encode(text)) for text in texts]
        prefixes = [self._target_prefix] * len(texts) if self._target_prefix else None
        results = self._model.translate_batch(sources, prefixes, max_batch_size=32, beam_size=2)
        return [self._text(result.hypotheses[0][len(self._target_prefix) :]) for result in results]

    def _text(self, tokens: list[str]) -> str:
        ids = self._tokenizer.convert_tokens_to_ids(tokens)
        return str(self._tokenizer.decode(ids, skip_special_tokens=True)).strip()


def back_translate(
    pairs: SplitPairs,
    *,
    forward: Translator,
    back: Translator,
    share: float = 0.3,
    seed: int = 0,
    batch_size: int = 16,
    on_progress: Callable[[int], None] | None = None,
) -> dict[str, str]:
    """Translates bodies to another language and back, sentence by sentence.

    Args:
        pairs: the training split.
        forward: translates from the language of the pairs to the other one.
        back: translates from there.
        share: share of the pairs that are translated, in [0, 1]; `seed` draws which.
        seed: another one draws others.
        batch_size: number of bodies that are translated at once.
        on_progress: called with the number of bodies translated so far, after each batch.

    Returns:
        the bodies in other words, by the identifiers of their pairs. One that came back empty or unchanged is
        left out.

    Raises:
        RecipeError: the pairs are for validation or test, or `share` is not in [0, 1].
    """
    if not 0 <= share <= 1:
        raise RecipeError(f"share must be between 0 and 1, not {share}")
    chosen = [pair for pair in pairs.for_training() if pair.body and _draw(seed, pair.id) < share]
    paraphrases: dict[str, str] = {}
    for done, batch in _batches(chosen, batch_size):
        for pair, body in zip(batch, _there_and_back(batch, forward, back), strict=True):
            if body and body != pair.body:
                paraphrases[pair.id] = body
        if on_progress is not None:
            on_progress(done)
    return paraphrases


def _draw(seed: int, id_: str) -> float:
    return random.Random(f"{seed}\n{id_}").random()  # noqa: S311  # no secret


def _batches(pairs: Sequence[Pair], size: int) -> Iterator[tuple[int, list[Pair]]]:
    """Batches, each with the number of pairs up to its end."""
    remaining = iter(pairs)
    done = 0
    while batch := list(islice(remaining, size)):
        done += len(batch)
        yield done, batch


def _there_and_back(batch: list[Pair], forward: Translator, back: Translator) -> list[str]:
    sentences = [[sentence.text for sentence in split_sentences(pair.body, pair.language)] for pair in batch]
    returned = iter(back.translate(forward.translate([text for texts in sentences for text in texts])))
    return [" ".join(filter(None, (next(returned).strip() for _ in texts))) for texts in sentences]
