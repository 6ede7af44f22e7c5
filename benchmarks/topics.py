"""Topics: categories on test splits, stories where the truth is known, updates against one run, times of calls.

No set of ours says which articles tell one story. So articles are cut: the headline, and pieces of the body of forty
words or so, each stand for an article of their own, and those of one article are one story. What it cannot show is
how outlets differ in wording; what it makes harder is that a headline has few words, and that the sets hold real
copies and sequels, which count as errors when they are put together.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import numpy as np
from gistwire.v1 import topic_pb2, topic_pb2_grpc
from gistwire_indexer.article import Article
from gistwire_indexer.ingestion import Ingestor
from gistwire_indexer.sources import RawArticle
from gistwire_models.encoder import Embedding
from gistwire_models.local_encoder import LocalEncoder
from gistwire_models.shipped import default_encoder_folder
from gistwire_server.app import running_server
from gistwire_server.config import load_config
from gistwire_server.retrieval import is_covered
from gistwire_server.topics.classifier import CategoryClassifier, shipped_classifier
from gistwire_server.topics.stories import Story, StoryClustering, cluster_stories
from gistwire_server.topics.story_articles import StoryArticle, story_terms
from gistwire_server.topics.story_similarity import StorySettings
from gistwire_training.pairs import Split, split_of
from gistwire_training.topics import shipped_mapping
from gistwire_training.topics.report import macro_f1
from scipy.sparse.csgraph import connected_components

from benchmarks.corpus import parents_of_recombined, read_articles
from benchmarks.machine import describe_machine

_PIECE_WORDS = 40
_MAX_PIECES = 5
_MAX_STORIES = 600
_UPDATES = 10
_SIZES = (1_000, 10_000)
_INDEXED = 5_000
_NEW = 50
_BATCH = 64
_THRESHOLDS = tuple(np.arange(0.3, 0.9, 0.05).round(2).tolist())

Partition = dict[str, Hashable]
"""For each article what names its group."""


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Pieces of articles of one source, and the article that each is of."""

    source: str
    articles: Sequence[StoryArticle]
    truth: Partition


def measure_topics(sources: Sequence[str]) -> None:
    """Prints the figures."""
    print(describe_machine())
    articles = read_articles(sources)
    asyncio.run(_measure(articles))
    with TemporaryDirectory(prefix="gistwire-bench-") as folder:
        asyncio.run(_calls(Path(folder), articles))


async def _measure(articles: Sequence[RawArticle]) -> None:
    encoder = await asyncio.to_thread(LocalEncoder.load, default_encoder_folder())
    try:
        classifier = shipped_classifier()
        classifier.check_encoder(encoder.model)
        print(f"\ncategories ({classifier.model}), articles of the test split by hash of id")
        for source in sorted({article.source for article in articles}):
            await _classification(source, articles, encoder, classifier)
        print(
            "\nstories: B-cubed precision, recall and F1 on the test split; thresholds chosen on validation"
        )
        tested = []
        for source in sorted({article.source for article in articles}):
            validation = await _pieces(source, articles, "validation", encoder)
            test = await _pieces(source, articles, "test", encoder)
            if validation.articles and test.articles:
                _clustering(validation, test)
                tested += [test, validation]
        everything = [piece for pieces in tested for piece in pieces.articles]
        if everything:
            print(f"\nall {len(everything)} pieces of both splits together, recombined beyond that")
            _incremental(everything)
            _speed(everything)
    finally:
        await encoder.close()


