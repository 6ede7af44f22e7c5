"""Tests of the commands that make a text encoder, on a network of a few kilobytes."""

import json
from pathlib import Path
from typing import Any

import pytest
from gistwire_models.encoder_folder import read_description
from gistwire_training.main import run
from gistwire_training.registry import add_version, verify_version
from gistwire_training.registry import read_version as read_stored_version

from tests.training.encoder.conftest import base as base
from tests.training.encoder.conftest import pairs_folder as pairs_folder
from tests.training.encoder.conftest import write_tiny_encoder

TINY = """
threads = 1
max_steps = 4
batch_size = 16
hard_negatives = 1
learning_rate = 1e-2
frozen_layers = 1
anchor_weight = 0.1
max_body_tokens = 12
evaluate_every = 2
"""


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def exported(base: Path, tmp_path: Path) -> Path:
    assert run(["encoder-export", str(base), "--out", str(tmp_path / "exported"), "--name", "tiny"]) == 0
    return tmp_path / "exported"


def test_an_encoder_is_trained_behind_a_guard(
    base: Path, pairs_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, guard, news = (tmp_path / name for name in ("tiny.toml", "queries.jsonl", "news.jsonl"))
    recipe.write_text(TINY)
    guard.write_text('{"query": "topic1", "relevant": {"a": 1}}')
    news.write_text('{"id": "a", "headline": "topic1", "body": "topic2"}')
    command = ["encoder", str(pairs_folder), "--base", str(base), "--run", str(tmp_path / "run"), "--json"]
    assert run([*command, "--recipe", str(recipe), "--guard", str(guard), str(news)]) == 0
    (result,) = printed(capsys)
    assert result["steps"] == 4
    # The only article is found by any encoder.
    assert {score["guard_gain"] for score in result["interpolation"]["scores"]} == {0.0}
    guard.write_text("{")
    assert run([*command, "--guard", str(guard), str(news)]) == 1
    assert "queries.jsonl cannot be read" in capsys.readouterr().err


def test_an_export_is_complete_and_can_be_added_to_a_repository(
    base: Path, pairs_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "exported"
    command = ["encoder-export", str(base), "--out", str(out), "--name", "tiny", "--json"]
    assert run([*command, "--check", str(pairs_folder), "--check-size", "7"]) == 0
    (report,) = printed(capsys)
    assert (out / "checksums.json").is_file()
    assert report["checked"] == 7
    assert report["cosine"] > 0.99
    assert report["description"]["name"] == read_description(out).name == "tiny"
    number = add_version(tmp_path / "repository", "encoder", out)
    verify_version(read_stored_version(tmp_path / "repository", "encoder", number))


def test_encoders_are_compared_on_the_pairs_and_on_judged_queries(
    exported: Path, pairs_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_tiny_encoder(tmp_path / "other", seed=2)
    run(["encoder-export", str(other), "--out", str(tmp_path / "exported-other"), "--name", "other"])
    capsys.readouterr()
    queries, news = tmp_path / "queries.jsonl", tmp_path / "news.jsonl"
    queries.write_text('{"query": "topic1", "relevant": {"a": 1}}')
    news.write_text('{"id": "a", "headline": "topic1", "body": "topic2"}')
    command = ["encoder-evaluate", str(pairs_folder), "--encoder", str(exported), "--json"]
    command += ["--base", str(tmp_path / "exported-other"), "--judged", str(queries), str(news)]
    assert run([*command, "--split", "validation"]) == 0
    rows = printed(capsys)
    assert [row["encoder"].partition("@")[0] for row in rows] == ["other", "tiny"] * 5
    assert [row["set_name"] for row in rows[::2]] == [
        "known items, validation",
        "judged queries, chinese",
        "judged queries, english-1",
        "judged queries, english-2",
        "judged queries, news",
    ]
    assert rows[0]["queries"] == 60
    for before, after in zip(rows[::2], rows[1::2], strict=True):
        assert before["ndcg_gain"]["value"] == 0
        assert after["ndcg_gain"]["value"] == pytest.approx(after["ndcg"]["value"] - before["ndcg"]["value"])


def test_without_another_encoder_it_is_compared_with_the_base_of_all_fine_tuning(
    exported: Path,
    pairs_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    base: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("gistwire_training.commands.encoder_evaluate.find_base_weights", lambda: base)
    capsys.readouterr()
    assert run(["encoder-evaluate", str(pairs_folder), "--encoder", str(exported), "--json"]) == 0
    rows = printed(capsys)
    assert [row["encoder"].partition("@")[0] for row in rows[:2]] == ["all-MiniLM-L6-v2", "tiny"]
    assert rows[0]["ndcg"] == rows[1]["ndcg"]
