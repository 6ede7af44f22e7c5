"""Tests of `EmbeddedIndex`: the contract, and what only the embedded index promises."""

import asyncio
import json
import random
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from gistwire_indexer.embedded import EmbeddedIndex, working_set
from gistwire_indexer.embedded import index as embedded_index
from gistwire_indexer.errors import IndexFormatError, IndexUnavailableError
from gistwire_indexer.index import ArticleIndex, RetrievalQuery, WriteOutcome
from gistwire_models.encoder import ModelVersion
from structlog.testing import capture_logs

from tests.indexer.article_index_contract import (
    DIMENSION,
    MODEL,
    SUMMARIZER,
    ArticleIndexContract,
    axis,
    dense,
    lexical,
    summary_of,
    to_index,
)

FILE_NAME = "index.sqlite3"
WRITER = Path(__file__).with_name("writer_process.py")


async def open_index(folder: Path, busy_timeout_s: float = 10.0) -> EmbeddedIndex:
    return await EmbeddedIndex.open(folder, model=MODEL, dimension=DIMENSION, busy_timeout_s=busy_timeout_s)


@pytest.fixture
async def index(tmp_path: Path) -> AsyncGenerator[EmbeddedIndex, None]:
    opened = await open_index(tmp_path / "index")
    yield opened
    await opened.close()


class TestEmbeddedIndex(ArticleIndexContract):
    @pytest.fixture
    async def index(self, tmp_path: Path) -> AsyncGenerator[ArticleIndex, None]:
        opened = await open_index(tmp_path / "index")
        yield opened
        await opened.close()


async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    index = await open_index(tmp_path)
    kept, replaced = to_index("kept", fingerprint=(4,), source="Wire"), to_index("replaced", "Old words")
    await index.write([to_index("gone"), kept, replaced])
    await index.write([to_index("replaced", "New words", embedding=axis(1))])
    await index.delete(["gone"])
    await index.store_summary(summary_of(kept))
    await index.close()

    index = await open_index(tmp_path)
    assert await lexical(index, "harbour") == ["kept"]
    assert await lexical(index, "old") == []
    assert await lexical(index, "new words") == ["replaced"]
    assert await dense(index, axis(1)) == ["replaced", "kept"]
    assert await dense(index, axis(0), "source = wire") == ["kept"]
    assert await index.near_duplicates([(4,)]) == [["kept"]]
    assert await index.stored_summaries(["kept"], SUMMARIZER) == [summary_of(kept)]
    assert await index.write([kept]) == [WriteOutcome.UNCHANGED]
    await index.close()


async def test_scores_are_the_same_after_a_restart(tmp_path: Path) -> None:
    randomness = np.random.default_rng(7)
    vectors = randomness.standard_normal((50, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    query = RetrievalQuery("harbour storm 7", vectors[0])
    index = await open_index(tmp_path)
    await index.write([to_index(f"a{n}", f"Harbour storm {n % 9}", embedding=vectors[n]) for n in range(50)])
    before = await index.retrieve(query)
    await index.close()
    index = await open_index(tmp_path)
    assert await index.retrieve(query) == before
    await index.close()


async def test_files_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "index"
    index = await open_index(folder)
    await index.write([to_index("a")])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    names = {path.name for path in folder.iterdir()}
    assert FILE_NAME in names
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    await index.close()


@pytest.mark.parametrize(
    ("model", "dimension"), [(ModelVersion("test-encoder", "2"), DIMENSION), (MODEL, DIMENSION + 1)]
)
async def test_index_of_another_encoder_is_refused(
    tmp_path: Path, model: ModelVersion, dimension: int
) -> None:
    await (await open_index(tmp_path)).close()
    with pytest.raises(IndexFormatError, match="test-encoder@1"):
        await EmbeddedIndex.open(tmp_path, model=model, dimension=dimension)


async def test_newer_schema_is_refused(tmp_path: Path) -> None:
    await (await open_index(tmp_path)).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    connection.close()
    with pytest.raises(IndexFormatError, match="schema 99"):
        await open_index(tmp_path)


async def test_damaged_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 1000)
    with pytest.raises(IndexUnavailableError, match="damaged"):
        await open_index(tmp_path)


async def test_folder_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IndexUnavailableError, match="cannot be reached"):
        await open_index(tmp_path / "file")


