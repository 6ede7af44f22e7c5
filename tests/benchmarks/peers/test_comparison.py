"""Tests of a whole comparison, of systems whose answers are written down."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.peers import comparison
from benchmarks.peers.command import peers
from benchmarks.peers.comparison import PeersOptions, measure_peers
from benchmarks.peers.errors import SystemFailedError, SystemsDisagreeError
from benchmarks.peers.systems import SystemChoice

SCRIPTED = "tests.benchmarks.peers.scripted_system"
OURS = SystemChoice("gistwire", SCRIPTED, has_our_engine=True)
OTHER = SystemChoice("other", SCRIPTED, has_our_engine=True)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one corpus is kept for all tests."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def options(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PeersOptions:
    # Queries that share no hit are found among few articles if each has few.
    monkeypatch.setattr(comparison, "_TOP_K", 2)
    monkeypatch.setattr(comparison, "_WARM_UP", 1)
    monkeypatch.setattr(comparison, "_torch_folder", lambda kind, _: tmp_path / kind)
    return PeersOptions(
        sources=(),
        articles=200,
        searches=3,
        busy_searches=4,
        concurrency=2,
        threads=1,
        elasticsearch_url=None,
        kept=kept,
    )


def test_systems_are_measured_and_reported(
    options: PeersOptions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measure_peers(options, [OURS, OTHER], report_folder=tmp_path / "report", as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in printed["systems"]] == ["gistwire", "other"]
    for each in printed["systems"]:
        assert (each["searches"], each["agreement"]) == (3, 1.0)
        assert 0 < each["hits_ms"]["p50"] <= each["final_ms"]["p95"]
        assert each["busy_per_s"] > 0
        assert each["memory_mb"] > 1
    assert "sample corpus" in printed["corpus"]
    written = sorted(path.name for path in (tmp_path / "report").iterdir())
    assert written == ["peers-latency.png", "peers-throughput.png", "peers.json", "peers.md"]
    assert json.loads((tmp_path / "report" / "peers.json").read_text()) == printed


def test_indexes_alone_are_made_without_a_search(
    options: PeersOptions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # It would find something else, were it asked.
    other = SystemChoice("other", SCRIPTED, options=("--reversed",), has_our_engine=True)
    only = replace(options, index_only=True)
    measure_peers(only, [OURS, other], report_folder=tmp_path / "report", as_json=False)
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "report").exists()


def test_indexes_alone_are_kept_somewhere() -> None:
    refused = CliRunner().invoke(peers, ["--index-only"])
    assert refused.exit_code == 2
    assert "--keep" in refused.output


def test_a_system_that_finds_something_else_is_no_peer(options: PeersOptions) -> None:
    other = SystemChoice("other", SCRIPTED, options=("--reversed",), has_our_engine=True)
    with pytest.raises(SystemsDisagreeError, match="hits of other only 0%"):
        measure_peers(options, [OURS, other], report_folder=None, as_json=False)


def test_a_system_that_cannot_start_is_one_plain_error(
    options: PeersOptions, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = SystemChoice("broken", "tests.benchmarks.peers.no_such_system", has_our_engine=True)
    with pytest.raises(SystemFailedError, match="broken ended"):
        measure_peers(options, [OURS, broken], report_folder=None, as_json=False)
    assert "no_such_system" in capsys.readouterr().err
