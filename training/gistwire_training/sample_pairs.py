"""The sample corpus with the summaries written for it, as pairs: only ever for evaluation, never for training."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Literal

import msgspec

from gistwire_training.pairs import Pair

SampleLanguage = Literal["en", "zh"]

_PARTS: dict[SampleLanguage, tuple[str, ...]] = {"en": ("english-1", "english-2"), "zh": ("chinese",)}
_SOURCE = "sample corpus"


def sample_pairs(language: SampleLanguage) -> list[Pair]:
    """Returns the sample corpus' articles of a language that have a summary."""
    folder = files("gistwire_indexer") / "sample_corpus"
    pairs: list[Pair] = []
    for part in _PARTS[language]:
        summaries = {
            line["id"]: line["summary"]
            for line in _lines((folder / "summaries" / f"{part}.jsonl").read_text("utf-8"))
        }
        # A later line that repeats an id corrects the earlier one.
        articles = {line["id"]: line for line in _lines((folder / f"{part}.jsonl").read_text("utf-8"))}
        pairs += [
            Pair(
                id=identifier,
                headline=articles[identifier]["headline"],
                body=articles[identifier]["body"],
                summary=summary,
                source=f"{_SOURCE}, {language}",
                language=language,
            )
            for identifier, summary in summaries.items()
        ]
    return pairs


def _lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        yield msgspec.json.decode(line)
