"""`prepare`: from sources of news to cleaned, filtered and split files of pairs, and a manifest of what was done."""

import asyncio
import hashlib
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

import msgspec
from gistwire_indexer.dead_letter import DeadLetterFile

from gistwire_training.data.filters import clean_pair, may_use_summary, reason_to_drop
from gistwire_training.data.pseudo_summaries import gap_sentences, lead
from gistwire_training.data.reading import FileSource, PairRecord, RawPair, read_file
from gistwire_training.data.report import (
    PreparationOptions,
    PreparationProgress,
    PreparationReport,
    SourceReport,
)
from gistwire_training.data.server_reading import ServerSource, read_server
from gistwire_training.data.splitting import assign_splits, group_near_duplicates
from gistwire_training.errors import TrainingDataError
from gistwire_training.pairs import SPLITS, Pair, Split, write_pairs

MANIFEST_FILE = "manifest.json"
REJECTS_FILE = "rejects.jsonl"

Source: TypeAlias = FileSource | ServerSource
ProgressCallback: TypeAlias = Callable[[PreparationProgress], None]

_PROGRESS_INTERVAL = 500
_DECIDING_PACKAGES = ("gistwire", "msgspec", "py3langid", "rensa", "snowballstemmer")


@dataclass(slots=True)
class _Intake:
    """What a source gave, and what became of it.

    Attributes:
        kept: the pairs that passed so far.
        articles: number read.
        rejected: number that could not be read.
        dropped: number that each filter dropped.
    """

    kept: list[Pair] = field(default_factory=list)
    articles: int = 0
    rejected: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


def prepare(
    sources: Sequence[Source],
    target_folder: Path,
    options: PreparationOptions | None = None,
    *,
    on_progress: ProgressCallback | None = None,
) -> PreparationReport:
    """Makes ``train.jsonl``, ``validation.jsonl``, ``test.jsonl``, and ``manifest.json``; maybe ``rejects.jsonl``.

    The same articles and options give the same pairs, byte for byte, whatever the order of sources and lines.
    All pairs that are kept are held in memory at once. Not for use within a running event loop.

    Args:
        sources: files and servers.
        target_folder: made if it is missing; files of an earlier preparation are replaced.
        options: how; None for the defaults.
        on_progress: called every few hundred articles, and at the beginning of each stage.

    Raises:
        RecipeError: the columns of a source are mapped wrongly.
        TrainingDataError: a source cannot be read, or no pair is left.
    """
    options = options or PreparationOptions()
    report_progress = on_progress or (lambda _: None)
    target_folder.mkdir(parents=True, exist_ok=True)
    intakes = _take_in(sources, options, target_folder / REJECTS_FILE, report_progress)
    articles = sum(intake.articles for intake in intakes)
    report_progress(PreparationProgress("splitting", "", articles))
    _drop_repeats(intakes)
    _sample(intakes, options)
    pairs = sorted((pair for intake in intakes for pair in intake.kept), key=lambda pair: pair.id)
    if not pairs:
        raise TrainingDataError("no pair is left after cleaning and filtering")
    groups = group_near_duplicates({pair.id: f"{pair.headline}\n{pair.body}" for pair in pairs})
    report_progress(PreparationProgress("writing", "", articles))
    return _write(
        sources=sources,
        intakes=intakes,
        pairs=pairs,
        groups=groups,
        target_folder=target_folder,
        options=options,
    )


def _take_in(
    sources: Sequence[Source],
    options: PreparationOptions,
    rejects_path: Path,
    report_progress: ProgressCallback,
) -> list[_Intake]:
    """Reads, cleans and filters all sources; what cannot be read goes to the rejects."""
    rejects_path.unlink(missing_ok=True)
    intakes = [_Intake() for _ in sources]
    articles = 0
    with DeadLetterFile(rejects_path) as rejects:
        for source, intake in zip(sources, intakes, strict=True):
            report_progress(PreparationProgress("reading", _location(source), articles))
            for record in _records(source):
                _take(record, source, intake, options, rejects)
                articles += 1
                if articles % _PROGRESS_INTERVAL == 0:
                    report_progress(PreparationProgress("reading", _location(source), articles))
    return intakes


def _records(source: Source) -> Iterator[PairRecord]:
    match source:
        case FileSource():
            return read_file(source)
        case ServerSource():
            return iter(asyncio.run(_all_of_server(source)))


async def _all_of_server(source: ServerSource) -> list[PairRecord]:
    return [record async for record in read_server(source)]


