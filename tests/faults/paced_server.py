"""A server on Elasticsearch whose summarizer takes a fixed time, so that its capacity is known and is not the CPU's.

python -m tests.faults.paced_server FIELDS  # of `Pace`, as a JSON object; runs until standard input ends
"""

import asyncio
import logging
import secrets
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import structlog
from gistwire.v1 import article_pb2
from gistwire_client.client import GistwireClient
from gistwire_indexer.elasticsearch import ElasticsearchSettings, ElasticsearchStore
from gistwire_models.encoder import ModelVersion
from gistwire_models.scripted import ScriptedEncoder
from gistwire_models.summarizer import Candidate, Candidates, DraftDelta, Origin, SummaryRequest
from gistwire_server.app import serving
from gistwire_server.config import LimitsConfig, ServerConfig
from gistwire_server.engines import Engines
from gistwire_server.overload.config import OverloadConfig
from gistwire_server.paging import TokenSigner
from gistwire_server.scoring import Scorer


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """What a paced server is made of.

    Attributes:
        url: the Elasticsearch server.
        data_dir: a folder of the server's own.
        slots: articles that are summarized at a time.
        summary_s: how long a summary takes, in seconds; half of it if one candidate is wanted.
        articles: articles that there are.
        limits: of the server.
        overload: of the server.
    """

    url: str
    data_dir: str
    slots: int
    summary_s: float
    articles: int
    limits: LimitsConfig
    overload: OverloadConfig


class PacedSummarizer:
    """Implements Summarizer: so many at a time, each in a fixed time, of which the CPU has no part."""

    model = ModelVersion("paced-summarizer", "1")

    def __init__(self, *, slots: int, summary_s: float) -> None:
        self._slots = asyncio.Semaphore(slots)
        self._summary_s = summary_s

    async def summarize(self, request: SummaryRequest) -> AsyncGenerator[DraftDelta | Candidates, None]:
        """Summarizes one article, as Summarizer says."""
        async with self._slots:
            # The pace is what makes the capacity.
            await asyncio.sleep(self._summary_s if request.candidates > 1 else self._summary_s / 2)
        # Made for the query, so that none is stored and each search has its own written.
        written = Candidate(request.headline, Origin.EXTRACTED, query_focused=True)
        yield Candidates((written,))

    async def close(self) -> None:
        """Does nothing."""


async def _serve(pace: Pace) -> None:
    encoder = ScriptedEncoder()
    settings = ElasticsearchSettings(urls=(pace.url,), prefix=f"paced-{secrets.token_hex(4)}")
    store = ElasticsearchStore(settings, model=encoder.model, dimension=encoder.dimension)
    engines = Engines(
        config=ServerConfig(
            data_dir=Path(pace.data_dir),
            listen="127.0.0.1:0",
            limits=pace.limits,
            overload=pace.overload,
            summarizer_threads=pace.slots,
        ),
        index=await store.tenant("default"),
        user_events=await store.user_events("default"),
        encoder=encoder,
        summarizer=PacedSummarizer(slots=pace.slots, summary_s=pace.summary_s),
        scorer=Scorer(),
        signer=TokenSigner(b"k" * 32, lifetime_s=600),
    )
    try:
        async with serving(engines, store) as running:
            async with GistwireClient(running.target) as client:
                async for _ in client.ingest(_article(number) for number in range(pace.articles)):
                    pass
            sys.stdout.write(f"{running.target}\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.read)
    finally:
        await store.close()


def _article(number: int) -> article_pb2.Article:
    return article_pb2.Article(
        id=f"a{number}",
        headline=f"Harbour strike enters day {number + 2}",
        body=f"Dock workers began a strike on Monday. {number + 10} ships wait outside the harbour.",
        language="en",
    )


if __name__ == "__main__":
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    asyncio.run(_serve(msgspec.json.decode(sys.argv[1], type=Pace)))
