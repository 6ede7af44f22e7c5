"""Fault 17: whoever has no good credentials is denied at every rpc, and nothing behind the server hears of it."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from gistwire_client.client import GistwireClient
from gistwire_client.errors import RequestRefusedError
from gistwire_server.security.api_key_file import add_api_key, remove_api_key
from gistwire_server.security.api_keys import new_api_key
from gistwire_server.security.callers import Role

from tests.backends.elasticsearch import ElasticsearchServer
from tests.certificates import Authority
from tests.faults.conftest import Deployment, deployed
from tests.faults.counting_proxy import Passed, counting_proxy
from tests.identity_provider import IdentityProvider
from tests.rpcs import rpcs_of_contract

_RPCS = rpcs_of_contract()


@dataclass(frozen=True, slots=True)
class _Secured:
    """A deployment whose callers must show who they are.

    Attributes:
        deployment: the server.
        elasticsearch: what has gone to the cluster.
    """

    deployment: Deployment
    elasticsearch: Passed

    @property
    def asked(self) -> int:
        """Bytes that the cluster was sent, and texts and articles that the models were given."""
        models = len(self.deployment.encoder.encoded) + len(self.deployment.summarizer.requests)
        return self.elasticsearch.request_bytes + models


@asynccontextmanager
async def _secured(url: str, folder: Path, security: dict[str, Any]) -> AsyncGenerator[_Secured, None]:
    async with (
        counting_proxy(url) as passed,
        deployed(passed.url, folder, listen="127.0.0.1:0", security=security) as deployment,
    ):
        yield _Secured(deployment, passed)


async def _outcomes(
    target: str, credentials: grpc.ChannelCredentials | None, authorization: str | None = None
) -> list[grpc.StatusCode]:
    """How every rpc of the contract ends, over a connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
    metadata = None if authorization is None else [("authorization", authorization)]
    channel = (
        grpc.aio.insecure_channel(target, options)
        if credentials is None
        else grpc.aio.secure_channel(target, credentials, options)
    )
    async with channel:
        return [await rpc.call(channel, metadata=metadata) for rpc in _RPCS]


