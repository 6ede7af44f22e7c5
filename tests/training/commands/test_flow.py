"""Tests of the commands from news to an exported summarizer, on a network of a few kilobytes."""

import json
from pathlib import Path

import pytest
import torch
from gistwire_models.summarizer_folder import read_summarizer_description
from gistwire_training.main import run
from gistwire_training.pairs import Pair, read_pairs, write_pairs
from safetensors.torch import load_file

TINY = (
    "decoder_layers=1",
    "frozen_encoder_layers=1",
    "align_steps=1",
    "steps=4",
    "batch_size=2",
    "evaluate_every=2",
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for split, count in (("train", 6), ("validation", 2)):
        write_pairs(
            folder / f"{split}.jsonl",
            [
                Pair(
                    id=f"{split}{number}",
                    headline="Mayor says the bridge",
                    body="The mayor said the bridge has a storm. After the ferry strike the union will strike.",
                    summary="The mayor said the bridge has a storm.",
                    language="en",
                )
                for number in range(count)
            ],
        )
    return folder


def settings(*names: str) -> list[str]:
    return [part for name in names for part in ("--set", name)]


def test_prepare_writes_the_splits_and_says_how_many(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        json.dumps({"id": f"n{number}", "kopf": f"Council number {number} votes", "body": body, "lang": "en"})
        for number, body in enumerate(
            f"{word} council voted to close its old bridge next spring."
            for word in ("The", "Each", "This", "That", "No", "Our")
        )
    ]
    news = tmp_path / "news.jsonl"
    news.write_text("\n".join([*lines, "no json"]))
    status = run(
        ["prepare", str(news), "--column", "headline=kopf", "--out", str(tmp_path / "data"), "--json"]
    )
    assert status == 0
    report = json.loads(capsys.readouterr().out)
    written = {split: list(read_pairs(tmp_path / "data" / f"{split}.jsonl")) for split in report["splits"]}
    assert {split: len(pairs) for split, pairs in written.items()} == report["splits"]
    assert sum(report["splits"].values()) > 0
    assert report["sources"][0]["rejected"] == 1
    assert all(pair.headline.startswith("Council") for pairs in written.values() for pair in pairs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name files, or a server"),
        (["--server", "127.0.0.1:1"], "go together"),
        (["--query", "storms"], "go together"),
        (["--stored-summaries"], "needs --server"),
        (["--column", "headline=title"], "no"),
    ],
)
def test_prepare_needs_something_to_read(
    tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["prepare", *arguments, "--out", str(tmp_path / "data")]) == 2
    assert message in capsys.readouterr().err


def test_a_server_that_does_not_answer_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = f"unix:{tmp_path / 'nobody'}"
    assert run(["prepare", "--server", target, "--query", "storms", "--out", str(tmp_path / "data")]) == 1
    assert target in capsys.readouterr().err


def test_a_summarizer_is_trained_resumed_and_exported(
    bert_folder: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, again, exported = tmp_path / "first", tmp_path / "again", tmp_path / "exported"
    train = ["summarizer", str(data), "--start", str(bert_folder), "--run", str(first), *settings(*TINY)]
    assert run(train) == 0
    assert run(train) == 1  # the folder holds a run
    assert "another run" in capsys.readouterr().err
    assert run(["summarizer", str(data), "--start", str(bert_folder), "--run", str(first), "--resume"]) == 0
    tuned = [
        "summarizer",
        str(data),
        "--start",
        str(first / "model"),
        "--run",
        str(again),
        "--set",
        "tuning=lora",
    ]
    assert run([*tuned, *settings(*TINY)]) == 0
    before, after = (load_file(folder / "model" / "model.safetensors") for folder in (first, again))
    assert before.keys() == after.keys()
    capsys.readouterr()
    command = [
        "export",
        str(again / "model"),
        "--out",
        str(exported),
        "--name",
        "tiny",
        "--check",
        str(data),
    ]
    assert run([*command, "--quantization", "float32", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["equal_texts"] == 1.0
    assert report["checked"] == 2
    description = read_summarizer_description(exported)
    assert (description.name, description.languages) == ("tiny", ("en",))
    assert run([*command, "--quantization", "float32"]) == 1  # nothing is overwritten


def test_a_run_that_was_stopped_can_be_finished_with_its_best_weights(
    bert_folder: Path, data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    train = ["summarizer", str(data), "--start", str(bert_folder), "--run", str(folder)]
    assert run([*train, *settings(*TINY)]) == 0
    result = json.loads((folder / "result.json").read_bytes())
    (folder / "result.json").unlink()
    assert run([*train, "--finish"]) == 0
    best = load_file(folder / "checkpoint" / "best.safetensors")
    model = load_file(folder / "model" / "model.safetensors")
    assert all(torch.equal(weights, model[name]) for name, weights in best.items())
    assert json.loads((folder / "result.json").read_bytes())["rouge"] <= result["rouge"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "steps=0"], "steps"),
        (["--set", "stepz=1"], "stepz"),
        (["--set", "steps"], "NAME=VALUE"),
        (["--resume"], "holds no run"),
    ],
)
def test_a_wrong_setting_is_named(
    bert_folder: Path,
    data: Path,
    tmp_path: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["summarizer", str(data), "--start", str(bert_folder), "--run", str(tmp_path / "run")]
    assert run([*command, *arguments]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_pairs_without_a_folder_say_what_makes_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["summarizer", str(tmp_path), "--run", str(tmp_path / "run")]) == 1
    assert "gistwire-train prepare" in capsys.readouterr().err
