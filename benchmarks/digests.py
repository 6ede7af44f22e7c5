"""Digests: whether citations hold, how much is said twice, what is covered, false alarms, and how long it takes."""

import asyncio
import random
import re
import statistics
import time
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from gistwire.v1 import events_pb2, search_pb2, summary_pb2
from gistwire_indexer.index import IndexedArticle
from gistwire_indexer.ingestion import Ingestor
from gistwire_models.article_sentences import usable_sentences
from gistwire_server.app import open_engines
from gistwire_server.budget import Budget
from gistwire_server.config import load_config
from gistwire_server.digests.composition import compose
from gistwire_server.digests.stream import digest_events
from gistwire_server.engines import Engines
from gistwire_server.pipeline import search_events
from gistwire_server.summary_validation import plan_digest
from gistwire_server.text_overlap import content_terms, ngrams
from gistwire_server.validation import plan_stream_search

from benchmarks.corpus import judged_queries, read_articles
from benchmarks.machine import describe_machine

_MAX_ARTICLES = 3_000
_INGEST_BATCH = 256
_DIGESTS = 60
_SENTENCES = 5
_GROUP_SIZES = (3, 8)
_SAME_STORY = 0.8
"""Cosine of articles from which a group is taken to be one story."""

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_DIGITS = re.compile(r"\d+")
_QUOTED = re.compile(r"“([^“”]{1,300})”|\"([^\"]{1,300})\"|「([^「」]{1,300})」|《([^《》]{1,60})》")
_CAPITALISED = re.compile(r"(?<![.!?:\"“‘'(—–-]\s)(?<=[\w,;]\s)[A-Z][\w’'-]+")


@dataclass(frozen=True, slots=True)
class _Composed:
    """A digest with what it was made of.

    Attributes:
        digest: the digest.
        articles: the articles that it could draw on.
        query: what it was for; empty for a story.
        wanted: those of the articles that it should be of.
    """

    digest: summary_pb2.Digest
    articles: tuple[IndexedArticle, ...]
    query: str
    wanted: tuple[IndexedArticle, ...]


def measure_digests(sources: Sequence[str]) -> None:
    """Prints the figures for the judged queries of the sample corpus, and for queries and stories of the sources."""
    print(describe_machine())
    print(
        f"digests of at most {_SENTENCES} sentences; the baseline is as many first sentences of the articles"
    )
    print("headlines and leads are those of the hits that were judged relevant, where they were judged")
    for source in (None, *sources):
        with TemporaryDirectory(prefix="gistwire-bench-") as folder:
            asyncio.run(_measure(Path(folder), source))


