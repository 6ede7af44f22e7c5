"""Tests of which version is served."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from gistwire_training.errors import CheckpointError, PromotionRefusedError
from gistwire_training.registry import (
    add_version,
    promote,
    read_active,
    read_history,
    roll_back,
    served_version,
)
from gistwire_training.registry.whole_file import write_whole
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.registry.conftest import ModelMaker

PROMOTIONS = 20

PROMOTE_IN_TURN = """
import sys
from pathlib import Path
from gistwire_training.registry import promote

print("ready", flush=True)
sys.stdin.readline()
for place in range(int(sys.argv[2])):
    promote(Path(sys.argv[1]), "summarizer", 1 + place % 2, reason="race")
"""


def test_the_highest_version_is_served_until_one_is_promoted(repo: Path) -> None:
    assert read_active(repo, "summarizer") is None
    assert served_version(repo, "summarizer") == 2
    assert served_version(repo, "encoder") is None
    promote(repo, "summarizer", 1, reason="trusted")
    assert served_version(repo, "summarizer") == 1


def test_tritons_configuration_says_the_same(repo: Path) -> None:
    config = repo / "summarizer" / "config.pbtxt"
    config.write_text('name: "summarizer"\nversion_policy { latest { num_versions: 1 } }\n# The end.\n')
    promote(repo, "summarizer", 1, reason="trusted")
    promote(repo, "summarizer", 2, reason="better")
    assert "version_policy { specific { versions: [ 2 ] } }" in config.read_text()
    roll_back(repo, "summarizer")
    text = 'name: "summarizer"\nversion_policy { specific { versions: [ 1 ] } }\n# The end.\n'
    assert config.read_text() == text
    assert list(config.parent.glob("config*")) == [config]


def test_adding_a_version_leaves_the_active_one_active(repo: Path, make_model: ModelMaker) -> None:
    promote(repo, "summarizer", 1, reason="trusted")
    add_version(repo, "summarizer", make_model("c"))
    assert served_version(repo, "summarizer") == 1


def test_a_promotion_says_what_when_why_and_what_was_before(repo: Path) -> None:
    before = datetime.now(UTC)
    promote(repo, "summarizer", 1, reason="trusted")
    promoted = promote(repo, "summarizer", 2, reason="better")
    assert read_active(repo, "summarizer") == promoted
    assert (promoted.version, promoted.previous, promoted.reason) == (2, 1, "better")
    assert before <= promoted.since <= datetime.now(UTC)
    assert promoted.since.utcoffset() == timedelta(0)


def test_what_was_served_before_the_first_promotion_is_its_previous_version(repo: Path) -> None:
    assert promote(repo, "summarizer", 1, reason="trusted").previous == 2


def test_the_only_version_has_no_previous_one(tmp_path: Path, make_model: ModelMaker) -> None:
    add_version(tmp_path, "encoder", make_model("a"))
    assert promote(tmp_path, "encoder", 1, reason="first").previous is None
    with pytest.raises(CheckpointError, match="no version to roll back to"):
        roll_back(tmp_path, "encoder")


def test_promoting_the_active_version_changes_nothing(repo: Path) -> None:
    promote(repo, "summarizer", 1, reason="trusted")
    first = promote(repo, "summarizer", 2, reason="better")
    assert promote(repo, "summarizer", 2, reason="again") == first
    assert len(read_history(repo, "summarizer")) == 2


def test_roll_back_is_one_step(repo: Path) -> None:
    promote(repo, "summarizer", 1, reason="trusted")
    promote(repo, "summarizer", 2, reason="better")
    back = roll_back(repo, "summarizer", reason="complaints")
    assert (back.version, back.previous, back.reason) == (1, None, "complaints")
    assert served_version(repo, "summarizer") == 1
    with pytest.raises(CheckpointError, match="no version to roll back to"):
        roll_back(repo, "summarizer")
    assert read_active(repo, "summarizer") == back
    assert [entry.version for entry in read_history(repo, "summarizer")] == [1, 2, 1]


def test_nothing_promoted_cannot_be_rolled_back(repo: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="ever promoted"):
        roll_back(repo, "summarizer")
    with pytest.raises(CheckpointError, match="ever promoted"):
        roll_back(tmp_path / "nowhere", "summarizer")


def test_a_damaged_or_missing_version_is_neither_promoted_nor_rolled_back_to(repo: Path) -> None:
    promote(repo, "summarizer", 1, reason="trusted")
    kept = promote(repo, "summarizer", 2, reason="better")
    (repo / "summarizer" / "1" / "model.bin").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="differs"):
        promote(repo, "summarizer", 1, reason="back")
    with pytest.raises(CheckpointError, match="differs"):
        roll_back(repo, "summarizer")
    with pytest.raises(CheckpointError, match="no version 7"):
        promote(repo, "summarizer", 7, reason="lucky")
    assert read_active(repo, "summarizer") == kept
    assert len(read_history(repo, "summarizer")) == 2


def test_a_promotion_is_refused_when_another_version_became_active(repo: Path) -> None:
    with pytest.raises(PromotionRefusedError, match="active version is none, not 2"):
        promote(repo, "summarizer", 1, reason="trusted", expected=2)
    first = promote(repo, "summarizer", 1, reason="trusted", expected=None)
    for expected in (None, 2):
        with pytest.raises(PromotionRefusedError, match="active version is 1, not"):
            promote(repo, "summarizer", 2, reason="better", expected=expected)
    assert read_active(repo, "summarizer") == first
    assert promote(repo, "summarizer", 2, reason="better", expected=1).version == 2


@pytest.mark.parametrize("written_before_the_kill", [0, 1])
def test_a_kill_between_the_files_loses_nothing(
    repo: Path, monkeypatch: pytest.MonkeyPatch, written_before_the_kill: int
) -> None:
    promote(repo, "summarizer", 1, reason="trusted")
    written: list[Path] = []

    def write_until_killed(path: Path, content: bytes) -> None:
        if len(written) == written_before_the_kill:
            raise KeyboardInterrupt
        written.append(path)
        write_whole(path, content)

    monkeypatch.setattr("gistwire_training.registry.active.write_whole", write_until_killed)
    with pytest.raises(KeyboardInterrupt):
        promote(repo, "summarizer", 2, reason="better")
    monkeypatch.undo()
    versions = [1, 2][: 1 + written_before_the_kill]
    assert served_version(repo, "summarizer") == versions[-1]
    assert [entry.version for entry in read_history(repo, "summarizer")] == versions
    promote(repo, "summarizer", 3 - versions[-1], reason="next")
    assert [entry.version for entry in read_history(repo, "summarizer")] == [*versions, 3 - versions[-1]]


@pytest.mark.parametrize("file", ["active.json", "history.jsonl"])
def test_a_file_that_is_no_json_is_refused_and_kept(repo: Path, file: str) -> None:
    promote(repo, "summarizer", 1, reason="trusted")
    path = repo / "summarizer" / file
    path.write_bytes(b"{\xff\n")
    with pytest.raises(CheckpointError, match=file):
        promote(repo, "summarizer", 2, reason="better")
    assert path.read_bytes() == b"{\xff\n"


def test_two_processes_that_promote_at_once_keep_one_unbroken_history(repo: Path) -> None:
    command = [sys.executable, "-c", PROMOTE_IN_TURN, str(repo), str(PROMOTIONS)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0]
    history = read_history(repo, "summarizer")
    # Between two promotions of one process the version changes at least once, whatever the other does.
    assert len(history) >= PROMOTIONS
    assert all(later.previous == earlier.version for earlier, later in pairwise(history))
    assert all(later.since >= earlier.since for earlier, later in pairwise(history))
    assert read_active(repo, "summarizer") == history[-1]


@settings(max_examples=20)
@given(steps=st.lists(st.sampled_from([1, 2, 3, None]), max_size=6))
def test_the_active_version_is_always_the_last_of_the_history(
    repo: Path, make_model: ModelMaker, steps: list[int | None]
) -> None:
    if len(list((repo / "summarizer").glob("[0-9]"))) == 2:
        add_version(repo, "summarizer", make_model("c"))
    for step in steps:
        before = read_active(repo, "summarizer")
        if step is not None:
            assert promote(repo, "summarizer", step, reason="step").version == step
        elif before is not None and before.previous is not None:
            assert roll_back(repo, "summarizer").version == before.previous
        now = read_active(repo, "summarizer")
        assert read_history(repo, "summarizer")[-1:] == ([] if now is None else [now])
