"""What a search takes of a core, from loads of one stream: `SearchCosts`, `costs_of`."""

import math

import msgspec
import numpy as np
from gistwire_server.config import SummaryConfig

from benchmarks.load.figures import LoadFigures, LoadKind, RunFigures
from benchmarks.load.targets import median_of

_BATCHES = (1, 2, 5)
_ARTICLE_SHARES = (1 / 0.85, 1.0, 2 / 3)
"""What a draft of a batch of so many short articles takes of what one of a pair does; of more than five it is no less
(`local_summarizer.py`)."""


class SearchCosts(msgspec.Struct, frozen=True, kw_only=True):
    """What a search takes of a core, in seconds, where nothing else runs.

    Attributes:
        encode_s: embedding a query that was not embedded before.
        retrieve_s: both legs of retrieval.
        before_hits_s: all else up to the hits.
        stored_s: all else after the hits, where summaries are stored; of the whole search.
        written_s: what a summary takes more if it is written, beside the engine's part.
        engine_s: what the engine takes for a summary with all candidates, in batches of `engine_batch`.
        engine_batch: articles in the batches of a search that is alone.
        one_candidate_share: which part of that is taken for one candidate alone, the draft.
        client_s: what the generator of the load takes, for a search without summaries to write.
        client_written_s: what it takes more for each summary that is written.
        hits: of each search.
        messages: of a warm search.
        sent_bytes: of a warm search.
        sent_written_bytes: of a cold one.
    """

    encode_s: float
    retrieve_s: float
    before_hits_s: float
    stored_s: float
    written_s: float
    engine_s: float
    engine_batch: int
    one_candidate_share: float
    client_s: float
    client_written_s: float
    hits: int
    messages: float
    sent_bytes: float
    sent_written_bytes: float

    @property
    def callback_s(self) -> float:
        """What a callback of the event loop takes, about."""
        return (self.before_hits_s + self.stored_s) / self.messages

    def interpreter_s(self, stored_share: float) -> float:
        """What a search takes of the one interpreter of a process."""
        return self.before_hits_s + self.stored_s + (1 - stored_share) * self.hits * self.written_s

    def cpu_s(self, stored_share: float) -> float:
        """What it takes of all cores."""
        engines_s = self.encode_s + self.retrieve_s + (1 - stored_share) * self.hits * self.engine_s
        return self.interpreter_s(stored_share) + engines_s


def draft_share(articles: int, engine_batch: int) -> float:
    """What a draft takes in a batch of so many short articles, beside one in a batch of `engine_batch`."""
    places = [1 / each for each in _BATCHES]
    share, other = (
        float(np.interp(1 / each, places[::-1], _ARTICLE_SHARES[::-1])) for each in (articles, engine_batch)
    )
    return share / other


def costs_of(figures: LoadFigures) -> SearchCosts:
    """Works out the costs from the loads of one stream, kinds "hits", "warm" and "cold", and from the floors.

    What is not an engine's counts as the interpreter's, also in threads, as these hold its lock most of the time.
    The engine's part of a written summary is what threads take more in a cold search than in a warm one, the rest
    what the event loop does. Few hits of warm searches have no stored summary; they count as if they had.

    Args:
        figures: of a load with its floors.

    Raises:
        ValueError: one of these loads is missing.
    """
    if not figures.floors:
        raise ValueError("the floors are missing")
    hits = figures.top_k
    bare_hits, warm, cold = (_single(figures, kind) for kind in ("hits", "warm", "cold"))
    encode_s = median_of(figures.floors, lambda each: each.encode_ms.p50) / 1e3
    retrieve_s = median_of(figures.floors, lambda each: each.retrieve_ms.p50) / 1e3
    greedy = median_of(figures.floors, lambda each: each.greedy_per_s)
    several = median_of(figures.floors, lambda each: each.written_per_s)
    per_written_s = max(0.0, cold.cpu_ms - warm.cpu_ms) / 1e3 / hits
    written_s = min(max(0.0, cold.event_loop_ms - warm.event_loop_ms) / 1e3 / hits, per_written_s)
    echo_s = median_of(figures.floors, lambda each: each.bare[0].first_message_ms.p50) / 1e3
    first_hit_s = bare_hits.first_hit_ms.p50 / 1e3 if bare_hits.first_hit_ms is not None else 0.0
    # Queries of warm loads come again: their embeddings are known.
    interpreter_s = max(0.0, warm.cpu_ms / 1e3 - retrieve_s)
    before_hits_s = min(max(0.0, first_hit_s - encode_s - retrieve_s - echo_s / 2), interpreter_s)
    client_written_s = max(0.0, cold.generator_cpu_ms - warm.generator_cpu_ms) / 1e3 / hits
    return SearchCosts(
        encode_s=encode_s,
        retrieve_s=retrieve_s,
        before_hits_s=before_hits_s,
        stored_s=interpreter_s - before_hits_s,
        written_s=written_s,
        engine_s=per_written_s - written_s,
        engine_batch=max(1, math.ceil(min(hits, SummaryConfig().concurrency) / figures.cores)),
        one_candidate_share=min(1.0, several / greedy),
        client_s=warm.generator_cpu_ms / 1e3,
        client_written_s=client_written_s,
        hits=hits,
        messages=warm.messages,
        sent_bytes=warm.sent_bytes,
        sent_written_bytes=cold.sent_bytes,
    )


def _single(figures: LoadFigures, kind: LoadKind) -> RunFigures:
    for run in figures.runs:
        if run.kind == kind and run.streams == 1 and run.completed:
            return run
    raise ValueError(f"a load of one stream of the kind {kind!r} is missing")
