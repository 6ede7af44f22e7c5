"""Tests of how a caller is known: which credential counts, and what becomes of those that are not good."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
import structlog
from gistwire_server.errors import ConfigurationError, OverloadedError, UnauthenticatedError
from gistwire_server.security.api_key_file import add_api_key, parse_api_keys, remove_api_key
from gistwire_server.security.api_keys import ApiKeys, NewApiKey, new_api_key
from gistwire_server.security.authentication import (
    Authenticator,
    CredentialAuthenticator,
    OpenAuthenticator,
    open_authenticator,
)
from gistwire_server.security.callers import ANONYMOUS, Caller, Role
from gistwire_server.security.config import (
    AnonymousConfig,
    CertificateCallerConfig,
    SecurityConfig,
)
from gistwire_server.security.watched_files import WatchedFiles

from tests.identity_provider import IdentityProvider

Context = grpc.aio.ServicerContext[Any, Any]


class FakeContext:
    """What an authenticator reads of a call."""

    def __init__(
        self,
        *metadata: tuple[str, str | bytes],
        peer: str = "ipv4:192.0.2.1:1",
        verified: Mapping[str, Sequence[bytes]] | None = None,
    ) -> None:
        self._metadata, self._peer, self._verified = metadata, peer, verified or {}

    def invocation_metadata(self) -> Sequence[tuple[str, str | bytes]]:
        return self._metadata

    def peer(self) -> str:
        return self._peer

    def auth_context(self) -> Mapping[str, Sequence[bytes]]:
        return self._verified


def call(*metadata: tuple[str, str | bytes], **given: Any) -> Context:
    return cast("Context", FakeContext(*metadata, **given))


def bearing(credential: str, **given: Any) -> Context:
    return call(("authorization", f"Bearer {credential}"), **given)


@pytest.fixture
def provider(tmp_path: Path) -> IdentityProvider:
    return IdentityProvider(tmp_path)


@pytest.fixture
def key(tmp_path: Path) -> NewApiKey:
    made = new_api_key("site", [Role.SEARCH], ["default"])
    add_api_key(tmp_path / "keys.json", made.kept)
    return made


@pytest.fixture
def authenticator(tmp_path: Path, provider: IdentityProvider, key: NewApiKey) -> Authenticator:
    return open_authenticator(
        SecurityConfig(
            api_keys_file=tmp_path / "keys.json",
            tokens=provider.config,
            certificates=(
                CertificateCallerConfig(dns_name="site.example", name="site", roles=(Role.INGEST,)),
            ),
            failed_authentications_per_minute=5,
        )
    )


async def test_each_kind_of_credential_is_known(
    authenticator: Authenticator, provider: IdentityProvider, key: NewApiKey
) -> None:
    verified = {"peer_dns": [b"site.example"]}
    names = [
        (await authenticator.authenticate(context)).name
        for context in (
            bearing(key.secret),
            bearing(provider.token()),
            call(verified=verified),
            bearing(provider.token(), verified=verified),
            call(("authorization", f"bearer  {key.secret} ")),
        )
    ]
    # None can take the name, and so the limits, of another kind.
    assert names == ["key:site", "token:ada", "certificate:site", "token:ada", "key:site"]


@pytest.mark.parametrize(
    "context",
    [
        call(),
        call(("x-api-key", "gw_")),
        call(("authorization", "")),
        call(("authorization", "Basic YTpi")),
        call(("authorization", "Bearer ")),
        call(("authorization", "Bearer gw_")),
        call(("authorization", "Bearer a.b.c")),
        call(("authorization-bin", b"Bearer a.b.c")),
        call(verified={"peer_dns": [b"other.example"]}),
        call(("authorization", "Bearer x"), verified={"peer_dns": [b"site.example"]}),
    ],
)
async def test_whoever_has_no_good_credentials_is_refused(
    authenticator: Authenticator, context: Context
) -> None:
    with pytest.raises(UnauthenticatedError):
        await authenticator.authenticate(context)


async def test_two_credentials_are_none(authenticator: Authenticator, key: NewApiKey) -> None:
    twice = call(*[("authorization", f"Bearer {key.secret}")] * 2)
    with pytest.raises(UnauthenticatedError):
        await authenticator.authenticate(twice)


async def test_nobody_is_told_what_was_wrong_and_the_log_has_no_secret(
    authenticator: Authenticator, provider: IdentityProvider, key: NewApiKey
) -> None:
    unknown = new_api_key("site", [Role.SEARCH], None).secret
    expired = provider.token(exp=1)
    messages = set()
    with structlog.testing.capture_logs() as logged:
        for bad in (unknown, expired, f"{key.secret[:-1]}x"):
            with pytest.raises(UnauthenticatedError) as raised:
                await authenticator.authenticate(bearing(bad))
            messages.add(str(raised.value))
    assert messages == {"the credentials are not valid"}
    assert [each["why"] for each in logged] == ["key_unknown", "token_expired", "key_malformed"]
    secrets = (unknown.rpartition("_")[2], expired.rpartition(".")[2], key.secret[:-1].rpartition("_")[2])
    assert not any(secret in str(logged) for secret in secrets)


async def test_who_fails_too_often_is_turned_away_but_not_those_who_were_good(
    authenticator: Authenticator, provider: IdentityProvider, key: NewApiKey
) -> None:
    await authenticator.authenticate(bearing(key.secret))
    for _ in range(5):
        with pytest.raises(UnauthenticatedError):
            await authenticator.authenticate(bearing("a.b.c"))
    with pytest.raises(OverloadedError):
        await authenticator.authenticate(bearing(provider.token()))
    await authenticator.authenticate(bearing(key.secret))
    await authenticator.authenticate(bearing(provider.token(), peer="ipv4:192.0.2.2:1"))


async def test_the_limit_can_be_turned_off(provider: IdentityProvider) -> None:
    authenticator = open_authenticator(
        SecurityConfig(tokens=provider.config, failed_authentications_per_minute=0)
    )
    for _ in range(100):
        with pytest.raises(UnauthenticatedError):
            await authenticator.authenticate(bearing("a.b.c"))
    await authenticator.authenticate(bearing(provider.token()))


async def test_a_call_without_credentials_is_not_counted(
    authenticator: Authenticator, key: NewApiKey
) -> None:
    for _ in range(10):
        with pytest.raises(UnauthenticatedError):
            await authenticator.authenticate(call())
    await authenticator.authenticate(bearing(key.secret))


async def test_a_revoked_key_is_found_out(tmp_path: Path, key: NewApiKey) -> None:
    path = tmp_path / "keys.json"
    now = 0.0
    keys = WatchedFiles("keys", [path], lambda contents: ApiKeys(parse_api_keys(contents[0])), lambda: now)
    authenticator = CredentialAuthenticator(api_keys=keys)
    await authenticator.authenticate(bearing(key.secret))
    await authenticator.check_again(bearing(key.secret))
    remove_api_key(path, key.kept.id)
    now = 1.0
    with pytest.raises(UnauthenticatedError):
        await authenticator.check_again(bearing(key.secret))
    with pytest.raises(UnauthenticatedError):
        await authenticator.authenticate(bearing(key.secret))


async def test_credentials_of_a_kind_that_is_not_configured_are_refused(
    tmp_path: Path, provider: IdentityProvider, key: NewApiKey
) -> None:
    with pytest.raises(UnauthenticatedError):
        await open_authenticator(SecurityConfig(tokens=provider.config)).authenticate(bearing(key.secret))
    keys_alone = open_authenticator(SecurityConfig(api_keys_file=tmp_path / "keys.json"))
    with pytest.raises(UnauthenticatedError):
        await keys_alone.authenticate(bearing(provider.token()))


async def test_what_everybody_may_do_is_said(tmp_path: Path, key: NewApiKey) -> None:
    authenticator = open_authenticator(
        SecurityConfig(api_keys_file=tmp_path / "keys.json", anonymous=AnonymousConfig(roles=(Role.SEARCH,)))
    )
    assert await authenticator.authenticate(call()) == Caller(
        "anonymous", frozenset({Role.SEARCH}), frozenset({"default"})
    )
    assert (await authenticator.authenticate(bearing(key.secret))).name == "key:site"
    with pytest.raises(UnauthenticatedError):
        await authenticator.authenticate(bearing("gw_bad"))


async def test_without_configuration_everybody_on_this_machine_may_do_everything() -> None:
    authenticator = open_authenticator(SecurityConfig())
    assert isinstance(authenticator, OpenAuthenticator)
    assert await authenticator.authenticate(call()) is ANONYMOUS


def test_files_that_are_missing_are_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"security\.api_keys_file"):
        open_authenticator(SecurityConfig(api_keys_file=tmp_path / "nowhere.json"))
