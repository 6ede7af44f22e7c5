"""Tests of `scorer`, on candidates of a tiny model."""

import json
from pathlib import Path

import pytest
from gistwire_server.quality_model import QualityModel
from gistwire_training.main import run

from tests.training.commands.conftest import write_prepared


def test_weights_are_written_that_the_server_reads(
    summarizer_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = [str(write_prepared(tmp_path / name, name)) for name in ("one", "two")]
    out = tmp_path / "weights.json"
    command = ["scorer", *data, "--model", str(summarizer_folder), "--run", str(tmp_path / "run")]
    assert run([*command, "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["articles"] > 0
    assert QualityModel.read(out).model.version == report["version"]
    assert (tmp_path / "run" / "report.md").exists()
