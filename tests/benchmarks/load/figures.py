"""Figures of loads that tests make up."""

from benchmarks.load.figures import (
    BareStreamFigures,
    FloorFigures,
    LoadFigures,
    LoadKind,
    Percentiles,
    RunFigures,
)


def run(
    kind: LoadKind,
    *,
    streams: int | None = 1,
    full: int = 100,
    took_s: float = 10.0,
    first_hit_ms: float = 12.0,
    final_ms: float = 40.0,
    cpu_ms: float = 30.0,
    event_loop_ms: float = 20.0,
    stored_share: float = 0.0,
    generated_per_s: float = 0.0,
    stepped_down: int = 0,
    refused: int = 0,
) -> RunFigures:
    return RunFigures(
        kind=kind,
        streams=streams,
        rate_per_s=None if streams is not None else full / took_s,
        took_s=took_s,
        outcomes={"full": full, "stepped down": stepped_down, "refused: OVERLOADED": refused},
        first_hit_ms=Percentiles(first_hit_ms, 2 * first_hit_ms, 2 * first_hit_ms),
        first_token_ms=Percentiles(20.0, 30.0, 40.0),
        final_ms=Percentiles(final_ms, 2 * final_ms, 3 * final_ms),
        stepped_down_final_ms=Percentiles(5.0, 6.0, 7.0) if stepped_down else None,
        refused_ms=Percentiles(1.0, 2.0, 3.0) if refused else None,
        stored_share=stored_share,
        repeated=0,
        generated_per_s=generated_per_s,
        messages=14.0,
        sent_bytes=14_000.0,
        cpu_ms=cpu_ms,
        event_loop_ms=event_loop_ms,
        generator_cpu_ms=5.0,
        memory_mb=250.0,
        lateness_ms=0.0,
    )


def floor(*, written_per_s: float = 50.0, bare_per_s: float = 500.0) -> FloorFigures:
    return FloorFigures(
        encode_ms=Percentiles(4.0, 5.0, 6.0),
        retrieve_ms=Percentiles(2.0, 3.0, 4.0),
        both_ms=Percentiles(6.0, 8.0, 10.0),
        greedy_per_s=100.0,
        written_per_s=written_per_s,
        compared_per_s=written_per_s * 0.8,
        ten_ms=Percentiles(300.0, 400.0, 500.0),
        bare=[
            BareStreamFigures(
                streams=streams, per_s=bare_per_s, first_message_ms=Percentiles(1.0, 2.0, 3.0), cpu_ms=1.5
            )
            for streams in (1, 32)
        ],
    )


def load_figures(runs: list[RunFigures], floors: list[FloorFigures] | None = None) -> LoadFigures:
    return LoadFigures(
        machine="a machine",
        cores=2,
        setting="a setting",
        candidates=3,
        top_k=10,
        seconds=10.0,
        runs=runs,
        floors=[floor()] if floors is None else floors,
    )