async def test_locked_file_is_reported_and_recovers(tmp_path: Path) -> None:
    index = await open_index(tmp_path, busy_timeout_s=0.01)
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(IndexUnavailableError, match="another process"):
        await index.write([to_index("a")])
    assert await lexical(index, "harbour") == []
    other.execute("ROLLBACK")
    other.close()
    assert await index.write([to_index("a")]) == [WriteOutcome.CREATED]
    await index.close()


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Makes writes beyond a file size fail, as they do on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_memory_and_disk_agree_after_a_full_disk(index: EmbeddedIndex) -> None:
    await index.write([to_index("a"), to_index("b", "Volcano", embedding=axis(1))])
    with (
        largest_file((await index.statistics()).bytes_on_disk),
        pytest.raises(IndexUnavailableError, match="disk"),
    ):
        await index.write(
            [to_index("a", "Election"), *(to_index(f"new-{n}", body="word " * 20_000) for n in range(20))]
        )
    assert await lexical(index, "election word") == []
    assert await lexical(index, "harbour") == ["a"]
    assert await dense(index, axis(0)) == ["a", "b"]
    assert (await index.statistics()).articles == 2
    assert await index.write([to_index("a", "Election")]) == [WriteOutcome.UPDATED]
    assert await lexical(index, "election") == ["a"]


@pytest.mark.parametrize(
    "embedding", [np.zeros(DIMENSION + 1, np.float32), np.full(DIMENSION, np.nan, np.float32)]
)
async def test_unfit_embeddings_are_refused_before_anything_is_written(
    index: EmbeddedIndex, embedding: np.ndarray[tuple[int], np.dtype[np.float32]]
) -> None:
    with pytest.raises(ValueError, match="finite numbers"):
        await index.write([to_index("a"), to_index("b", embedding=embedding)])
    with pytest.raises(ValueError, match="finite numbers"):
        await index.retrieve(RetrievalQuery(None, embedding))
    assert (await index.statistics()).articles == 0


async def test_two_indexes_on_one_folder_see_each_other(tmp_path: Path) -> None:
    first, second = await open_index(tmp_path), await open_index(tmp_path)
    await first.write([to_index("a"), to_index("b", "Volcano", embedding=axis(1))])
    assert await lexical(second, "harbour") == ["a"]
    await second.delete(["a"])
    await second.write(
        [to_index("b", "Election", embedding=axis(2)), to_index("c", "Harbour", embedding=axis(1))]
    )
    assert await lexical(first, "harbour") == ["c"]
    assert await lexical(first, "election") == ["b"]
    assert await dense(first, axis(2)) == ["b", "c"]
    assert (await first.statistics()).articles == (await second.statistics()).articles == 2
    await first.close()
    await second.close()


async def test_changes_are_taken_in_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working_set, "_ARTICLES_AT_ONCE", 2)
    first, second = await open_index(tmp_path), await open_index(tmp_path)
    names = [f"a{number}" for number in range(7)]
    await first.write([to_index(name) for name in names])
    assert await lexical(second, "harbour") == names
    await first.delete(["a0", "a3"])
    await first.write([to_index(name, f"Election {name}") for name in ("a1", "a3", "a5", "a6")])
    assert await lexical(second, "harbour") == ["a2", "a4"]
    assert await lexical(second, "election") == ["a1", "a3", "a5", "a6"]
    third = await open_index(tmp_path)
    assert await lexical(third, "election harbour") == await lexical(second, "election harbour")
    assert await dense(third, axis(0)) == ["a1", "a2", "a3", "a4", "a5", "a6"]
    for index in (first, second, third):
        await index.close()


