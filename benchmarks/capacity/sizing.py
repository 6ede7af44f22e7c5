"""How many replicas, shards and GPUs a load takes: `size_replicas`, `gpus_for`, `shards_for`."""

import math
from dataclasses import dataclass, replace

from gistwire_server.config import ServerConfig

from benchmarks.capacity.costs import SearchCosts
from benchmarks.capacity.model import Outcome, Scenario, simulate
from benchmarks.load.figures import Percentiles, percentiles_of
from benchmarks.load.searches import FULL

GPU_SUMMARIES_PER_S = 88.0
"""Summaries that one NVIDIA H200 writes in a second through Triton with 32 under way (docs/measurements.md)."""

MAX_GPU_USE = 0.7
"""Share of that which is planned with, as what arrives is uneven."""

ARTICLES_PER_SHARD = 1_000_000
"""Most articles that were measured in one shard (docs/measurements.md): recall@10 of 0.978, 22 ms for both legs."""

MIN_FULL_SHARE = 0.99
"""Share of the searches that are to be full."""

_MAX_USE = 0.95
_SECONDS = 120.0
_GROWTH = 1.1
_MAX_REPLICAS = 10_000


@dataclass(frozen=True, slots=True)
class Sizing:
    """What a load takes.

    Attributes:
        replicas: how many servers.
        is_enough: whether they reach what is wanted; else no number does, as a single search takes longer.
        final_ms: time to the final ranking, as predicted; None if nothing was full.
        full_share: share of the searches that are full.
        core_use: share of the replicas' cores that is used.
        interpreter_use: share of the time in which the interpreter of a replica works.
    """

    replicas: int
    is_enough: bool
    final_ms: Percentiles | None
    full_share: float
    core_use: float
    interpreter_use: float


def size_replicas(
    costs: SearchCosts,
    config: ServerConfig,
    *,
    searches_per_s: float,
    stored_share: float,
    cores: int,
    p95_s: float,
) -> Sizing:
    """The fewest replicas with which so many searches end in time, by simulation of one that gets its part of them.

    A balancer that gives each search to any replica makes of a Poisson process one for each (thinning).

    Args:
        costs: what a search takes.
        config: the replicas' configuration.
        searches_per_s: of all replicas together.
        stored_share: share of the summaries that are stored.
        cores: of each replica.
        p95_s: time in which 95 % of the full searches are to have their final ranking, in seconds.
    """
    scenario = Scenario(
        costs=costs,
        stored_share=stored_share,
        known_share=0.0,
        cores=cores,
        streams=None,
        rate_per_s=searches_per_s,
        seconds=_SECONDS,
    )
    cpu_s, interpreter_s = costs.cpu_s(stored_share), costs.interpreter_s(stored_share)
    least = max(searches_per_s * cpu_s / cores, searches_per_s * interpreter_s) / _MAX_USE
    replicas = max(1, math.ceil(least))
    alone = _final_ms(simulate(replace(scenario, rate_per_s=None, streams=1), config))
    reachable = alone is not None and alone.p95 <= p95_s * 1e3
    while True:
        rate_per_s = searches_per_s / replicas
        # Long enough for some hundred searches of a replica that has few.
        seconds = max(_SECONDS, 200 / rate_per_s)
        outcome = simulate(replace(scenario, rate_per_s=rate_per_s, seconds=seconds), config)
        final_ms = _final_ms(outcome)
        full_share = sum(each.outcome == FULL for each in outcome.searches) / max(len(outcome.searches), 1)
        in_time = final_ms is not None and (final_ms.p95 <= p95_s * 1e3 or not reachable)
        if (in_time and full_share >= MIN_FULL_SHARE) or replicas >= _MAX_REPLICAS:
            return Sizing(
                replicas,
                reachable and in_time,
                final_ms,
                full_share,
                rate_per_s * cpu_s / cores,
                rate_per_s * interpreter_s,
            )
        replicas = max(replicas + 1, int(replicas * _GROWTH))


def gpus_for(searches_per_s: float, stored_share: float, hits: int) -> int:
    """GPUs that write what is not stored, each used up to `MAX_GPU_USE`."""
    written_per_s = searches_per_s * (1 - stored_share) * hits
    return math.ceil(written_per_s / (GPU_SUMMARIES_PER_S * MAX_GPU_USE))


def shards_for(articles: int) -> int:
    """Primary shards of an index of so many articles."""
    return max(1, math.ceil(articles / ARTICLES_PER_SHARD))


def _final_ms(outcome: Outcome) -> Percentiles | None:
    full = [each for each in outcome.searches if each.outcome == FULL]
    return percentiles_of(full, lambda each: each.final_s)
