"""What is wanted of a preparation, how far it is, and what it did: the settings and results of `prepare`."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from gistwire_training.data.filters import FilterLimits
from gistwire_training.pairs import Split


class PreparationOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How pairs are prepared.

    Attributes:
        limits: what a pair must be like.
        pseudo_summaries: what stands in for the summary of training pairs that have none: nothing, the first
            sentences, or the sentence that says most of the rest. Validation and test keep to what people
            wrote.
        pseudo_summary_words: longest lead, or longest sentence to be taken, in words.
        max_pairs_per_source: at most this many pairs of each source are kept, drawn by `seed`; None for all.
        seed: decides that draw and nothing else: splits depend on identifiers alone.
    """

    limits: FilterLimits = FilterLimits()
    pseudo_summaries: Literal["none", "lead", "gap sentences"] = "none"
    pseudo_summary_words: int = 40
    max_pairs_per_source: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class PreparationProgress:
    """How far a preparation is.

    Attributes:
        stage: what is being done.
        source: the source that is read; empty after reading.
        articles: number of articles read so far, of all sources.
    """

    stage: Literal["reading", "splitting", "writing"]
    source: str
    articles: int


class SourceReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the articles of one source.

    Attributes:
        location: path, or address of the server.
        sha256: of the file as it lies there, in hexadecimal; empty for a server.
        articles: number read, also of those that could not be used.
        rejected: number that could not be read; the rejects file says where and why.
        dropped: number that each filter dropped, by its name.
        kept: number in each split.
    """

    location: str
    sha256: str
    articles: int
    rejected: int
    dropped: dict[str, int]
    kept: dict[Split, int]


class PreparationReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a preparation did; the manifest holds the same.

    Attributes:
        sources: what became of each source, in the order in which they were given.
        splits: number of pairs in each split.
        with_summary: number of pairs in each split whose source gave a summary.
        near_duplicates: number of kept pairs that nearly repeat another one, and so follow it into its split.
        options: how it was done.
        versions: of Gistwire, Python and the packages that decide the outcome.
    """

    sources: list[SourceReport]
    splits: dict[Split, int]
    with_summary: dict[Split, int]
    near_duplicates: int
    options: PreparationOptions
    versions: dict[str, str]
