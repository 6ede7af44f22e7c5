"""The Elasticsearch server that tests run, fetched once for each user of a machine: `installed_elasticsearch`."""

import hashlib
import re
import shutil
import stat
import subprocess
import tempfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from gistwire_models.user_cache import cached_folder

from tests.backends.errors import BackendUnavailableError
from tests.backends.java import has_module

VERSION = "9.2.4"

_GROUP = "org.elasticsearch.distribution.integ-test-zip"
_SHA256 = "af7b81fe31627c7523b2546351cd4e47310faa6a72c8db8dc8f7a191e871cfaf"
_URL = (
    f"https://repo1.maven.org/maven2/{_GROUP.replace('.', '/')}/elasticsearch/"
    f"{VERSION}/elasticsearch-{VERSION}.zip"
)
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"

_VECTOR_MODULE = "jdk.incubator.vector"
_VECTOR_OPTION = re.compile(rf"^.*--add-modules={re.escape(_VECTOR_MODULE)}.*\n", re.MULTILINE)


def installed_elasticsearch() -> Path:
    """Returns the folder of an unpacked server, fetched if it is not there yet.

    It is a complete server without plug-ins.

    Raises:
        BackendUnavailableError: it cannot be fetched, or is not what it should be.
    """
    return cached_folder(f"elasticsearch-{VERSION}", _make)


def copy_configuration(target: Path, *, java: Path) -> None:
    """Copies the server's configuration to a new folder, as the Java with that home can run it."""
    shutil.copytree(installed_elasticsearch() / "config", target)
    if not has_module(java, _VECTOR_MODULE):
        options = target / "jvm.options"
        options.write_text(_VECTOR_OPTION.sub("", options.read_text(encoding="utf-8")), encoding="utf-8")


def _make(home: Path) -> None:
    with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
        with zipfile.ZipFile(_fetch(Path(scratch))) as archive:
            archive.extractall(scratch)
        (Path(scratch) / f"elasticsearch-{VERSION}").rename(home)
    # The archive has lost the bits that let its programs run.
    for program in (home / "bin").iterdir():
        program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def _fetch(scratch: Path) -> Path:
    archive = scratch / f"elasticsearch-{VERSION}.zip"
    maven = shutil.which("mvn")
    try:
        # Maven knows of mirrors and credentials that a plain download does not.
        if maven is None:
            with urllib.request.urlopen(_URL, timeout=60) as response, archive.open("wb") as file:
                shutil.copyfileobj(response, file)
        else:
            artifact = f"-Dartifact={_GROUP}:elasticsearch:{VERSION}:zip"
            command = [maven, "-q", "-B", _COPY, artifact, f"-DoutputDirectory={scratch}"]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    except (OSError, urllib.error.URLError, subprocess.SubprocessError) as error:
        raise BackendUnavailableError(f"Elasticsearch {VERSION} cannot be fetched: {error}") from error
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != _SHA256:
        raise BackendUnavailableError(f"Elasticsearch {VERSION} was fetched with a wrong checksum: {digest}")
    return archive
