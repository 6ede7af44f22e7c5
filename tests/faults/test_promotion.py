"""A version of the summarizer is promoted and rolled back on Triton, while readers search through the service.

Every search ends well and whole, with summaries that a model wrote for it.
"""

import asyncio
import itertools
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import gistwire_indexer
import grpc
import pytest
from gistwire.v1 import article_pb2, events_pb2, search_pb2, search_pb2_grpc, specs_pb2
from gistwire_client.client import GistwireClient
from gistwire_client.exit_status import ExitStatus
from gistwire_client.main import run
from gistwire_models.encoder import ModelVersion
from gistwire_models.version_policy import with_served_version
from gistwire_server.app import running_server
from gistwire_server.config import CacheConfig, LimitsConfig, ServerConfig, SummaryConfig, TritonConfig
from google.protobuf.json_format import Parse

from tests.backends.triton import TritonServer, copied_repository, new_triton
from tests.server.protocol import check_protocol, of_kind

_READERS = 4
_HITS = 8
# Of all waits together, and of each step of a search: how fast it is says nothing here.
_PATIENCE_S = 300.0
# Words of the shortest body.
_WORTH_SUMMARIZING = 40

_SAMPLES = Path(gistwire_indexer.__path__[0]) / "sample_corpus" / "english-1.jsonl"


@dataclass(slots=True)
class _Readers:
    """Readers who search without a pause, each time for articles that are new: no summary of them is stored yet.

    Attributes:
        target: where the server listens.
        versions: the models, each as ``name@version``, that may write.
        progress: notified whenever a search has found its hits, and when it has ended.
        under_way: readers who have hits and wait for summaries.
        latest: for each reader which models wrote the summaries of the last search that ended.
        searches: how many have ended.
        written: how many summaries are by each model.
        spanning: how many searches had summaries of both.
        leaving: whether readers leave when their search has ended.
    """

    target: str
    versions: frozenset[str]
    progress: asyncio.Condition = field(default_factory=asyncio.Condition)
    under_way: set[int] = field(default_factory=set)
    latest: dict[int, set[str]] = field(default_factory=dict)
    searches: int = 0
    written: Counter[str] = field(default_factory=Counter)
    spanning: int = 0
    leaving: bool = False

    async def read(self, reader: int) -> None:
        samples = itertools.cycle(_samples())
        async with GistwireClient(self.target) as client, grpc.aio.insecure_channel(self.target) as channel:
            for number in itertools.count():
                if self.leaving:
                    return
                source = f"reader-{reader}-{number}"
                articles = [_as_new(each, source) for each in itertools.islice(samples, _HITS)]
                async for _ in client.ingest(articles):
                    pass
                await self._search(reader, source, channel)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with self.progress:
            await self.progress.wait_for(condition)

    async def see_switch(self, *arguments: str, url: str, to: str) -> int:
        """Has `gistwire models` switch while all readers wait for summaries, until all have searched the new version.

        Returns:
            How many searches had summaries of both.
        """
        spanning = self.spanning
        await self.until(lambda: len(self.under_way) == _READERS)
        assert await asyncio.to_thread(run, ["models", *arguments, "--url", url]) == ExitStatus.DONE
        await self.until(lambda: all(models == {to} for models in self.latest.values()))
        return self.spanning - spanning

    async def _search(self, reader: int, source: str, channel: grpc.aio.Channel) -> None:
        request = search_pb2.StreamSearchRequest(
            query="what has happened",
            filter=f'source = "{source}"',
            top_k=_HITS,
            # Little work for the machine, and a draft that is streamed all the same.
            summary=specs_pb2.SummarySpec(candidates=1, max_tokens=32),
            rank=specs_pb2.RankSpec(collapse=False),
        )
        call = search_pb2_grpc.SearchServiceStub(channel).StreamSearch(request, timeout=_PATIENCE_S)
        events = []
        async for event in call:
            events.append(event)
            if event.HasField("hits"):
                self.under_way.add(reader)
                await self._tell()
        assert await call.code() == grpc.StatusCode.OK
        models = self._checked(events)
        self.under_way.discard(reader)
        self.latest[reader] = set(models)
        self.searches += 1
        self.written += models
        self.spanning += len(models) > 1
        await self._tell()

    def _checked(self, responses: Sequence[search_pb2.StreamSearchResponse]) -> Counter[str]:
        """Asserts that a search was whole; returns how many of its summaries are by each model."""
        assert [each.sequence for each in responses] == list(range(1, len(responses) + 1))
        events = [getattr(each, each.WhichOneof("event") or "") for each in responses]
        check_protocol(events)
        assert not of_kind(events, events_pb2.Degraded)
        assert not of_kind(events, events_pb2.HitFailed)
        summaries = of_kind(events, events_pb2.Summary)
        assert len(summaries) == _HITS
        for summary in summaries:
            assert not summary.stored
            # Whichever the scorer chose: Triton wrote, and told by which model.
            assert events_pb2.Summary.GENERATED in {each.origin for each in summary.candidates}
            assert summary.model in self.versions
        return Counter(summary.model for summary in summaries)

    async def _tell(self) -> None:
        async with self.progress:
            self.progress.notify_all()


