"""Tests of `gistwire keys`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gistwire_client.exit_status import ExitStatus
from gistwire_server.errors import CredentialsRejectedError
from gistwire_server.security.api_key_file import read_api_keys
from gistwire_server.security.api_keys import ApiKeys
from gistwire_server.security.callers import Caller, Role

from tests.client.commands.conftest import Gistwire


def test_a_key_that_is_made_is_taken_until_it_is_revoked(gistwire: Gistwire, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    outcome = gistwire("keys", "create", "site", "--file", path)
    assert outcome.status == ExitStatus.DONE
    secret = outcome.output.strip()
    assert ApiKeys(read_api_keys(path)).caller_of(secret) == Caller(
        "key:site", frozenset({Role.SEARCH}), frozenset({"default"})
    )
    (listed,) = gistwire("keys", "list", "--file", path).output.splitlines()
    key_id = listed.split()[0]
    assert key_id in outcome.errors
    assert "does not expire" in listed
    assert secret.rpartition("_")[2] not in listed + outcome.errors
    assert gistwire("keys", "revoke", key_id, "--file", path).status == ExitStatus.DONE
    with pytest.raises(CredentialsRejectedError):
        ApiKeys(read_api_keys(path)).caller_of(secret)
    again = gistwire("keys", "revoke", key_id, "--file", path)
    assert again.status == ExitStatus.FAILED
    assert key_id in again.errors


def test_roles_tenants_and_expiry(gistwire: Gistwire, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    options = ["--role", "search", "--role", "ingest", "--tenant", "red", "--tenant", "blue"]
    (made,) = gistwire(
        "keys", "create", "site", *options, "--expires-days", 90, "--file", path, "--json"
    ).events
    assert (made["roles"], made["tenants"]) == (["search", "ingest"], ["red", "blue"])
    left = datetime.fromisoformat(made["expires"]) - datetime.now(UTC)
    assert timedelta(days=89) < left <= timedelta(days=90)
    (everywhere,) = gistwire(
        "keys", "create", "crawler", "--role", "ingest", "--all-tenants", "--file", path, "--json"
    ).events
    assert everywhere["tenants"] is None
    listed = gistwire("keys", "list", "--file", path, "--json").events
    assert [each["name"] for each in listed] == ["site", "crawler"]
    assert not any("key" in each or "sha256" in each for each in listed)


@pytest.mark.parametrize(
    "arguments", [["a b"], [""], ["site", "--tenant", "A B"], ["site", "--role", "owner"], ["site\n"]]
)
def test_what_makes_no_sense_is_a_usage_error(
    gistwire: Gistwire, tmp_path: Path, arguments: list[str]
) -> None:
    path = tmp_path / "keys.json"
    assert gistwire("keys", "create", *arguments, "--file", path).status == ExitStatus.USAGE
    assert not path.exists()


def test_a_file_that_is_something_else_is_left_alone(gistwire: Gistwire, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text("not keys")
    for arguments in (["create", "site"], ["list"], ["revoke", "0" * 12]):
        outcome = gistwire("keys", *arguments, "--file", path)
        assert outcome.status == ExitStatus.FAILED
        assert "api_keys_file" in outcome.errors
    assert path.read_text() == "not keys"
