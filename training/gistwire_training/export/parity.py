"""Tells how far an exported summarizer writes what its checkpoint writes; used by `gistwire-train export`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ctranslate2
from gistwire_models.summarizer_source import DECODING_OPTIONS

from gistwire_training.errors import TrainingDataError
from gistwire_training.summarizer.copying_bart import CopyingBart
from gistwire_training.summarizer.examples import Example


@dataclass(frozen=True, slots=True)
class Parity:
    """How two engines agree.

    Attributes:
        texts: how many articles were summarized, greedily.
        equal_texts: share of articles with the same text, in [0, 1].
        equal_tokens: mean share of the text, from its start, that is the same, in [0, 1].
    """

    texts: int
    equal_texts: float
    equal_tokens: float


def measure_parity(checkpoint: CopyingBart, exported: Path, examples: Sequence[Example]) -> Parity:
    """Summarizes with both, one article at a time.

    Raises:
        TrainingDataError: there are no examples.
    """
    if not examples:
        raise TrainingDataError("no article to compare the exported model on")
    engine = ctranslate2.Translator(str(exported), device="cpu", intra_threads=1)
    shares: list[float] = []
    for example in examples:
        expected = checkpoint.write_tokens([example])[0]
        source = [checkpoint.tokenizer.id_to_token(token) for token in checkpoint.source_tokens(example)]
        result = engine.translate_batch(
            [source],
            beam_size=1,
            max_decoding_length=checkpoint.max_target_tokens,
            **DECODING_OPTIONS,
        )
        found = [int(checkpoint.tokenizer.token_to_id(token) or 0) for token in result[0].hypotheses[0]]
        shares.append(_common_share(expected, found))
    return Parity(len(shares), sum(share == 1 for share in shares) / len(shares), sum(shares) / len(shares))


def _common_share(first: Sequence[int], second: Sequence[int]) -> float:
    same = 0
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        same += 1
    return same / max(len(first), len(second), 1)
