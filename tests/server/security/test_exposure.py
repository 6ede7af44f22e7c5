"""Tests of what must be configured before other machines reach a server."""

from pathlib import Path
from typing import Any

import pytest
from gistwire_server.config import load_config
from gistwire_server.errors import ConfigurationError
from gistwire_server.security.exposure import is_loopback

PUBLIC = ["0.0.0.0:50051", "[::]:50051", "10.0.0.1:80", "news.example:80", ":50051"]
TLS = {"certificate_file": "server.crt", "key_file": "server.key"}
TOKENS = {"issuer": "https://login.example", "audience": "gistwire", "jwks_file": "jwks.json"}
CERTIFICATE = {"dns_name": "site.example", "name": "site", "roles": ["search"]}


@pytest.mark.parametrize("listen", PUBLIC)
@pytest.mark.parametrize(
    ("security", "named"),
    [
        ({}, "nothing says who may call"),
        ({"tls": TLS}, "nothing says who may call"),
        ({"allow_plaintext": True}, "nothing says who may call"),
        ({"tls": TLS | {"client_ca_file": "ca.crt"}}, "nothing says who may call"),
        ({"api_keys_file": "keys.json"}, "not encrypted"),
        ({"tokens": TOKENS}, "not encrypted"),
        ({"anonymous": {"roles": ["search"]}}, "not encrypted"),
    ],
)
def test_strangers_are_kept_out(tmp_path: Path, listen: str, security: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        load_config(data_dir=tmp_path, listen=listen, security=security)


@pytest.mark.parametrize("listen", PUBLIC)
@pytest.mark.parametrize(
    "security",
    [
        {"tls": TLS, "api_keys_file": "keys.json"},
        {"tls": TLS, "tokens": TOKENS},
        {"tls": TLS | {"client_ca_file": "ca.crt"}, "certificates": [CERTIFICATE]},
        {"tls": TLS, "anonymous": {"roles": ["search"]}},
        {"allow_plaintext": True, "api_keys_file": "keys.json"},
    ],
)
def test_who_says_who_may_call_and_how_may_be_public(
    tmp_path: Path, listen: str, security: dict[str, Any]
) -> None:
    assert load_config(data_dir=tmp_path, listen=listen, security=security).listen == listen


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.8.8.8:1", "localhost:50051", "[::1]:50051", "unix"])
def test_loopback_needs_no_settings(tmp_path: Path, listen: str) -> None:
    assert load_config(data_dir=tmp_path, listen=listen).listen == listen


@pytest.mark.parametrize(
    ("security", "named"),
    [
        ({"certificates": [CERTIFICATE]}, "client_ca_file"),
        ({"tls": TLS, "certificates": [CERTIFICATE]}, "client_ca_file"),
        (
            {"tls": TLS | {"client_ca_file": "c"}, "certificates": [CERTIFICATE | {"uri": "spiffe://x"}]},
            "exactly one",
        ),
        (
            {"tls": TLS | {"client_ca_file": "c"}, "certificates": [{"name": "site", "roles": ["search"]}]},
            "exactly one",
        ),
        (
            {"tls": TLS | {"client_ca_file": "c"}, "certificates": [CERTIFICATE | {"tenants": ["A B"]}]},
            "'A B'",
        ),
        ({"anonymous": {"roles": ["search"], "tenants": ["A B"]}}, "'A B'"),
        ({"anonymous": {"roles": []}}, "security.anonymous.roles"),
        ({"anonymous": {"roles": ["owner"]}}, "owner"),
        ({"tokens": TOKENS | {"algorithms": ["none"]}}, "none"),
        ({"tokens": TOKENS | {"algorithms": ["HS256"]}}, "HS256"),
        ({"tokens": TOKENS | {"algorithms": []}}, "algorithms"),
        ({"health_listen": "8080"}, "health_listen"),
        ({"failed_authentications_per_minute": -1}, "failed_authentications_per_minute"),
    ],
)
def test_what_contradicts_itself_is_named(tmp_path: Path, security: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        load_config(data_dir=tmp_path, security=security)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "", "localhost.example", "127.0.0.1.example", "[::]", "::ffff:8.8.8.8"]
)
def test_what_only_looks_like_loopback_is_none(host: str) -> None:
    assert not is_loopback(host)


def test_reflection_is_off_where_credentials_are_needed(tmp_path: Path) -> None:
    def told(**security: Any) -> bool:
        return load_config(data_dir=tmp_path, security=security).security.tells_contract

    assert told()
    assert told(anonymous={"roles": ["search"]})
    assert not told(api_keys_file="keys.json")
    assert told(api_keys_file="keys.json", reflection=True)
    assert not told(reflection=False)
