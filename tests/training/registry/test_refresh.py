"""Tests of a refresh, with scripted training, export and measuring."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from gistwire_training.errors import CheckpointError, PromotionRefusedError
from gistwire_training.pairs import Pair, read_pairs
from gistwire_training.registry import (
    Gate,
    Measured,
    RefreshRecord,
    Stage,
    hash_pairs,
    list_versions,
    promote,
    read_active,
    read_history,
    read_refresh,
    refresh,
    roll_back,
    served_version,
)

from tests.training.registry.conftest import GOOD, PreparedMaker


@dataclass
class Bench:
    """A repository and pairs, and the scripted parts of a refresh.

    Attributes:
        repo: the repository.
        record: folder of the record.
        new: folder of new pairs.
        old: folder of old pairs.
        candidate_figures: what the candidate measures otherwise than the active version.
        measured: folder and pairs of each measuring.
        trained: how often training was called.
    """

    repo: Path
    record: Path
    new: Path
    old: Path
    candidate_figures: dict[str, object] = field(default_factory=dict)
    measured: list[tuple[Path, tuple[Pair, ...]]] = field(default_factory=list)
    trained: int = 0

    def train(self, pairs_folder: Path, run_folder: Path) -> Path:
        assert ids(pairs_folder, "train") == {"new train", "old train"}
        self.trained += 1
        checkpoint = run_folder / "model"
        checkpoint.mkdir(parents=True, exist_ok=True)
        return checkpoint

    def export(self, checkpoint: Path, target: Path) -> None:
        assert checkpoint.is_dir()
        target.mkdir()
        (target / "gistwire.json").write_bytes(b'{"name":"tiny","version":"refreshed"}')
        (target / "model.bin").write_bytes(b"refreshed weights")

    def measure(self, folder: Path, pairs: Sequence[Pair]) -> Measured:
        self.measured.append((folder, tuple(pairs)))
        figures = self.candidate_figures if folder.name == "candidate" else {}
        return msgspec.structs.replace(
            GOOD, **{"version": folder.name, "data_hash": hash_pairs(pairs)} | figures
        )

    def refresh(self) -> RefreshRecord:
        return refresh(
            self.repo,
            self.record,
            new=self.new,
            old=[self.old],
            train=self.train,
            export=self.export,
            measure=self.measure,
        )


def ids(folder: Path, split: str) -> set[str]:
    return {pair.id for pair in read_pairs(folder / f"{split}.jsonl")}


def named(*names: str) -> list[Pair]:
    return [
        Pair(id=name, headline=name, body=f"The body of {name}.", summary=f"All about {name}.")
        for name in names
    ]


@pytest.fixture
def bench(tmp_path: Path, repo: Path, make_prepared: PreparedMaker) -> Bench:
    return Bench(
        repo=repo,
        record=tmp_path / "refresh-7",
        new=make_prepared(
            "new",
            {"train": named("new train", "old test"), "validation": named("v"), "test": named("new test")},
        ),
        old=make_prepared("old", {"train": named("old train"), "test": named("old test")}),
    )


def test_a_candidate_that_passes_is_promoted(bench: Bench) -> None:
    record = bench.refresh()
    assert record.promoted_version == 3
    assert record.active_version == 2
    assert (record.verdict.passed, record.reasons) == (True, ())
    active = read_active(bench.repo, "summarizer")
    assert active is not None
    assert (active.version, active.previous, active.reason) == (3, 2, "passed the gate in refresh-7")
    stored = list_versions(bench.repo, "summarizer")[-1]
    assert str(stored.model) == "tiny@refreshed"
    assert (stored.folder / "model.bin").read_bytes() == b"refreshed weights"
    assert roll_back(bench.repo, "summarizer").version == 2


def test_candidate_and_active_are_measured_on_the_same_held_out_pairs(bench: Bench) -> None:
    record = bench.refresh()
    (candidate, candidate_pairs), (active, active_pairs) = bench.measured
    assert candidate == bench.record / "candidate"
    assert active == bench.repo / "summarizer" / "2"
    assert {pair.id for pair in candidate_pairs} == {"new test", "old test"}
    assert candidate_pairs == active_pairs
    assert record.data_hashes["test"] == hash_pairs(candidate_pairs)
    assert ids(bench.record / "pairs", "test") == {"new test", "old test"}
    assert record.dropped == 1


def test_a_candidate_that_fails_is_refused_recorded_and_not_served(bench: Bench) -> None:
    bench.candidate_figures = {"faithfulness": 0.9, "latency_p95_ms": 200.0}
    with pytest.raises(PromotionRefusedError) as refusal:
        bench.refresh()
    assert len(refusal.value.reasons) == 3
    record = read_refresh(bench.record)
    assert record.reasons == refusal.value.reasons == record.verdict.reasons
    assert record.promoted_version is None
    assert record.candidate.faithfulness == 0.9
    assert served_version(bench.repo, "summarizer") == 2
    assert len(list_versions(bench.repo, "summarizer")) == 2


def test_the_record_holds_all_that_was_returned(bench: Bench) -> None:
    stages: list[Stage] = []
    record = refresh(
        bench.repo,
        bench.record,
        new=bench.new,
        old=[bench.old],
        train=bench.train,
        export=bench.export,
        measure=bench.measure,
        gate=Gate(max_file_mb=30.0),
        on_stage=stages.append,
    )
    assert read_refresh(bench.record) == record
    assert (record.new, record.old) == (str(bench.new), (str(bench.old),))
    assert record.gate == Gate(max_file_mb=30.0)
    assert (
        stages
        == list(record.seconds)
        == [
            "mixing",
            "training",
            "exporting",
            "measuring candidate",
            "measuring active",
        ]
    )
    assert record.started <= record.finished


def test_the_first_version_meets_the_absolute_limits_alone(bench: Bench, tmp_path: Path) -> None:
    bench.repo = tmp_path / "empty"
    bench.candidate_figures = {"latency_p95_ms": 9_000.0}
    record = bench.refresh()
    assert (record.promoted_version, record.active, record.active_version) == (1, None, None)
    assert served_version(bench.repo, "summarizer") == 1
    assert len(bench.measured) == 1


def test_what_is_served_stays_so_while_a_version_is_added(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def rename_and_die(source: Path, target: Path) -> None:
        rename(source, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", rename_and_die)
    with pytest.raises(KeyboardInterrupt):
        bench.refresh()
    assert len(list_versions(bench.repo, "summarizer")) == 3
    assert served_version(bench.repo, "summarizer") == 2
    assert not (bench.record / "refresh.json").exists()

    monkeypatch.undo()
    assert bench.refresh().promoted_version == 3
    assert len(list_versions(bench.repo, "summarizer")) == 3


@pytest.mark.parametrize("step", ["train", "export", "measure"])
def test_a_kill_on_the_way_changes_nothing_and_the_next_call_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    original = getattr(bench, step)

    def run_and_die(*args: object) -> None:
        original(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, step, run_and_die)
    with pytest.raises(KeyboardInterrupt):
        bench.refresh()
    monkeypatch.undo()
    assert served_version(bench.repo, "summarizer") == 2
    assert len(list_versions(bench.repo, "summarizer")) == 2
    assert bench.refresh().promoted_version == 3


def test_another_promotion_meanwhile_is_not_undone(bench: Bench) -> None:
    measure = bench.measure

    def measure_while_another_is_promoted(folder: Path, pairs: Sequence[Pair]) -> Measured:
        promote(bench.repo, "summarizer", 1, reason="by hand")
        return measure(folder, pairs)

    bench.measure = measure_while_another_is_promoted  # type: ignore[method-assign]
    with pytest.raises(PromotionRefusedError, match="version 1 is served, not 2"):
        bench.refresh()
    record = read_refresh(bench.record)
    assert record.verdict.passed
    assert record.promoted_version is None
    assert record.reasons == ("version 1 is served, not 2",)
    assert [entry.version for entry in read_history(bench.repo, "summarizer")] == [1]
    assert len(list_versions(bench.repo, "summarizer")) == 2


def test_a_finished_refresh_is_not_done_again(bench: Bench) -> None:
    record = bench.refresh()
    with pytest.raises(CheckpointError, match="holds a finished refresh"):
        bench.refresh()
    assert bench.trained == 1
    assert read_refresh(bench.record) == record


def test_a_damaged_active_version_is_found_before_anything_is_trained(bench: Bench) -> None:
    (bench.repo / "summarizer" / "2" / "model.bin").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="differs"):
        bench.refresh()
    assert bench.trained == 0


def test_a_folder_without_a_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"refresh\.json"):
        read_refresh(tmp_path)


def test_a_folder_that_holds_something_else_is_left_alone(bench: Bench) -> None:
    (bench.record / "run").mkdir(parents=True)
    with pytest.raises(CheckpointError, match="something else"):
        bench.refresh()
    assert (bench.record / "run").is_dir()
    assert bench.trained == 0
