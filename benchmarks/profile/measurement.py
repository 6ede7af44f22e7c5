"""All searches of a profile, and their parts alone, in a process of their own: `measure_profile`."""

import asyncio
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click
from gistwire_server.app import open_engines

from benchmarks.load.corpus import CorpusOptions, LoadCorpus, copy_state
from benchmarks.load.preparation import prepare_corpus
from benchmarks.machine import describe_machine, quiet_log
from benchmarks.profile.figures import Breakdown, Part, ProfileFigures
from benchmarks.profile.parts import ColdParts, read_stored, take_hits
from benchmarks.profile.searches import (
    NO_SUMMARY,
    ONE_CANDIDATE,
    ProfiledSearch,
    ProfiledSearches,
    ProfileError,
    TimedParts,
    figures_of,
)

_WARM_UP = 5


def measure_profile(folder: Path, options: CorpusOptions, *, searches: int) -> ProfileFigures:
    """Measures all searches.

    Args:
        folder: of the indices; what an earlier run with the same options has left there is used.
        options: what is searched.
        searches: of each kind, where there are as many queries.

    Raises:
        click.ClickException: there are too few articles, or a search did not come to what is measured.
    """
    try:
        corpus = prepare_corpus(folder, options)
        # Where CTranslate2 has not chosen its instructions yet.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=quiet_log) as process:
            return process.submit(_measure, folder, corpus, searches).result()
    except (ProfileError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _measure(folder: Path, corpus: LoadCorpus, searches: int) -> ProfileFigures:
    figures = ProfileFigures(machine=describe_machine(), setting=_setting(corpus))
    asyncio.run(_measure_new(folder, corpus, searches, figures))
    asyncio.run(_measure_stored(folder, corpus, searches, figures))
    return figures


def _setting(corpus: LoadCorpus) -> str:
    names = [Path(each).name for each in corpus.options.sources] or ["the sample corpus"]
    return (
        f"{corpus.articles} articles of {', '.join(names)}, embedded; k = {corpus.options.top_k}, one candidate a "
        "summary"
    )


async def _measure_new(folder: Path, corpus: LoadCorpus, count: int, figures: ProfileFigures) -> None:
    """Hits alone, and cold searches, by an index without stored summaries."""
    with tempfile.TemporaryDirectory(prefix="gistwire-profile-") as copied:
        config = corpus.options.setting.config("cold", copy_state(folder, "cold", Path(copied) / "data"))
        async with open_engines(config) as opened:
            searches = ProfiledSearches(opened.engines, top_k=corpus.options.top_k)
            for query in corpus.warm_up[:_WARM_UP]:
                await searches.search(searches.plan(query, ONE_CANDIDATE))
            whole, alone = _two_halves(corpus.single, count)
            new, known = [], []
            new_parts, known_parts = TimedParts(), TimedParts()
            # In turn, so that a slow minute slows all of them. No query is asked for both, as it would be known then.
            for query, other in zip(whole, alone, strict=True):
                new.append(await searches.search(searches.plan(query, NO_SUMMARY)))
                known.append(await searches.search(searches.plan(query, NO_SUMMARY)))
                for parts in (new_parts, known_parts):
                    await take_hits(searches.plan(other, NO_SUMMARY), opened.engines, parts)
            for name, found, parts in (
                ("hits of a new query", new, new_parts),
                ("hits of the same query again", known, known_parts),
            ):
                figures.searches.append(figures_of(name, found))
                figures.breakdowns.append(
                    Breakdown(
                        name=f"{name}, up to them",
                        whole=figures.searches[-1].first_hit,
                        parts=parts.parts(),
                        # Words are looked for while the query is embedded.
                        overlaps=True,
                    )
                )
            cold_parts = ColdParts(opened.engines)
            cold = []
            for query in corpus.cold[:count]:
                plan = searches.plan(query, ONE_CANDIDATE)
                search = await searches.search(plan)
                await cold_parts.take(plan, search)
                cold.append(search)
            cold_parts.close()
    _add_cold(figures, cold, cold_parts)


def _add_cold(figures: ProfileFigures, cold: list[ProfiledSearch], parts: ColdParts) -> None:
    found = figures_of("cold: every summary is written", cold)
    figures.searches.append(found)
    up_to_hits = Part(name="up to the hits, in the same searches", times=found.first_hit)
    figures.breakdowns.append(
        Breakdown(
            name="cold search",
            whole=found.whole,
            parts=[up_to_hits, *parts.of_all.parts()],
            overlaps=True,
        )
    )
    if found.first_token is not None:
        figures.breakdowns.append(
            Breakdown(
                name="cold search, from the hits to the first token",
                whole=found.first_token,
                parts=parts.of_first.parts(),
                # The next articles are prepared beside it.
                overlaps=True,
            )
        )


async def _measure_stored(folder: Path, corpus: LoadCorpus, count: int, figures: ProfileFigures) -> None:
    """Warm searches and the same told again, by an index with stored summaries."""
    with tempfile.TemporaryDirectory(prefix="gistwire-profile-") as copied:
        config = corpus.options.setting.config("warm", copy_state(folder, "warm", Path(copied) / "data"))
        async with open_engines(config) as opened:
            searches = ProfiledSearches(opened.engines, top_k=corpus.options.top_k)
            warm, again = [], []
            parts = TimedParts()
            for query in corpus.pool[:count]:
                # What is not worth storing is written once; after that it is known.
                for _ in range(2):
                    await searches.search(searches.plan(query, ONE_CANDIDATE))
                plan = searches.plan(query, ONE_CANDIDATE)
                warm.append(await searches.search(plan))
                repetition = await searches.search(plan)
                # A search for which something was written anew is not kept.
                if repetition.is_told_again:
                    again.append(repetition)
                await read_stored(warm[-1].article_ids, opened.engines, parts)
    if not again:
        raise ProfileError("no answer was kept")
    for name, found in (("warm: summaries are stored", warm), ("again: the answer is kept", again)):
        figures.searches.append(figures_of(name, found))
    whole = figures.searches[-2]
    up_to_hits = Part(name="up to the hits, in the same searches", times=whole.first_hit)
    figures.breakdowns.append(
        Breakdown(name="warm search", whole=whole.whole, parts=[up_to_hits, *parts.parts()])
    )


def _two_halves(queries: Sequence[str], count: int) -> tuple[Sequence[str], Sequence[str]]:
    """Two lists of different queries, equally many and at most so many."""
    each = min(count, len(queries) // 2)
    if each == 0:
        raise ProfileError("there are too few articles for queries of their own")
    return queries[:each], queries[each : 2 * each]
