"""Tests of gistwire_client.source_progress."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from gistwire_client.checkpoints import Checkpoint, CheckpointFile, FileIdentity
from gistwire_client.source_progress import SourceProgress
from hypothesis import given
from hypothesis import strategies as st

NOTHING = Checkpoint(0, None)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def sources(tmp_path: Path) -> list[str]:
    for name in ("first.jsonl", "second.jsonl"):
        (tmp_path / name).write_text(name)
    return [str(tmp_path / "first.jsonl"), "-", str(tmp_path / "second.jsonl"), "https://news.example/feed"]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[CheckpointFile]:
    checkpoints = CheckpointFile(tmp_path / "checkpoints.db", "here")
    yield checkpoints
    checkpoints.close()


def saved(file: CheckpointFile, location: str) -> Checkpoint | None:
    return file.load(FileIdentity.of(Path(location)))


async def test_the_next_run_goes_on_where_there_is_no_gap(file: CheckpointFile, sources: list[str]) -> None:
    progress = SourceProgress.open(file, sources)
    assert [progress.start(place) for place in range(4)] == [NOTHING] * 4
    for number in (2, 1, 4, 5):
        progress.settle(0, number, 10 * number)
    progress.settle(2, 2, 1)
    await progress.save()
    again = SourceProgress.open(file, sources)
    assert [again.start(place) for place in range(4)] == [Checkpoint(2, 20), NOTHING, NOTHING, NOTHING]
    assert [again.is_resumed(place) for place in range(4)] == [True, False, True, False]
    again.settle(0, 3, 30)
    await again.save()
    assert saved(file, sources[0]) == Checkpoint(3, 30)


@pytest.mark.parametrize("end_first", [True, False])
async def test_a_source_is_complete_once_all_of_it_is_settled(
    file: CheckpointFile, sources: list[str], *, end_first: bool
) -> None:
    progress = SourceProgress.open(file, sources)
    progress.settle(0, 1, 1)
    if end_first:
        progress.end(0, 2)
        await progress.save()
        assert saved(file, sources[0]) == Checkpoint(1, 1)
    progress.settle(0, 2, 2)
    progress.end(0, 2)
    await progress.save()
    assert SourceProgress.open(file, sources).start(0) == Checkpoint(2, 2, complete=True)


async def test_it_is_saved_once_a_second_and_only_if_something_changed(
    file: CheckpointFile, sources: list[str]
) -> None:
    clock = Clock()
    progress = SourceProgress.open(file, sources, clock=clock)
    progress.settle(0, 1, 1)
    await progress.save_sometimes()
    assert saved(file, sources[0]) == NOTHING
    clock.now_s += 1
    await progress.save_sometimes()
    assert saved(file, sources[0]) == Checkpoint(1, 1)
    file.forget(FileIdentity.of(Path(sources[0])))
    clock.now_s += 1
    await progress.save_sometimes()
    assert saved(file, sources[0]) is None


async def test_after_a_run_that_came_to_its_end_the_next_begins_anew(
    file: CheckpointFile, sources: list[str]
) -> None:
    progress = SourceProgress.open(file, sources)
    progress.settle(0, 1, 1)
    await progress.save()
    await progress.forget()
    again = SourceProgress.open(file, sources)
    assert again.start(0) == NOTHING
    assert not again.is_resumed(0)


async def test_a_source_that_changes_during_the_run_is_read_from_its_beginning(
    file: CheckpointFile, sources: list[str]
) -> None:
    second = Path(sources[2])
    progress = SourceProgress.open(file, sources)
    progress.settle(0, 1, 1)
    progress.settle(2, 1, 1)
    await progress.save()
    again = SourceProgress.open(file, sources)
    await asyncio.to_thread(second.write_text, "other news")
    assert again.start_now(0, sources[0]) == Checkpoint(1, 1)
    assert again.start_now(2, sources[2]) == NOTHING
    again.settle(2, 1, 1)
    await again.save()
    assert SourceProgress.open(file, sources).start(2) == NOTHING


@given(order=st.permutations(range(1, 9)), settled=st.integers(0, 8))
async def test_a_checkpoint_never_passes_over_what_is_not_settled(
    order: list[int], settled: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("progress")
    source = folder / "news.jsonl"
    source.write_text("news")
    file = CheckpointFile(folder / "checkpoints.db", "here")
    progress = SourceProgress.open(file, [str(source)])
    for number in order[:settled]:
        progress.settle(0, number, number)
    await progress.save()
    checkpoint = saved(file, str(source))
    file.close()
    assert checkpoint is not None
    assert set(range(1, checkpoint.records + 1)) <= set(order[:settled])
    assert checkpoint.records + 1 not in order[:settled]
