"""Searches in this process, each with what it took: `ProfiledSearches`."""

import itertools
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gistwire.v1 import events_pb2, search_pb2, specs_pb2
from gistwire_server.engines import Engines
from gistwire_server.pipeline import search_events
from gistwire_server.plan import SearchPlan
from gistwire_server.validation import plan_stream_search

from benchmarks.load.distinct import make_distinct
from benchmarks.profile.figures import Part, SearchFigures, Times, median_times

NO_SUMMARY = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.NONE)
ONE_CANDIDATE = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.BEST, candidates=1)


@dataclass(frozen=True, slots=True)
class ProfiledSearch:
    """A search and what it took.

    Attributes:
        first_hit: from the beginning to the hits.
        whole: from the beginning to the end.
        first_token: from the hits to the first text of a summary; None if there is none.
        article_ids: of the hits, best first.
        summaries: those of the hits, in the order in which they came.
        is_told_again: whether the answer was one that was kept.
    """

    first_hit: Times
    whole: Times
    first_token: Times | None
    article_ids: list[str]
    summaries: list[events_pb2.Summary]
    is_told_again: bool


class ProfileError(Exception):
    """A search did not come to what is to be measured."""


@dataclass
class TimedParts:
    """Takes the times of parts, each time that they are measured."""

    _times: defaultdict[str, list[Times]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Takes what the block takes for a part of this name."""
        began = now()
        yield
        self._times[name].append(now() - began)

    def parts(self) -> list[Part]:
        """The medians of each part, in the order in which they were measured first."""
        return [Part(name=name, times=median_times(times)) for name, times in self._times.items()]


class ProfiledSearches:
    """Makes searches, one after the other.

    Args:
        engines: with what.
        top_k: hits of each.
    """

    def __init__(self, engines: Engines, *, top_k: int) -> None:
        self._engines = engines
        self._top_k = top_k
        self._numbers = itertools.count(1)

    def plan(self, query: str, summary: specs_pb2.SummarySpec) -> SearchPlan:
        """A plan that no other search has, so that no kept answer is told."""
        request = search_pb2.StreamSearchRequest(query=query, top_k=self._top_k, summary=summary)
        make_distinct(request.rank, next(self._numbers))
        return plan_stream_search(request, self._engines.config, None)

    async def search(self, plan: SearchPlan) -> ProfiledSearch:
        """Makes a search.

        Raises:
            ProfileError: it has too few hits, or was completed with less.
        """
        first_hit = first_token = None
        article_ids: list[str] = []
        summaries = []
        told_again: list[bool] = []
        began = now()
        events = search_events(
            plan, self._engines, request_id="profiled", when_told_again=lambda: told_again.append(True)
        )
        async for event in events:
            match event:
                case events_pb2.Hits():
                    first_hit = now()
                    article_ids = [hit.article.id for hit in event.hits]
                case events_pb2.SummaryDelta():
                    first_token = first_token or now()
                case events_pb2.Summary():
                    first_token = first_token or now()
                    summaries.append(event)
                case events_pb2.Degraded():
                    raise ProfileError(f"a search was completed with less: {event}")
        ended = now()
        if first_hit is None or len(article_ids) != self._top_k:
            raise ProfileError(f"a search has {len(article_ids)} hits, not {self._top_k}")
        return ProfiledSearch(
            first_hit - began,
            ended - began,
            None if first_token is None else first_token - first_hit,
            article_ids,
            summaries,
            bool(told_again),
        )


def figures_of(name: str, searches: list[ProfiledSearch]) -> SearchFigures:
    """Medians of searches of a kind, at least one."""
    first_tokens = [each.first_token for each in searches if each.first_token is not None]
    return SearchFigures(
        name=name,
        count=len(searches),
        first_hit=median_times([each.first_hit for each in searches]),
        first_token=median_times(first_tokens) if first_tokens else None,
        whole=median_times([each.whole for each in searches]),
    )


def now() -> Times:
    """What the clocks show: only differences mean anything. For the thread of the event loop."""
    return Times(
        wall_ms=time.perf_counter() * 1e3,
        cpu_ms=time.process_time() * 1e3,
        event_loop_ms=time.thread_time() * 1e3,
    )