async def _measure(folder: Path, source: str | None) -> None:
    articles = read_articles([source] if source else [])
    # From the first on, so that the stories of some days are whole.
    articles = articles[:_MAX_ARTICLES]
    async with open_engines(load_config(data_dir=folder)) as opened:
        engines = opened.engines
        ingestor = Ingestor(engines.index, engines.encoder)
        for start in range(0, len(articles), _INGEST_BATCH):
            await ingestor.ingest(articles[start : start + _INGEST_BATCH])
        name = Path(source).name if source else "sample corpus"
        if source:
            step = max(len(articles) // _DIGESTS, 1)
            judged = {article.headline: None for article in articles[::step][:_DIGESTS]}
        else:
            judged = {each["query"]: each["relevant"] for each in judged_queries()}
        queries = list(judged)
        print(f"\n{name}, {len(articles)} articles")
        of_queries = [await _of_query(engines, *each) for each in judged.items()]
        _print_figures(f"top 10 hits of {len(queries)} queries", of_queries)
        stories = await _stories(engines)
        if stories:
            of_stories = [await _of_story(engines, story) for story in stories]
            _print_figures(f"{len(stories)} stories", of_stories)
        await _print_alarms(engines)
        await _print_times(engines, queries)


async def _of_query(engines: Engines, query: str, relevant: Mapping[str, int] | None) -> _Composed:
    request = summary_pb2.StreamDigestRequest(query=query, max_sentences=_SENTENCES)
    digest, ids = summary_pb2.Digest(), []
    async with aclosing(
        digest_events(plan_digest(request, engines.config, None), engines, request_id="")
    ) as events:
        async for event in events:
            if isinstance(event, events_pb2.Hits):
                ids = [hit.article.id for hit in event.hits]
            elif isinstance(event, summary_pb2.Digest):
                digest = event
    articles = [each for each in await engines.index.get(ids) if each is not None]
    wanted = articles if relevant is None else [each for each in articles if relevant.get(each.article.id)]
    return _Composed(digest, tuple(articles), query, tuple(wanted))


async def _of_story(engines: Engines, story: Sequence[IndexedArticle]) -> _Composed:
    return _Composed(await _compose(engines, story), tuple(story), "", tuple(story))


async def _compose(engines: Engines, articles: Sequence[IndexedArticle]) -> summary_pb2.Digest:
    budget = Budget(60, engines.costs)
    return await compose(engines, articles, budget=budget, max_sentences=_SENTENCES)


async def _stories(engines: Engines) -> list[list[IndexedArticle]]:
    """Groups of articles that are nearly on the same, each article in one; copies left out."""
    articles = [
        each async for each in engines.index.scan() if each.duplicate_of is None and each.article.body
    ]
    if not articles:
        return []
    articles.sort(key=lambda each: each.article.id)
    vectors = np.stack([each.embedding for each in articles])
    used: set[int] = set()
    stories: list[list[IndexedArticle]] = []
    for seed in range(len(articles)):
        if seed in used or len(stories) == _DIGESTS:
            continue
        similarities = vectors @ vectors[seed]
        near = [int(place) for place in np.argsort(-similarities, kind="stable") if place not in used]
        group = [place for place in near if similarities[place] >= _SAME_STORY][: _GROUP_SIZES[1]]
        if len(group) >= _GROUP_SIZES[0]:
            used.update(group)
            stories.append([articles[place] for place in group])
    return stories


def _print_figures(name: str, composed: Sequence[_Composed]) -> None:
    sentences = [
        (sentence, {each.article.id: each for each in one.articles})
        for one in composed
        for sentence in one.digest.sentences
    ]
    if not sentences:
        print(f"  {name}: no digests")
        return
    supported = [
        [_stands_in(sentence.text, articles.get(citation.article_id)) for citation in sentence.citations]
        for sentence, articles in sentences
    ]
    citations = [valid for each in supported for valid in each]
    print(f"  {name}: {len(composed)} digests, {len(sentences) / len(composed):.1f} sentences each")
    print(
        f"    sentences with a citation that holds {_percent(any(each) for each in supported)}, "
        f"citations that hold {_percent(citations)}, "
        f"citations a sentence {len(citations) / len(sentences):.2f}, "
        f"sentences cited from several articles {_percent(len(each) > 1 for each in supported)}"
    )
    baselines = [_baseline(one) for one in composed]
    texts = [[sentence.text for sentence in one.digest.sentences] for one in composed]
    for label, written in (("digest", texts), ("baseline", baselines)):
        pairs = list(zip(written, composed, strict=True))
        print(
            f"    {label:9} words {_mean(_length(each) for each in written):5.0f}   "
            f"redundancy {_mean(_redundancy(each) for each in written):.3f}   "
            f"ROUGE-1 F to headlines {_mean(_rouge(text, _headlines(one), 1) for text, one in pairs):.3f}   "
            f"ROUGE-2 F {_mean(_rouge(text, _headlines(one), 2) for text, one in pairs):.3f}   "
            f"leads covered {_mean(_coverage(text, one) for text, one in pairs):.3f}"
        )
    alarms = [each for one in composed for each in one.digest.disagreements]
    print(f"    disagreements named {len(alarms)}")
    for alarm in alarms[:3]:
        print(f"      {alarm.subject[:100]} | {' | '.join(claim.sentence[:70] for claim in alarm.claims)}")


async def _print_alarms(engines: Engines) -> None:
    """Disagreements that are named where there are none, and of those that were made how many are named."""
    articles = [each async for each in engines.index.scan() if each.duplicate_of is None]
    articles.sort(key=lambda each: each.article.id)
    chance = random.Random(7)
    unrelated = [chance.sample(articles, min(10, len(articles))) for _ in range(_DIGESTS)]
    named = [
        disagreement
        for group in unrelated
        for disagreement in (await _compose(engines, [_alone(each) for each in group])).disagreements
    ]
    neighbours = await _neighbours(articles)
    close = [
        disagreement
        for group in neighbours
        for disagreement in (await _compose(engines, [_alone(each) for each in group])).disagreements
    ]
    print(
        f"  each article a publisher of its own: {len(named)} disagreements named in {len(unrelated)} groups of "
        f"unrelated articles, {len(close)} in {len(neighbours)} groups of the ten nearest"
    )
    for each in close[:5]:
        print(f"      {each.subject[:100]} | {' | '.join(claim.sentence[:90] for claim in each.claims)}")
    made = [pair for article in articles if (pair := _with_rival(article)) is not None][
        :: max(len(articles) // 400, 1)
    ]
    found = [bool((await _compose(engines, pair)).disagreements) for pair in made[:_DIGESTS]]
    if found:
        print(f"  a number changed in a rival's report: named {_percent(found)} of {len(found)}")


async def _neighbours(articles: Sequence[IndexedArticle]) -> list[list[IndexedArticle]]:
    vectors = np.stack([each.embedding for each in articles])
    step = max(len(articles) // _DIGESTS, 1)
    return [
        [articles[int(place)] for place in np.argsort(-(vectors @ vectors[seed]), kind="stable")[:10]]
        for seed in range(0, len(articles), step)
    ][:_DIGESTS]


def _alone(indexed: IndexedArticle) -> IndexedArticle:
    """The article as if of a publisher of its own."""
    return replace(indexed, article=replace(indexed.article, source=indexed.article.id))


def _with_rival(indexed: IndexedArticle) -> list[IndexedArticle] | None:
    """The article, and another's report that has one of its numbers otherwise; None if it has no plain number."""
    article = indexed.article
    match = re.search(r"(?<![\d.,$:/-])(?<!\w)[1-9]\d{1,2}(?= [a-z]{4,})", article.body)
    if match is None:
        return None
    changed = f"{article.body[: match.start()]}{int(match[0]) * 2 + 7}{article.body[match.end() :]}"
    rival = replace(article, id=f"{article.id}-rival", source="rival", body=changed)
    own = replace(article, source="own")
    return [replace(indexed, article=own), replace(indexed, article=rival, revision="rival")]


async def _print_times(engines: Engines, queries: Sequence[str]) -> None:
    first, whole, summary = [], [], []
    for query in queries[:_DIGESTS]:
        request = summary_pb2.StreamDigestRequest(query=query, max_sentences=_SENTENCES)
        started = time.perf_counter()
        sentence_s = None
        async with aclosing(
            digest_events(plan_digest(request, engines.config, None), engines, request_id="")
        ) as events:
            async for event in events:
                if isinstance(event, summary_pb2.DigestSentence) and sentence_s is None:
                    sentence_s = time.perf_counter() - started
        whole.append((time.perf_counter() - started) * 1e3)
        if sentence_s is not None:
            first.append(sentence_s * 1e3)
        summary.append(await _first_summary_ms(engines, query))
    print(f"  a digest's first sentence  {_percentiles(first)}")
    print(f"  a digest as a whole        {_percentiles(whole)}")
    print(f"  a search's first summary   {_percentiles(summary)}")


async def _first_summary_ms(engines: Engines, query: str) -> float:
    plan = plan_stream_search(search_pb2.StreamSearchRequest(query=query), engines.config, None)
    started = time.perf_counter()
    async with aclosing(search_events(plan, engines, request_id="")) as events:
        async for event in events:
            if isinstance(event, events_pb2.SummaryDelta | events_pb2.Summary):
                break
    return (time.perf_counter() - started) * 1e3


def _stands_in(text: str, indexed: IndexedArticle | None) -> bool:
    """Whether numbers, names and quotations stand in an article; by other means than the server's own check."""
    if indexed is None:
        return False
    article = _plain(indexed.article.text)
    plain = _plain(text)
    digits = set(_DIGITS.findall(article))
    lower = article.casefold()
    quoted = ("".join(match.groups("")) for match in _QUOTED.finditer(plain))
    return (
        all(number in digits for number in _DIGITS.findall(plain))
        and all(name.rstrip("'s").casefold() in lower for name in _CAPITALISED.findall(plain))
        and all(quotation.strip(" ,.") in article for quotation in quoted)
    )


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).replace("’", "'").split())


def _baseline(composed: _Composed) -> list[str]:
    """The first sentence of each of the best articles, as many as the digest has sentences."""
    return [_lead(each) for each in composed.articles[: max(len(composed.digest.sentences), 1)]]


def _lead(indexed: IndexedArticle) -> str:
    article = indexed.article
    usable = usable_sentences(headline=article.headline, body=article.body, language=article.language)
    return usable[0] if usable else article.headline


def _headlines(composed: _Composed) -> list[str]:
    return [each.article.headline for each in composed.wanted]


def _terms(texts: Iterable[str]) -> list[str]:
    return [term for text in texts for term in content_terms(text, "en")]


def _length(texts: Iterable[str]) -> int:
    return sum(len(_WORD.findall(text)) for text in texts)


def _redundancy(texts: Sequence[str]) -> float:
    """Mean over the sentences of the greatest share of its words that another one has."""
    terms = [set(_terms([text])) for text in texts]
    shares = [
        max(
            (len(own & other) / max(len(own), 1) for at, other in enumerate(terms) if at != place),
            default=0.0,
        )
        for place, own in enumerate(terms)
    ]
    return statistics.fmean(shares) if shares else 0.0


def _coverage(texts: Sequence[str], composed: _Composed) -> float:
    """Share of the words of the wanted articles' first sentences that the text has."""
    leads = Counter(_terms(_lead(each) for each in composed.wanted))
    known = set(_terms(texts))
    return sum(count for term, count in leads.items() if term in known) / max(leads.total(), 1)


def _rouge(texts: Sequence[str], references: Sequence[str], size: int) -> float:
    """F1 of the different n-grams of content words to those of all references together (after Lin 2004).

    Each counts once, lest a text gain by saying again what several references say.
    """

    def grams(parts: Iterable[str]) -> set[tuple[str, ...]]:
        listed = (_terms([part]) for part in parts)
        return {gram for terms in listed for gram in ngrams(terms, size)}

    own, wanted = grams(texts), grams(references)
    return 2 * len(own & wanted) / max(len(own) + len(wanted), 1)


def _mean(values: Iterable[float]) -> float:
    return statistics.fmean(values)


def _percent(values: Iterable[object]) -> str:
    found = [bool(value) for value in values]
    return f"{100 * sum(found) / max(len(found), 1):.1f} %"


def _percentiles(values_ms: Sequence[float]) -> str:
    cuts = statistics.quantiles(values_ms, n=100, method="inclusive")
    return f"p50 {cuts[49]:7.1f}   p95 {cuts[94]:7.1f} ms"
