"""Tests of the peers' environments: what is installed is named exactly."""

import re
import subprocess
import venv
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import environments
from benchmarks.peers.systems import SYSTEMS

REQUIREMENTS = Path(environments.__file__).parent / "requirements"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Names of the files that pip was to install from, which here installs nothing."""
    files: list[str] = []

    def run(command: list[Any], **_: object) -> None:
        files.append(Path(command[-1]).name)

    def cached(name: str, make: Any) -> Path:
        folder = tmp_path / name
        if not folder.exists():
            make(folder)
        return folder

    def create(folder: Path, **_: object) -> None:
        (folder / environments._SITE_PACKAGES).mkdir(parents=True)

    monkeypatch.setattr(environments, "cached_folder", cached)
    monkeypatch.setattr(venv, "create", create)
    monkeypatch.setattr(subprocess, "run", run)
    return files


@pytest.mark.parametrize("path", sorted(REQUIREMENTS.glob("*.txt")), ids=lambda path: path.name)
def test_each_requirement_has_one_exact_version(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert len(lines) > 5
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines)
    names = [re.sub(r"[._-]+", "-", line.partition("==")[0]).lower() for line in lines]
    assert len(names) == len(set(names))


def test_each_peer_has_its_requirements() -> None:
    wanted = {each.environment for each in SYSTEMS} - {None}
    assert wanted == {path.stem for path in REQUIREMENTS.glob("*.txt")} - {"torch"}


def test_an_environment_is_made_once_over_that_of_torch(installed: list[str]) -> None:
    told: list[str] = []
    python = environments.python_of("txtai", told.append)
    assert installed == ["torch.txt", "txtai.txt"]
    assert told == ["installing torch.txt (once)", "installing txtai.txt (once)"]
    (layer,) = python.parents[1].rglob("torch.pth")
    assert "peers-torch-" in layer.read_text()
    assert environments.python_of("txtai", told.append) == python
    environments.python_of("haystack", told.append)
    assert installed == ["torch.txt", "txtai.txt", "haystack.txt"]
