"""Tests of `promote`, `versions` and `roll-back`, on a real repository of tiny models."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest
from gistwire_training.main import run

ANY_QUALITY = (
    "--gate",
    "min_rouge_over_baseline=-1",
    "--gate",
    "min_faithfulness=0",
    "--gate",
    "rouge_tolerance=1",
)
ANY_SPEED = ("--gate", "max_latency_ratio=1000000")


def version_of(source: Path, target: Path, version: str) -> Path:
    """Copies an exported model as if it were another version."""
    shutil.copytree(source, target)
    description = target / "gistwire.json"
    fields = json.loads(description.read_bytes()) | {"version": version}
    description.write_bytes(msgspec.json.encode(fields))
    return target


def listed(repository: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    capsys.readouterr()
    assert run(["versions", "--repository", str(repository), "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_model_is_refused_promoted_and_rolled_back(
    summarizer_folder: Path, prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = tmp_path / "models"
    place = ("--repository", str(repository))
    assert run(["promote", str(summarizer_folder), str(prepared), *place]) == 1
    assert "ROUGE over the best baseline" in capsys.readouterr().err
    assert listed(repository, capsys) == []

    for version in ("one", "two"):
        candidate = version_of(summarizer_folder, tmp_path / version, version)
        command = ["promote", str(candidate), str(prepared), *place, "--reason", f"try {version}"]
        assert run([*command, *ANY_QUALITY, *ANY_SPEED]) == 0
    rows = listed(repository, capsys)
    assert [(row["version"], row["served"], row["reason"]) for row in rows] == [
        (1, False, "try one"),
        (2, True, "try two"),
    ]

    assert run(["roll-back", *place, "--reason", "worse"]) == 0
    rows = listed(repository, capsys)
    assert [(row["served"], row["reason"]) for row in rows] == [(True, "worse"), (False, "try two")]
    assert run(["roll-back", *place]) == 1  # one step only


def test_without_summaries_there_is_nothing_to_judge_by(
    summarizer_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    (folder / "test.jsonl").write_text('{"id":"a","headline":"Bridge shut","body":"The bridge is shut."}\n')
    assert (
        run(["promote", str(summarizer_folder), str(folder), "--repository", str(tmp_path / "models")]) == 1
    )
    assert "no held-out pair has a summary" in capsys.readouterr().err


def test_a_wrong_limit_is_named(
    summarizer_folder: Path, prepared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["promote", str(summarizer_folder), str(prepared), "--gate", "max_beauty=1"]) == 1
    assert "max_beauty" in capsys.readouterr().err


def test_a_folder_that_is_no_summarizer_is_an_error_in_a_line(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run(["promote", str(empty), str(prepared), "--repository", str(tmp_path / "models")]) == 1
    assert str(empty) in capsys.readouterr().err
    assert not (tmp_path / "models").exists()
