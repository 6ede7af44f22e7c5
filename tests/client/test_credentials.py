"""Tests of how a client shows who it is, and that it shows it to nobody else."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import grpc
import pytest
from gistwire_client import (
    GistwireClient,
    HealthStatus,
    RequestRefusedError,
    SyncGistwireClient,
    UnreachableError,
    tls_credentials,
)
from gistwire_client.credentials import stays_on_machine
from gistwire_server.security.api_key_file import add_api_key
from gistwire_server.security.api_keys import NewApiKey, new_api_key
from gistwire_server.security.callers import Role

from tests.certificates import Authority
from tests.identity_provider import IdentityProvider
from tests.server.conftest import bench as bench
from tests.server.security.conftest import RunSecured
from tests.server.security.conftest import run_secured as run_secured


@pytest.fixture
def key(tmp_path: Path) -> NewApiKey:
    made = new_api_key("site", [Role.SEARCH, Role.INGEST], ["default"])
    add_api_key(tmp_path / "keys.json", made.kept)
    return made


@pytest.fixture
async def target(run_secured: RunSecured, tmp_path: Path, key: NewApiKey) -> AsyncGenerator[str, None]:
    async with run_secured(api_keys_file=str(tmp_path / "keys.json")) as server:
        yield server.target


async def test_a_key_goes_with_calls_of_every_kind(target: str, key: NewApiKey) -> None:
    async with GistwireClient(target, api_key=key.secret) as client:
        assert (await client.search("harbour strike")).results
        assert [event async for event in client.stream_search("harbour strike")]
        assert [event async for event in client.ingest([])]


async def test_without_a_key_the_client_says_what_is_missing(target: str) -> None:
    async with GistwireClient(target) as client:
        assert await client.health() is HealthStatus.SERVING
        with pytest.raises(RequestRefusedError, match="API key or a token") as raised:
            await client.search("harbour strike")
    assert raised.value.reason == "UNAUTHENTICATED"


async def test_a_token_is_asked_for_before_each_call(run_secured: RunSecured, tmp_path: Path) -> None:
    provider = IdentityProvider(tmp_path)
    tokens = [provider.token(exp=1), provider.token(), provider.token()]

    async def next_token() -> str:
        return tokens.pop()

    settings = {"issuer": provider.config.issuer, "audience": provider.config.audience}
    async with (
        run_secured(tokens=settings | {"jwks_file": str(provider.jwks_file)}) as server,
        GistwireClient(server.target, token_provider=next_token) as client,
    ):
        await client.search("harbour strike")
        assert [event async for event in client.stream_search("harbour strike")]
        with pytest.raises(RequestRefusedError):
            await client.search("harbour strike")
    assert not tokens


def test_the_sync_client_shows_it_too(tmp_path: Path, key: NewApiKey) -> None:
    with pytest.raises(ValueError, match="without encryption"):
        SyncGistwireClient("news.example:50051", api_key=key.secret)


async def test_mutual_tls_with_files(run_secured: RunSecured, tmp_path: Path) -> None:
    authority = Authority()
    ca_file = authority.write(tmp_path)
    certificate_file, key_file = authority.server().write(tmp_path, "server")
    own_certificate, own_key = authority.client(dns_name="site.example").write(tmp_path, "client")
    security = {
        "tls": {
            "certificate_file": str(certificate_file),
            "key_file": str(key_file),
            "client_ca_file": str(ca_file),
        },
        "certificates": [{"dns_name": "site.example", "name": "site", "roles": ["search"]}],
    }
    async with run_secured("127.0.0.1:0", **security) as server:
        credentials = tls_credentials(ca_file=ca_file, certificate_file=own_certificate, key_file=own_key)
        async with GistwireClient(server.target, credentials=credentials) as client:
            assert (await client.search("harbour strike")).results
        async with GistwireClient(server.target, credentials=tls_credentials(ca_file=ca_file)) as client:
            with pytest.raises(UnreachableError):
                await client.search("harbour strike", timeout_s=30)


@pytest.mark.parametrize("given", [{"api_key": "gw_x"}, {"token_provider": lambda: None}])
def test_a_credential_is_not_sent_readable_to_another_machine(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="without encryption") as raised:
        GistwireClient("news.example:50051", **given)
    assert "gw_x" not in str(raised.value)
    GistwireClient("news.example:50051", **given, credentials=grpc.ssl_channel_credentials())
    GistwireClient("news.example:50051", **given, allow_plaintext_credentials=True)
    GistwireClient("127.0.0.1:50051", **given)


def test_what_contradicts_itself_is_refused(tmp_path: Path) -> None:
    async def token() -> str:
        return ""

    with pytest.raises(ValueError, match="exclude each other"):
        GistwireClient("127.0.0.1:1", api_key="gw_x", token_provider=token)
    for bad in ("", "gw_\n", "gw_é"):
        with pytest.raises(ValueError, match="api_key"):
            GistwireClient("127.0.0.1:1", api_key=bad)
    with pytest.raises(ValueError, match="belong together"):
        tls_credentials(certificate_file=tmp_path / "client.crt")


@pytest.mark.parametrize(
    ("target", "local"),
    [
        ("127.0.0.1:50051", True),
        ("127.1.2.3:50051", True),
        ("localhost:50051", True),
        ("[::1]:50051", True),
        ("unix:/run/gistwire.sock", True),
        ("unix-abstract:gistwire", True),
        ("dns:localhost:50051", True),
        ("dns:///127.0.0.1:50051", True),
        ("dns://8.8.8.8/127.0.0.1:50051", True),
        ("ipv4:127.0.0.1:1,127.0.0.1:2", True),
        ("ipv6:%5B::1%5D:50051", True),
        ("ipv4:127.0.0.1:1,192.0.2.1:2", False),
        ("news.example:50051", False),
        ("dns:///news.example:50051", False),
        ("localhost.example:50051", False),
        ("127.0.0.1.example:50051", False),
        ("192.0.2.1:50051", False),
        ("[::]:50051", False),
        ("xds:///news", False),
        ("", False),
    ],
)
def test_what_stays_on_the_machine(target: str, local: bool) -> None:
    assert stays_on_machine(target) is local
