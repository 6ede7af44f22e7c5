"""`prepare`: from sources of news to cleaned, filtered and split files of pairs, and a manifest of what was done."""

import asyncio
import hashlib
import platform
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec
from gistwire_indexer.dead_letter import DeadLetterFile
from gistwire_indexer.errors import ArticleError

from gistwire_training.data.filters import FilterLimits, clean_pair, may_use_rating, reason_to_drop
from gistwire_training.data.pseudo_summaries import gap_sentences, lead
from gistwire_training.data.reading import FileSource, PairRecord, read_file
from gistwire_training.data.server_reading import ServerSource, read_server
from gistwire_training.data.splitting import assign_splits
from gistwire_training.errors import TrainingDataError
from gistwire_training.pairs import SPLITS, Pair, Split, write_pairs

MANIFEST_FILE = "manifest.json"
REJECTS_FILE = "rejects.jsonl"

Source: TypeAlias = FileSource | ServerSource

# Reasons for which pairs are dropped that only the pair's origin or the other pairs tell.
_NO_CONSENT = "rating without consent or too low"
_REPEATED_ID = "repeated identifier"
_REPEATED_ARTICLE = "repeated article"
_SAMPLED_OUT = "sampled out"

_PROGRESS_INTERVAL = 500


class PreparationOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How pairs are prepared.

    Attributes:
        limits: what a pair must be like.
        pseudo_summaries: what stands in for the summary of training pairs that have none: nothing, the
            first sentences, or the sentence that says most of the rest. Validation and test keep to what
            people wrote.
        pseudo_summary_words: length of the lead, in words.
        max_pairs_per_source: at most this many pairs of each source are kept, drawn by `seed`; None for all.
        seed: decides that draw, and nothing else: splits depend on identifiers alone.
    """

    limits: FilterLimits = FilterLimits()
    pseudo_summaries: Literal["none", "lead", "gap_sentences"] = "none"
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
        sha256: of the file as it is, in hexadecimal; empty for a server.
        articles: number read, also of those that could not be used.
        rejected: number that could not be read; the rejects file says why.
        dropped: number dropped by each filter, by its name.
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
        with_summary: number of pairs in each split whose summary a person wrote.
        near_duplicates: number of kept pairs that follow an earlier one into its split.
        options: how it was done.
        versions: of Gistwire, Python and the packages that decide the outcome.
    """

    sources: list[SourceReport]
    splits: dict[Split, int]
    with_summary: dict[Split, int]
    near_duplicates: int
    options: PreparationOptions
    versions: dict[str, str]


@dataclass(slots=True)
class _Tally:
    """What is known of a source while it is read."""

    articles: int = 0
    rejected: int = 0


class _Kept(msgspec.Struct, frozen=True):
    """A pair that passed the filters, and the place of its source in the list of sources."""

    pair: Pair
    source: int


def prepare(
    sources: Sequence[Source],
    target_folder: Path,
    options: PreparationOptions | None = None,
    *,
    on_progress: Callable[[PreparationProgress], None] | None = None,
) -> PreparationReport:
    """Makes ``train.jsonl``, ``validation.jsonl``, ``test.jsonl``, ``manifest.json`` and ``rejects.jsonl``.

    The same articles and options give the same files, byte for byte, whatever the order of the sources. All
    pairs that are kept are held in memory at once. Not for use within a running event loop.

    Args:
        sources: files and servers.
        target_folder: made if it is missing; files of an earlier preparation are replaced.
        options: how; None for the defaults.
        on_progress: called every few hundred articles and at the beginning of each stage.

    Raises:
        RecipeError: the columns of a source are mapped wrongly.
        TrainingDataError: a source cannot be read, or no pair is left.
    """
    options = options or PreparationOptions()
    report_progress = on_progress or (lambda _: None)
    target_folder.mkdir(parents=True, exist_ok=True)
    tallies = [_Tally() for _ in sources]
    dropped: list[Counter[str]] = [Counter() for _ in sources]
    with _fresh_rejects(target_folder) as rejects:
        kept = list(_read_all(sources, options, tallies, dropped, rejects, report_progress))
    articles = sum(tally.articles for tally in tallies)
    report_progress(PreparationProgress("splitting", "", articles))
    kept = _without_repeats(kept, dropped)
    if options.max_pairs_per_source is not None:
        kept = _sampled(kept, options.max_pairs_per_source, options.seed, dropped)
    if not kept:
        raise TrainingDataError("no pair is left after cleaning and filtering")
    splits, followers = _split(kept)
    report_progress(PreparationProgress("writing", "", articles))
    by_split = {split: [each for each in kept if splits[each.pair.id] == split] for split in SPLITS}
    for split, members in by_split.items():
        write_pairs(
            target_folder / f"{split}.jsonl", _finished((each.pair for each in members), split, options)
        )
    report = PreparationReport(
        sources=[
            SourceReport(
                location=_location(source),
                sha256=_sha256(source.path) if isinstance(source, FileSource) else "",
                articles=tallies[place].articles,
                rejected=tallies[place].rejected,
                dropped=dict(sorted(dropped[place].items())),
                kept={
                    split: sum(each.source == place for each in members)
                    for split, members in by_split.items()
                },
            )
            for place, source in enumerate(sources)
        ],
        splits={split: len(members) for split, members in by_split.items()},
        with_summary={
            split: sum(each.pair.summary != "" for each in members) for split, members in by_split.items()
        },
        near_duplicates=followers,
        options=options,
        versions=_versions(),
    )
    _write_manifest(target_folder / MANIFEST_FILE, report)
    return report