async def _calls(folder: Path, articles: Sequence[RawArticle]) -> None:
    """Times StreamTopics on a server: the first call reads the window, the next ones what is new."""
    dated_now = [
        replace(article, published=None) for article in articles[:: max(len(articles) // _INDEXED, 1)]
    ]
    async with (
        running_server(load_config(data_dir=folder, listen="unix")) as running,
        grpc.aio.insecure_channel(running.target) as channel,
    ):
        ingestor = Ingestor(running.engines.index, running.engines.encoder)
        before, after = dated_now[: _INDEXED - _NEW], dated_now[_INDEXED - _NEW : _INDEXED]
        for start in range(0, len(before), _BATCH):
            await ingestor.ingest(before[start : start + _BATCH])
        print(f"\nStreamTopics, 10 topics with digests, of {len(before)} articles: ms to each")
        stub = topic_pb2_grpc.TopicServiceStub(channel)
        await _call("first call", stub)
        await _call("once more", stub)
        await ingestor.ingest(after)
        await _call(f"{len(after)} articles later", stub)


async def _call(name: str, stub: "topic_pb2_grpc.TopicServiceAsyncStub") -> None:
    started = time.perf_counter()
    times: dict[str, float] = {}
    async for event in stub.StreamTopics(topic_pb2.StreamTopicsRequest(), timeout=60):
        times.setdefault(str(event.WhichOneof("event")), (time.perf_counter() - started) * 1e3)
    shown = "   ".join(
        f"{kind} {times.get(kind, float('nan')):6.0f}" for kind in ("topic", "digest", "completed")
    )
    print(f"  {name:<20} {shown}")


async def _classification(
    source: str, articles: Sequence[RawArticle], encoder: LocalEncoder, classifier: CategoryClassifier
) -> None:
    mapping = shipped_mapping()
    labelled = [
        (article, label)
        for article in articles
        if article.source == source and split_of(article.id) == "test"
        if (label := mapping.label(source, article.category)) and classifier.knows(article.language)
    ]
    if not labelled:
        return
    vectors = await encoder.encode([_text(article) for article, _ in labelled])
    found = [
        classifier.classify(vector, article.language)
        for vector, (article, _) in zip(vectors, labelled, strict=True)
    ]
    labels = sorted({label for _, label in labelled} | {each.category for each in found})
    kept = [(each.category, label) for each, (_, label) in zip(found, labelled, strict=True)]
    certain = [(category, label) for category, label in kept if category != "other"]
    predicted = np.array([labels.index(category) for category, _ in certain])
    truth = np.array([labels.index(label) for _, label in certain])
    right = float((predicted == truth).mean())
    print(
        f"  {source:<10} {len(labelled):6} articles   not other {len(certain) / len(labelled):.3f}"
        f"   of these right {right:.3f}   macro F1 {macro_f1(predicted, truth):.3f}"
    )


def _text(article: RawArticle) -> str:
    return f"{article.headline}\n{article.body}" if article.body else article.headline


async def _pieces(
    source: str, articles: Sequence[RawArticle], split: Split, encoder: LocalEncoder
) -> _Pieces:
    chosen = [
        article
        for article in articles
        if article.source == source and article.headline.strip() and article.body.strip()
        if split_of(article.id) == split
    ][:_MAX_STORIES]
    cut = [(article, text) for article in chosen for text in _cut(article)]
    vectors: Embedding = await encoder.encode([text for _, text in cut])
    pieces = [
        StoryArticle(
            id=f"{article.id}/{place}",
            time_s=_time_s(article),
            embedding=vector,
            terms=story_terms(Article(id="piece", headline=text[:1_000], language=article.language or "und")),
            is_covered=is_covered(text),
        )
        for place, ((article, text), vector) in enumerate(zip(cut, vectors, strict=True))
    ]
    truth: Partition = {piece.id: article.id for piece, (article, _) in zip(pieces, cut, strict=True)}
    return _Pieces(source, pieces, truth)


def _cut(article: RawArticle) -> Iterator[str]:
    yield article.headline
    words = article.body.split()
    count = min(max(len(words) // _PIECE_WORDS, 1), _MAX_PIECES)
    for number in range(count):
        yield " ".join(words[number * _PIECE_WORDS : (number + 1) * _PIECE_WORDS])


def _time_s(article: RawArticle) -> float:
    published = article.published
    return published.timestamp() if isinstance(published, datetime) else 0.0


def _clustering(validation: _Pieces, test: _Pieces) -> None:
    stories = len(set(test.truth.values()))
    print(f"  {test.source}: {len(test.articles)} pieces of {stories} articles")
    baseline = max(
        _THRESHOLDS, key=lambda each: bcubed(validation.truth, single_threshold(validation.articles, each))[2]
    )
    settings = StorySettings()
    meaning = replace(settings, terms_weight=0.0, time_penalty=0.0)
    meaning = _tuned(meaning, validation)
    best = _tuned(settings, validation)
    rows = {
        f"one threshold on cosines ({baseline:.2f})": single_threshold(test.articles, baseline),
        f"average linkage, cosines alone ({meaning.threshold:.2f})": partition(
            cluster_stories(test.articles, meaning)
        ),
        f"as served ({settings.threshold:.2f})": partition(cluster_stories(test.articles)),
        f"as served, but for this set ({best.threshold:.2f})": partition(
            cluster_stories(test.articles, best)
        ),
    }
    for name, groups in rows.items():
        precision, recall, f1 = bcubed(test.truth, groups)
        print(f"    {name:<38} P {precision:.3f}   R {recall:.3f}   F1 {f1:.3f}")


def _tuned(settings: StorySettings, validation: _Pieces) -> StorySettings:
    """The settings with the threshold that is best on validation."""
    tried = [replace(settings, threshold=threshold) for threshold in _THRESHOLDS]
    return max(
        tried,
        key=lambda each: bcubed(validation.truth, partition(cluster_stories(validation.articles, each)))[2],
    )


def partition(stories: Sequence[Story]) -> Partition:
    """The story of each article."""
    return {id_: story.id for story in stories for id_ in story.article_ids}


def single_threshold(articles: Sequence[StoryArticle], threshold: float) -> Partition:
    """The baseline: articles belong together where a chain of cosines above a threshold joins them."""
    vectors = np.stack([article.embedding for article in articles])
    labels = connected_components(vectors @ vectors.T >= threshold, directed=False)[1]
    return {article.id: int(label) for article, label in zip(articles, labels, strict=True)}


def bcubed(truth: Partition, groups: Partition) -> tuple[float, float, float]:
    """B-cubed precision, recall and F1 (Bagga and Baldwin, 1998) of groups against true ones of the same articles."""
    both = Counter((truth[id_], groups[id_]) for id_ in truth)
    true_sizes, sizes = Counter(truth.values()), Counter(groups[id_] for id_ in truth)
    precision = sum(count * count / sizes[group] for (_, group), count in both.items()) / len(truth)
    recall = sum(count * count / true_sizes[true] for (true, _), count in both.items()) / len(truth)
    return precision, recall, 2 * precision * recall / (precision + recall)


def _incremental(articles: Sequence[StoryArticle]) -> None:
    """Takes articles in by tenths, in the order of their identifiers' hashes, and lets a tenth go at last."""
    order = np.random.default_rng(7).permutation(len(articles))
    parts = [[articles[place] for place in part] for part in np.array_split(order, _UPDATES)]
    clustering = StoryClustering()
    for part in parts:
        clustering.update(added=part)
    clustering.update(removed=[article.id for article in parts[0]])
    whole = partition(cluster_stories([article for part in parts[1:] for article in part]))
    _, _, f1 = bcubed(whole, partition(clustering.stories()))
    print(f"  {_UPDATES} updates and a removal against one run: B-cubed F1 {f1:.4f}")


def _speed(articles: Sequence[StoryArticle]) -> None:
    """Times a whole window, and then one hundredth more of its articles."""
    for size in _SIZES:
        made = _recombined(articles, size + size // 100)
        chance = np.random.default_rng(7)
        made = [made[place] for place in chance.permutation(len(made))]
        started = time.perf_counter()
        clustering = StoryClustering()
        clustering.update(added=made[:size])
        whole_s = time.perf_counter() - started
        started = time.perf_counter()
        clustering.update(added=made[size:])
        update_s = time.perf_counter() - started
        print(
            f"  {size:6} articles: {whole_s:.2f} s in one run, {update_s:.2f} s for {len(made) - size} more,"
            f" {len(clustering.stories())} stories"
        )


def _recombined(articles: Sequence[StoryArticle], count: int) -> list[StoryArticle]:
    """So many articles: those given, then each halfway between two of them."""
    made = []
    for place, parents in enumerate(parents_of_recombined(len(articles), count)):
        if len(parents) == 1:
            made.append(articles[parents[0]])
            continue
        first, second = (articles[parent] for parent in parents)
        between = first.embedding + second.embedding
        made.append(
            replace(
                first,
                id=f"recombined-{place}",
                embedding=between / np.float32(np.linalg.norm(between)),
                terms=first.terms[::2]
                + tuple(term for term in second.terms[1::2] if term not in first.terms),
            )
        )
    return made
