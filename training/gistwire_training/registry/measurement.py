"""Measures a converted summarizer as it is served, for the gate: `ServedMeasurement`."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from gistwire_models.encoder import CountingEncoder
from gistwire_models.local_summarizer import LocalSummarizer
from gistwire_server.config import SummaryConfig

from gistwire_training.candidates import candidates_of
from gistwire_training.errors import TrainingDataError
from gistwire_training.evaluation import (
    Estimate,
    Progress,
    System,
    evaluate,
    open_default_encoder,
    standard_baselines,
)
from gistwire_training.evaluation.tasks import is_usable
from gistwire_training.machine import describe_machine
from gistwire_training.pairs import Pair
from gistwire_training.registry.gate import Measured
from gistwire_training.registry.mixture import hash_pairs
from gistwire_training.registry.versions import read_model_version
from gistwire_training.systems import ServedSystem

_CANDIDATES = SummaryConfig().candidates
_TIMED_ARTICLES = 100
_WARM_UP_ARTICLES = 3


class ServedMeasurement:
    """Measures quality and faithfulness of what a reader would see, the time of generation, and the size.

    Implements MeasureVersion.

    Args:
        open_encoder: makes the text encoder that the server scores with.
        on_progress: told how far each system has come.
    """

    def __init__(
        self,
        *,
        open_encoder: Callable[[], CountingEncoder] = open_default_encoder,
        on_progress: Progress | None = None,
    ) -> None:
        self._open_encoder = open_encoder
        # Candidate and active version are measured on the same articles.
        self._baselines = [
            _WritingOnce(each) for each in standard_baselines("summary", open_encoder=open_encoder)
        ]
        self._on_progress = on_progress

    def __call__(self, folder: Path, pairs: Sequence[Pair]) -> Measured:
        """Returns what the model measures, as MeasureVersion says. Runs an event loop; about 0.3 s a pair.

        Raises:
            TrainingDataError: no pair has a summary to compare with.
            GistwireModelError: the model cannot be used.
        """
        usable = [pair for pair in pairs if is_usable(pair, "summary")]
        if not usable:
            raise TrainingDataError("no held-out pair has a summary to judge by")
        served = ServedSystem(folder, self._open_encoder, candidates=_CANDIDATES)
        evaluation = evaluate(
            [served], usable, "summary", baselines=self._baselines, progress=self._on_progress
        )
        figures = evaluation.sources[0].systems[-1].figures
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        return Measured(
            version=str(read_model_version(folder)),
            data_hash=hash_pairs(usable),
            machine=describe_machine(),
            rouge=figures["rouge"].estimate,
            rouge_over_baseline=figures["rouge"].difference or Estimate(0.0, 0.0, 0.0),
            faithfulness=figures["supported_items"].estimate.value,
            latency_p95_ms=asyncio.run(_latency_p95_ms(folder, usable[:_TIMED_ARTICLES])),
            size_bytes=sum(sizes),
            largest_file_bytes=max(sizes),
        )


class _WritingOnce:
    """A system that writes once for each article. Implements System."""

    def __init__(self, system: System) -> None:
        self.name = system.name
        self._system = system
        self._texts: dict[Pair, str] = {}

    def summarize(self, pairs: Sequence[Pair]) -> list[str]:
        """Returns the texts, as System says."""
        new = [pair for pair in pairs if pair not in self._texts]
        self._texts |= zip(new, self._system.summarize(new), strict=True) if new else ()
        return [self._texts[pair] for pair in pairs]


async def _latency_p95_ms(folder: Path, pairs: Sequence[Pair]) -> float:
    """Times the candidates of one article after another, on one core."""
    summarizer = LocalSummarizer.load(folder, threads=1)
    times_ms: list[float] = []
    try:
        for pair in (*pairs[:_WARM_UP_ARTICLES], *pairs):
            started = time.perf_counter()
            await candidates_of(summarizer, pair, candidates=_CANDIDATES)
            times_ms.append(1000 * (time.perf_counter() - started))
    finally:
        await summarizer.close()
    return float(np.percentile(times_ms[_WARM_UP_ARTICLES:], 95))