def _samples() -> list[article_pb2.Article]:
    """Articles of the sample corpus; without those that hold no more than a summary, which none is written of."""
    lines = _SAMPLES.read_text(encoding="utf-8").splitlines()
    samples = [Parse(line, article_pb2.Article()) for line in lines]
    return [each for each in samples if len(each.body.split()) >= _WORTH_SUMMARIZING]


def _as_new(sample: article_pb2.Article, source: str) -> article_pb2.Article:
    article = article_pb2.Article()
    article.CopyFrom(sample)
    article.id, article.source = f"{source}-{sample.id}", source
    return article


@dataclass(frozen=True, slots=True)
class _TwoVersions:
    """A Triton whose summarizer has two versions by the same weights, of which it serves the first.

    Attributes:
        server: the Triton.
        first: what the first calls itself, as ``name@version``.
        second: what the second calls itself.
    """

    server: TritonServer
    first: str
    second: str


@pytest.fixture
def two_versions() -> Iterator[_TwoVersions]:
    with copied_repository("encoder", "summarizer") as repository:
        first, second = _add_second_version(repository / "summarizer")
        server = new_triton(repository)
        try:
            server.start()
            yield _TwoVersions(server, first, second)
        finally:
            server.close()


def _add_second_version(model: Path) -> tuple[str, str]:
    config = model / "config.pbtxt"
    config.write_text(with_served_version(config.read_text(), 1))
    shutil.copytree(model / "1", model / "2")
    description = json.loads((model / "1" / "gistwire.json").read_text())
    first = ModelVersion(description["name"], description["version"])
    second = ModelVersion(description["name"], "second")
    (model / "2" / "gistwire.json").write_text(json.dumps({**description, "version": second.version}))
    return str(first), str(second)


async def test_no_search_fails_or_is_degraded_while_the_version_changes(
    two_versions: _TwoVersions, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    triton, first, second = two_versions.server, two_versions.first, two_versions.second
    config = ServerConfig(
        data_dir=tmp_path,
        listen="unix",
        models="triton",
        triton=TritonConfig(endpoints=(triton.target,), timeout_s=_PATIENCE_S, reader_timeout_s=_PATIENCE_S),
        # One after the other, so that a switch falls between two.
        summary=SummaryConfig(concurrency=1),
        cache=CacheConfig(answers_bytes=0),
        limits=LimitsConfig(max_deadline_s=_PATIENCE_S),
    )
    promoted = rolled_back = switches = 0
    async with running_server(config) as running:
        readers = _Readers(running.target, frozenset({first, second}))
        async with asyncio.timeout(_PATIENCE_S), asyncio.TaskGroup() as tasks:
            for reader in range(_READERS):
                tasks.create_task(readers.read(reader))
            await readers.until(lambda: len(readers.latest) == _READERS)
            assert set(readers.written) == {first}
            # Again where no search happened to be between two of its summaries at the switch.
            while not (promoted and rolled_back):
                promoted += await readers.see_switch("promote", "summarizer", "2", url=triton.url, to=second)
                rolled_back += await readers.see_switch("roll-back", "summarizer", url=triton.url, to=first)
                switches += 2
            readers.leaving = True
    assert set(readers.written) == {first, second}
    report_figure(
        f"versions switched {switches} times on Triton under {_READERS} readers: {readers.searches} searches, "
        f"{readers.written[first]} summaries by the first and {readers.written[second]} by the second, "
        f"{readers.spanning} searches with both; none failed or degraded"
    )
