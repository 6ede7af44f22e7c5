"""Tests of the file of API keys: written whole, by one at a time, for its owner alone."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from gistwire_server.errors import ConfigurationError
from gistwire_server.security.api_key_file import (
    add_api_key,
    parse_api_keys,
    read_api_keys,
    remove_api_key,
)
from gistwire_server.security.api_keys import NewApiKey, new_api_key
from gistwire_server.security.callers import Role
from hypothesis import given
from hypothesis import strategies as st


def some_key(name: str = "site") -> NewApiKey:
    return new_api_key(name, [Role.SEARCH], ["default"], expires=datetime(2027, 1, 1, tzinfo=UTC))


def test_keys_are_added_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "keys.json"
    first, second = some_key(), some_key("crawler")
    assert read_api_keys(path) == ()
    add_api_key(path, first.kept)
    add_api_key(path, second.kept)
    assert read_api_keys(path) == (first.kept, second.kept)
    assert remove_api_key(path, first.kept.id)
    assert not remove_api_key(path, first.kept.id)
    assert read_api_keys(path) == (second.kept,)


def test_only_its_owner_reads_the_file_and_it_holds_no_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key = some_key()
    add_api_key(path, key.kept)
    assert path.stat().st_mode & 0o777 == 0o600
    assert key.secret.rpartition("_")[2] not in path.read_text()


def test_the_mode_that_a_file_was_given_stays(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    add_api_key(path, some_key().kept)
    path.chmod(0o640)
    add_api_key(path, some_key().kept)
    assert path.stat().st_mode & 0o777 == 0o640


def test_writers_do_not_undo_each_other(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys = [some_key().kept for _ in range(20)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: add_api_key(path, key), keys))
    assert {key.id for key in read_api_keys(path)} == {key.id for key in keys}


def test_a_file_that_cannot_be_written_is_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys.json"
    key = some_key()
    add_api_key(path, key.kept)

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        add_api_key(path, some_key().kept)
    assert read_api_keys(path) == (key.kept,)
    assert {each.name for each in tmp_path.iterdir()} == {"keys.json", "keys.json.lock"}


KEPT = {
    "id": "0" * 12,
    "name": "site",
    "sha256": "0" * 64,
    "roles": ["search"],
    "tenants": ["default"],
    "created": "2026-10-01T12:00:00Z",
}


def test_a_file_of_another_program_is_read() -> None:
    (key,) = parse_api_keys(json.dumps({"keys": [KEPT]}).encode())
    assert (key.name, key.expires, key.caller.name) == ("site", None, "key:site")


@pytest.mark.parametrize(
    "change",
    [
        {"id": "x"},
        {"name": "a b"},
        {"name": "site\n"},
        {"sha256": "0"},
        {"roles": []},
        {"roles": ["owner"]},
        {"tenants": ["Not A Tenant"]},
        {"created": "2026-10-01T12:00:00"},
        {"expires": "soon"},
        {"colour": "red"},
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="api_keys_file"):
        parse_api_keys(json.dumps({"keys": [KEPT | change]}).encode())


def test_two_keys_of_one_identifier_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="same id"):
        parse_api_keys(json.dumps({"keys": [KEPT, KEPT]}).encode())


@given(
    st.binary() | st.recursive(st.none() | st.text(), st.lists).map(lambda each: json.dumps(each).encode())
)
def test_any_other_content_is_refused(content: bytes) -> None:
    with pytest.raises(ConfigurationError):
        parse_api_keys(content)