def _take(
    record: PairRecord, source: Source, intake: _Intake, options: PreparationOptions, rejects: DeadLetterFile
) -> None:
    intake.articles += 1
    if record.error is not None:
        intake.rejected += 1
        rejects.write(record.place, record.error)
    elif record.pair is not None:
        pair = _clean(record.pair, source)
        reason = (
            reason_to_drop(pair, options.limits)
            if may_use_summary(record.pair, options.limits)
            else "rating too low or without consent"
        )
        if reason is None:
            intake.kept.append(pair)
        else:
            intake.dropped[reason] += 1


def _clean(raw: RawPair, source: Source) -> Pair:
    if isinstance(source, ServerSource):
        return clean_pair(raw)
    name = source.name or source.path.name.partition(".")[0]
    return clean_pair(raw, name=name, id_prefix=source.id_prefix)


def _drop_repeats(intakes: Sequence[_Intake]) -> None:
    """Keeps one pair of each identifier, and of those with the same texts the one with the smallest."""
    ordered = sorted(
        ((pair, place) for place, intake in enumerate(intakes) for pair in intake.kept),
        key=lambda each: (each[0].id, msgspec.json.encode(each[0])),
    )
    for intake in intakes:
        intake.kept = []
    seen: set[tuple[str, str, str]] = set()
    for _, same_id in groupby(ordered, key=lambda each: each[0].id):
        (pair, place), *repeats = same_id
        for _, repeat_place in repeats:
            intakes[repeat_place].dropped["repeated identifier"] += 1
        texts = (pair.headline, pair.body, pair.summary)
        if texts in seen:
            intakes[place].dropped["repeated article"] += 1
        else:
            seen.add(texts)
            intakes[place].kept.append(pair)


def _sample(intakes: Sequence[_Intake], options: PreparationOptions) -> None:
    """Keeps as many pairs of each source as are wanted, those that the seed draws."""
    wanted = options.max_pairs_per_source
    for intake in intakes:
        if wanted is not None and len(intake.kept) > wanted:
            intake.dropped["not drawn"] = len(intake.kept) - wanted
            drawn = sorted(intake.kept, key=lambda pair: _sha256(f"{options.seed}\n{pair.id}".encode()))
            intake.kept = drawn[:wanted]


def _write(
    *,
    sources: Sequence[Source],
    intakes: Sequence[_Intake],
    pairs: Sequence[Pair],
    groups: Mapping[str, str],
    target_folder: Path,
    options: PreparationOptions,
) -> PreparationReport:
    """Writes the splits, and last the manifest: where it is, the splits are those that it tells of."""
    splits = assign_splits(groups)
    (target_folder / MANIFEST_FILE).unlink(missing_ok=True)
    for split in SPLITS:
        members = (pair for pair in pairs if splits[pair.id] == split)
        write_pairs(target_folder / f"{split}.jsonl", _with_targets(members, split, options))
    report = PreparationReport(
        sources=[_report(*each, splits) for each in zip(sources, intakes, strict=True)],
        splits=_count(pairs, splits),
        with_summary=_count((pair for pair in pairs if pair.summary), splits),
        near_duplicates=sum(id_ != group for id_, group in groups.items()),
        options=options,
        versions={name: version(name) for name in _DECIDING_PACKAGES} | {"python": platform.python_version()},
    )
    _write_manifest(target_folder / MANIFEST_FILE, report)
    return report


def _with_targets(pairs: Iterable[Pair], split: Split, options: PreparationOptions) -> Iterator[Pair]:
    """The pairs of a split; those of training get the pseudo-summaries that are wanted."""
    for pair in pairs:
        if split == "train" and not pair.summary and options.pseudo_summaries != "none":
            take = lead if options.pseudo_summaries == "lead" else gap_sentences
            target = take(pair.body, pair.language, max_words=options.pseudo_summary_words)
            yield msgspec.structs.replace(pair, summary=target.summary)
        else:
            yield pair


def _report(source: Source, intake: _Intake, splits: Mapping[str, Split]) -> SourceReport:
    return SourceReport(
        location=_location(source),
        sha256=_file_sha256(source.path) if isinstance(source, FileSource) else "",
        articles=intake.articles,
        rejected=intake.rejected,
        dropped=dict(sorted(intake.dropped.items())),
        kept=_count(intake.kept, splits),
    )


def _location(source: Source) -> str:
    return str(source.path) if isinstance(source, FileSource) else source.target


def _count(pairs: Iterable[Pair], splits: Mapping[str, Split]) -> dict[Split, int]:
    counts = Counter(splits[pair.id] for pair in pairs)
    return {split: counts[split] for split in SPLITS}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_manifest(path: Path, report: PreparationReport) -> None:
    """Writes the manifest, which appears whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    partial.replace(path)