async def test_bad_credentials_are_denied_everywhere(
    elasticsearch_server: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    authority, provider = Authority(), IdentityProvider(tmp_path)
    certificate_file, key_file = authority.server().write(tmp_path, "server")
    keys_file = tmp_path / "keys.json"
    good, revoked, unknown = (new_api_key("site", [Role.ADMIN], None) for _ in range(3))
    expired = new_api_key("site", [Role.ADMIN], None, expires=datetime(2026, 1, 1, tzinfo=UTC))
    for key in (good, revoked, expired):
        add_api_key(keys_file, key.kept)
    (tmp_path / "stranger").mkdir()
    stranger = IdentityProvider(tmp_path / "stranger")
    everything: dict[str, Any] = {"roles": ["admin"], "tenants": "*"}
    header, _, signature = provider.token(roles=["search"]).split(".")
    claims = provider.token(**everything).split(".")[1]
    now = int(datetime.now(UTC).timestamp())
    bad = {
        "no credentials": None,
        "an empty header": "",
        "a password": "Basic YWRtaW46YWRtaW4=",
        "a malformed key": "Bearer gw_admin",
        "an unknown key": f"Bearer {unknown.secret}",
        "a wrong secret": f"Bearer gw_{good.kept.id}_{unknown.secret[-64:]}",
        "the hash of a key": f"Bearer gw_{good.kept.id}_{good.kept.sha256}",
        "an expired key": f"Bearer {expired.secret}",
        "a revoked key": f"Bearer {revoked.secret}",
        "an expired token": f"Bearer {provider.token(**everything, exp=now - 3_600)}",
        "a token of later": f"Bearer {provider.token(**everything, nbf=now + 3_600)}",
        "a wrong audience": f"Bearer {provider.token(**everything, aud='another service')}",
        "a wrong issuer": f"Bearer {provider.token(**everything, iss='https://evil.example')}",
        "a stranger's token": f"Bearer {stranger.token(**everything)}",
        "a key in the header": f"Bearer {stranger.token(header={'jku': 'https://evil.example'}, **everything)}",
        "changed claims": f"Bearer {header}.{claims}.{signature}",
        "the algorithm none": f"Bearer {provider.unsigned_token(**everything)}",
        "the public key as a secret": f"Bearer {provider.token_signed_with_public_key(**everything)}",
    }
    security = {
        "tls": {"certificate_file": str(certificate_file), "key_file": str(key_file)},
        "api_keys_file": str(keys_file),
        "tokens": {
            "issuer": provider.config.issuer,
            "audience": provider.config.audience,
            "jwks_file": str(provider.jwks_file),
        },
        "failed_authentications_per_minute": 0,
    }
    trusting = grpc.ssl_channel_credentials(authority.certificate)
    async with _secured(elasticsearch_server.url, tmp_path, security) as secured:
        target = secured.deployment.target
        # It is good, so that it is its revocation that counts.
        async with GistwireClient(target, credentials=trusting, api_key=revoked.secret) as client:
            await client.search("harbour")
            assert secured.asked > 0
            remove_api_key(keys_file, revoked.kept.id)
            await _until_refused(client)
        before = secured.asked
        denied = 0
        for what, authorization in bad.items():
            outcomes = await _outcomes(target, trusting, authorization)
            assert set(outcomes) == {grpc.StatusCode.UNAUTHENTICATED}, what
            denied += len(outcomes)
        for what, credentials in (
            ("plaintext", None),
            ("a wrong authority", grpc.ssl_channel_credentials(Authority("another").certificate)),
        ):
            outcomes = await _outcomes(target, credentials, f"Bearer {good.secret}")
            assert set(outcomes) == {grpc.StatusCode.UNAVAILABLE}, what
            denied += len(outcomes)
        assert secured.asked == before
        for secret in (good.secret, provider.token(**everything)):
            outcomes = await _outcomes(target, trusting, f"Bearer {secret}")
            assert grpc.StatusCode.UNAUTHENTICATED not in outcomes
            assert grpc.StatusCode.PERMISSION_DENIED not in outcomes
        assert secured.asked > before
    report_figure(
        f"fault 17: {denied} of {denied} calls with bad credentials denied ({len(bad) + 2} kinds at each of "
        f"{len(_RPCS)} rpcs), 0 bytes to Elasticsearch, 0 calls of models"
    )


async def test_strangers_get_no_connection_with_mutual_tls(
    elasticsearch_server: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    authority, clients = Authority(), Authority("clients")
    certificate_file, key_file = authority.server().write(tmp_path, "server")
    security = {
        "tls": {
            "certificate_file": str(certificate_file),
            "key_file": str(key_file),
            "client_ca_file": str(clients.write(tmp_path)),
        },
        "certificates": [
            {"dns_name": "site.example", "name": "site", "roles": ["admin"], "all_tenants": True}
        ],
    }

    def showing(pair: Any) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(authority.certificate, pair.key, pair.certificate)

    strangers = {
        "plaintext": None,
        "no certificate": grpc.ssl_channel_credentials(authority.certificate),
        "a certificate of another authority": showing(Authority("clients").client(dns_name="site.example")),
        "a certificate of the server's authority": showing(authority.client(dns_name="site.example")),
    }
    async with _secured(elasticsearch_server.url, tmp_path, security) as secured:
        target = secured.deployment.target
        before = secured.asked
        denied = 0
        for what, credentials in strangers.items():
            outcomes = await _outcomes(target, credentials)
            assert set(outcomes) == {grpc.StatusCode.UNAVAILABLE}, what
            denied += len(outcomes)
        outcomes = await _outcomes(target, showing(clients.client(dns_name="another.example")))
        assert set(outcomes) == {grpc.StatusCode.UNAUTHENTICATED}
        denied += len(outcomes)
        assert secured.asked == before
        outcomes = await _outcomes(target, showing(clients.client(dns_name="site.example")))
        assert not {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAVAILABLE} & set(outcomes)
        assert secured.asked > before
    report_figure(
        f"fault 17: {denied} of {denied} calls denied that came without a certificate of ours, 0 bytes to "
        "Elasticsearch, 0 calls of models"
    )


async def _until_refused(client: GistwireClient) -> None:
    """Searches until the key is refused, which is as soon as the server has seen the file."""
    with pytest.raises(RequestRefusedError) as raised:
        while True:
            await client.search("harbour")
    assert raised.value.reason == "UNAUTHENTICATED"