def start_writer(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(WRITER), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def ask(writer: "subprocess.Popen[str]", command: dict[str, list[str]]) -> str:
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write(json.dumps(command) + "\n")
    writer.stdin.flush()
    return writer.stdout.readline().strip()


async def test_another_process_writes_while_this_one_reads(tmp_path: Path) -> None:
    index = await open_index(tmp_path)
    with start_writer(tmp_path) as writer:
        for number in range(3):
            name = f"a{number}"
            assert await asyncio.to_thread(ask, writer, {"write": [name]}) == name
            assert await lexical(index, f"headline {name}") == [name, *(f"a{n}" for n in range(number))]
        assert await asyncio.to_thread(ask, writer, {"delete": ["a1"]}) == "a1"
        assert await dense(index, axis(0)) == ["a0", "a2"]
        await index.write([to_index("ours")])
        assert await asyncio.to_thread(ask, writer, {"write": ["a3"]}) == "a3"
        assert await dense(index, axis(0)) == ["a0", "a2", "a3", "ours"]
        assert writer.stdin is not None
        writer.stdin.close()
    await index.close()


async def test_generation_stands_while_nothing_is_written(tmp_path: Path) -> None:
    index, other = await open_index(tmp_path), await open_index(tmp_path)
    await index.write([to_index("a")])
    generation = await index.generation()
    assert await index.write([to_index("a")]) == [WriteOutcome.UNCHANGED]
    assert await index.delete(["none"]) == [False]
    await lexical(index, "harbour")
    await index.get(["a"])
    assert await index.generation() == generation
    await other.delete(["a"])
    assert await index.generation() != generation
    await index.close()
    await other.close()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_killed_process_loses_nothing_acknowledged(tmp_path: Path, seed: int) -> None:
    acknowledged: list[str] = []
    # The writer goes on by itself and is killed in the midst of whatever it does after that many articles.
    with start_writer(tmp_path) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write("".join(json.dumps({"write": [f"a{n}", f"b{n}"]}) + "\n" for n in range(2000)))
        writer.stdin.close()
        for _ in range(random.Random(seed).randrange(5, 60)):
            acknowledged.extend(writer.stdout.readline().split())
        writer.kill()
        acknowledged.extend(writer.stdout.read().split())
    assert writer.returncode == -signal.SIGKILL
    index = await open_index(tmp_path)
    found = set(await dense(index, axis(0), depth=10_000))
    assert found >= set(acknowledged)
    assert None not in await index.get(acknowledged)
    # A transaction is whole or not at all.
    assert {name.replace("b", "a") for name in found} == {name for name in found if name[0] == "a"}
    await index.close()


async def test_cancelled_write_is_whole(index: EmbeddedIndex) -> None:
    writing = asyncio.ensure_future(index.write([to_index("a"), to_index("b")]))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await index.write([to_index("c")])
    assert await dense(index, axis(0)) in (["a", "b", "c"], ["c"])


async def test_concurrent_writes_and_searches(index: EmbeddedIndex) -> None:
    async def search() -> None:
        for _ in range(10):
            retrieved = await index.retrieve(RetrievalQuery("harbour", axis(0)))
            assert len({hit.id for hit in retrieved.dense}) == len(retrieved.dense)

    async with asyncio.TaskGroup() as tasks:
        for number in range(20):
            tasks.create_task(index.write([to_index(f"a{number}"), to_index("shared", f"Harbour {number}")]))
        for _ in range(4):
            tasks.create_task(search())
    assert len(await dense(index, axis(0))) == len(await lexical(index, "harbour")) == 21


async def test_large_index_warns_once(index: EmbeddedIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_index, "SOFT_LIMIT_ARTICLES", 2)
    with capture_logs() as logs:
        for number in range(5):
            await index.write([to_index(f"a{number}")])
    assert [(entry["event"], entry["articles"]) for entry in logs] == [("embedded_index_large", 3)]
    assert "Elasticsearch" in logs[0]["advice"]


async def test_words_are_looked_for_while_the_query_is_embedded(index: EmbeddedIndex) -> None:
    await index.write([to_index("a", "Harbour opens")])
    begun = index.begin_retrieval(RetrievalQuery("harbour", None))
    assert [each.id for each in begun.words.result(timeout=30)] == ["a"]
    assert [each.id for each in (await begun.lists(axis(0))).dense] == ["a"]
