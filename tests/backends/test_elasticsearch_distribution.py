"""Tests of how the server is fetched and set up; none is fetched here."""

import hashlib
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest
from gistwire_models.user_cache import cached_folder

from tests.backends import elasticsearch_distribution as distribution
from tests.backends.elasticsearch_distribution import VERSION, copy_configuration, installed_elasticsearch
from tests.backends.errors import BackendUnavailableError

OPTIONS = "-Xss1m\n20-:--add-modules=jdk.incubator.vector\n-Djava.awt.headless=true\n"


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive like the server's, in the place of the one that is fetched, and a cache of this test alone."""
    path = tmp_path / "served.zip"
    with ZipFile(path, "w") as served:
        served.writestr(f"elasticsearch-{VERSION}/bin/elasticsearch", "#!/bin/sh\n")
        served.writestr(f"elasticsearch-{VERSION}/config/jvm.options", OPTIONS)
    monkeypatch.setattr(distribution, "_URL", path.as_uri())
    monkeypatch.setattr(shutil, "which", lambda name: None)
    cache = tmp_path / "cache"
    cache.mkdir()

    def cached(name: str, make: object) -> Path:
        folder = cache / name
        if not folder.exists():
            assert callable(make)
            make(folder)
        return folder

    monkeypatch.setattr(distribution, cached_folder.__name__, cached)
    return path


def accept(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(distribution, "_SHA256", digest)


def test_its_programs_can_be_run(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accept(archive, monkeypatch)
    home = installed_elasticsearch()
    assert (home / "bin" / "elasticsearch").stat().st_mode & 0o111 == 0o111


def test_what_has_another_checksum_is_refused(archive: Path) -> None:
    with pytest.raises(BackendUnavailableError, match="checksum"):
        installed_elasticsearch()


def test_an_archive_that_is_not_there_is_told(archive: Path) -> None:
    archive.unlink()
    with pytest.raises(BackendUnavailableError, match="cannot be fetched"):
        installed_elasticsearch()


@pytest.mark.parametrize("has_vectors", [True, False])
def test_a_module_that_the_java_lacks_is_not_asked_for(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_vectors: bool
) -> None:
    accept(archive, monkeypatch)
    monkeypatch.setattr(distribution, "has_module", lambda java, module: has_vectors)
    copy_configuration(tmp_path / "config", java=Path("/java"))
    written = (tmp_path / "config" / "jvm.options").read_text()
    assert ("jdk.incubator.vector" in written) == has_vectors
    assert "-Xss1m\n" in written
    assert "-Djava.awt.headless=true\n" in written
