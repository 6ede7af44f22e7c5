"""Tests over real TLS: who gets a connection, and that certificates are exchanged while the server runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from gistwire.v1 import search_pb2, search_pb2_grpc
from gistwire_server.errors import ConfigurationError
from gistwire_server.security.config import TlsConfig
from gistwire_server.security.tls import server_credentials
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.certificates import Authority, Pair
from tests.server.security.conftest import RunSecured

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


@pytest.fixture
def authority() -> Authority:
    return Authority()


def tls_settings(folder: Path, pair: Pair, client_ca: Path | None = None) -> dict[str, str]:
    certificate, key = pair.write(folder, "server")
    settings = {"certificate_file": str(certificate), "key_file": str(key)}
    return settings if client_ca is None else settings | {"client_ca_file": str(client_ca)}


def credentials(authority: Authority, pair: Pair | None = None) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        authority.certificate,
        None if pair is None else pair.key,
        None if pair is None else pair.certificate,
    )


async def health(target: str, channel_credentials: grpc.ChannelCredentials | None) -> grpc.StatusCode:
    """Asks a server how it is over a connection of its own, and returns how that ended."""
    # Channels of like options would share one connection.
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
    channel = (
        grpc.aio.insecure_channel(target, options)
        if channel_credentials is None
        else grpc.aio.secure_channel(target, channel_credentials, options)
    )
    async with channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            await stub.Check(health_pb2.HealthCheckRequest(), timeout=30)
        except grpc.aio.AioRpcError as error:
            return error.code()
    return grpc.StatusCode.OK


async def test_only_tls_is_spoken(run_secured: RunSecured, authority: Authority, tmp_path: Path) -> None:
    async with run_secured("127.0.0.1:0", tls=tls_settings(tmp_path, authority.server())) as server:
        assert await health(server.target, credentials(authority)) is grpc.StatusCode.OK
        assert await health(server.target, None) is UNAVAILABLE
        assert await health(server.target, credentials(Authority("another"))) is UNAVAILABLE


async def test_mutual_tls_takes_clients_of_our_authority_alone(
    run_secured: RunSecured, authority: Authority, tmp_path: Path
) -> None:
    clients = Authority("clients")
    settings = tls_settings(tmp_path, authority.server(), clients.write(tmp_path))
    async with run_secured("127.0.0.1:0", tls=settings) as server:
        assert await health(server.target, credentials(authority, clients.client())) is grpc.StatusCode.OK
        assert await health(server.target, credentials(authority)) is UNAVAILABLE
        strangers = Authority("clients").client()
        assert await health(server.target, credentials(authority, strangers)) is UNAVAILABLE


async def test_a_caller_is_known_by_the_certificate_of_the_connection(
    run_secured: RunSecured, authority: Authority, tmp_path: Path
) -> None:
    settings = tls_settings(tmp_path, authority.server(), authority.write(tmp_path))
    callers = [{"uri": "spiffe://news.example/site", "name": "site", "roles": ["search"]}]
    async with run_secured("127.0.0.1:0", tls=settings, certificates=callers) as server:
        for uri, found in (("spiffe://news.example/site", True), ("spiffe://news.example/other", False)):
            pair = authority.client("site", uri=uri)
            async with grpc.aio.secure_channel(server.target, credentials(authority, pair)) as channel:
                searching = search_pb2_grpc.SearchServiceStub(channel)
                request = search_pb2.SearchRequest(query="harbour strike")
                if found:
                    assert (await searching.Search(request)).results
                    continue
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await searching.Search(request)
                assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_certificates_are_exchanged_without_dropping_a_stream(
    run_secured: RunSecured, authority: Authority, tmp_path: Path
) -> None:
    settings = tls_settings(tmp_path, authority.server("first"))
    async with (
        run_secured("127.0.0.1:0", tls=settings) as server,
        grpc.aio.secure_channel(server.target, credentials(authority)) as channel,
    ):
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest())
        events = aiter(watch)
        await anext(events)
        # Signed by another authority: whoever trusts that one alone sees that the new one is shown.
        second = Authority("second authority")
        second.server("second").write(tmp_path, "server")
        assert await health(server.target, credentials(second)) is grpc.StatusCode.OK
        assert await health(server.target, credentials(authority)) is UNAVAILABLE
        assert not watch.done()
        searching = search_pb2_grpc.SearchServiceStub(channel)
        assert (await searching.Search(search_pb2.SearchRequest(query="harbour strike"))).results
        watch.cancel()


@pytest.mark.parametrize(
    "damage",
    [
        lambda certificate, key, fresh: certificate.write_bytes(fresh.certificate),
        lambda certificate, key, fresh: key.write_bytes(fresh.key),
        lambda certificate, key, fresh: certificate.write_bytes(fresh.certificate[:200]),
        lambda certificate, key, fresh: key.write_bytes(b""),
        lambda certificate, key, fresh: key.unlink(),
    ],
    ids=["certificate first", "key first", "half a certificate", "an empty key", "no key"],
)
async def test_a_pair_that_is_half_written_takes_nothing_down(
    run_secured: RunSecured,
    authority: Authority,
    tmp_path: Path,
    damage: Callable[[Path, Path, Pair], Any],
) -> None:
    settings = tls_settings(tmp_path, authority.server("first"))
    second = Authority("second authority")
    fresh = second.server("second")
    async with run_secured("127.0.0.1:0", tls=settings) as server:
        damage(Path(settings["certificate_file"]), Path(settings["key_file"]), fresh)
        assert await health(server.target, credentials(authority)) is grpc.StatusCode.OK
        assert await health(server.target, credentials(authority)) is grpc.StatusCode.OK
        fresh.write(tmp_path, "server")
        assert await health(server.target, credentials(second)) is grpc.StatusCode.OK


async def test_authorities_of_clients_are_exchanged_too(
    run_secured: RunSecured, authority: Authority, tmp_path: Path
) -> None:
    before, after = Authority("before"), Authority("after")
    settings = tls_settings(tmp_path, authority.server(), before.write(tmp_path))
    async with run_secured("127.0.0.1:0", tls=settings) as server:
        after.write(tmp_path)
        assert await health(server.target, credentials(authority, after.client())) is grpc.StatusCode.OK
        assert await health(server.target, credentials(authority, before.client())) is UNAVAILABLE


@pytest.mark.parametrize(
    ("certificate", "key", "client_ca", "named"),
    [
        (b"", None, None, "certificate_file"),
        (b"nonsense", None, None, "certificate_file"),
        (
            None,
            b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0LWJ5dGVz\n-----END PRIVATE KEY-----\n",
            None,
            "key_file",
        ),
        (None, Authority().server().key, None, "key_file is not the key of"),
        (None, None, b"nonsense", "client_ca_file"),
    ],
)
def test_what_cannot_be_used_is_named_at_the_start(
    tmp_path: Path, certificate: bytes | None, key: bytes | None, client_ca: bytes | None, named: str
) -> None:
    pair = Authority().server()
    certificate_file, key_file = Pair(certificate or pair.certificate, key or pair.key).write(tmp_path, "s")
    if certificate == b"":
        certificate_file.write_bytes(b"")
    client_ca_file = None
    if client_ca is not None:
        client_ca_file = tmp_path / "ca.crt"
        client_ca_file.write_bytes(client_ca)
    config = TlsConfig(certificate_file=certificate_file, key_file=key_file, client_ca_file=client_ca_file)
    with pytest.raises(ConfigurationError, match=named) as raised:
        server_credentials(config)
    assert "c2VjcmV0" not in str(raised.value)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    config = TlsConfig(certificate_file=tmp_path / "no.crt", key_file=tmp_path / "no.key")
    with pytest.raises(ConfigurationError, match=r"security\.tls: .*no\.crt cannot be read"):
        server_credentials(config)
