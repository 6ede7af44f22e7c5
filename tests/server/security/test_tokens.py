"""Tests of JSON Web Tokens: whose they are, and every way in which one is not good."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from gistwire_server.errors import ConfigurationError, CredentialsRejectedError
from gistwire_server.security.callers import Caller, Role
from gistwire_server.security.tokens import MAX_TOKEN_CHARACTERS, TokenVerifier, parse_jwks
from gistwire_server.security.watched_files import CHECK_INTERVAL_S, WatchedFiles
from hypothesis import given
from hypothesis import strategies as st

from tests.identity_provider import AUDIENCE, IdentityProvider, public_jwk


@pytest.fixture
def provider(tmp_path: Path) -> IdentityProvider:
    return IdentityProvider(tmp_path)


def verifier(
    provider: IdentityProvider, *, clock: Callable[[], float] = lambda: 0.0, **settings: Any
) -> TokenVerifier:
    config = msgspec.structs.replace(provider.config, **settings)
    return TokenVerifier(config, WatchedFiles("test", [provider.jwks_file], parse_jwks, clock))


async def why_not(verifying: TokenVerifier, token: str) -> str:
    with pytest.raises(CredentialsRejectedError) as raised:
        await verifying.caller_of(token)
    assert str(raised.value) == "the credentials are not valid"
    return raised.value.why


async def test_a_token_tells_whose_it_is(provider: IdentityProvider) -> None:
    caller = await verifier(provider).caller_of(
        provider.token(sub="ada", roles=["search", "ingest", "other"], tenants=["red", "blue"])
    )
    assert caller == Caller("token:ada", frozenset({Role.SEARCH, Role.INGEST}), frozenset({"red", "blue"}))


@pytest.mark.parametrize(
    ("claims", "roles", "tenants"),
    [
        ({"roles": None}, set(), {"default"}),
        ({"roles": "ingest search"}, {Role.INGEST, Role.SEARCH}, {"default"}),
        ({"roles": "ADMIN searching"}, set(), {"default"}),
        ({"tenants": []}, {Role.SEARCH}, set()),
        ({"tenants": "red"}, {Role.SEARCH}, {"red"}),
        ({"tenants": ["red", "*"]}, {Role.SEARCH}, None),
        ({"aud": ["other", AUDIENCE]}, {Role.SEARCH}, {"default"}),
        ({"nbf": None, "iat": None}, {Role.SEARCH}, {"default"}),
    ],
)
async def test_what_claims_say(
    provider: IdentityProvider, claims: dict[str, Any], roles: set[Role], tenants: set[str] | None
) -> None:
    caller = await verifier(provider).caller_of(provider.token(**claims))
    assert (caller.roles, caller.tenants) == (roles, tenants)


async def test_claims_may_have_other_names(provider: IdentityProvider) -> None:
    verifying = verifier(
        provider, name_claim="email", roles_claim="scope", role_prefix="gistwire:", tenants_claim="org"
    )
    caller = await verifying.caller_of(
        provider.token(email="ada@news.example", scope="openid gistwire:search admin", org="red")
    )
    assert caller == Caller("token:ada@news.example", frozenset({Role.SEARCH}), frozenset({"red"}))
    assert "MissingRequiredClaim" in await why_not(verifying, provider.token())


NOW = int(datetime.now(UTC).timestamp())


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://evil.example"}, "token_InvalidIssuerError"),
        ({"iss": None}, "token_MissingRequiredClaimError"),
        ({"iss": ["https://login.example"]}, "token_InvalidIssuerError"),
        ({"aud": "another service"}, "token_InvalidAudienceError"),
        ({"aud": [AUDIENCE.upper()]}, "token_InvalidAudienceError"),
        ({"aud": None}, "token_MissingRequiredClaimError"),
        ({"exp": NOW - 3_600}, "token_expired"),
        ({"exp": None}, "token_MissingRequiredClaimError"),
        ({"exp": "never"}, "token_claim"),
        ({"exp": True}, "token_claim"),
        ({"exp": 10**40}, "token_claim"),
        ({"exp": NOW + 10 * 86_400}, "token_lives_too_long"),
        ({"nbf": NOW + 3_600}, "token_not_yet_valid"),
        ({"iat": NOW + 3_600}, "token_not_yet_valid"),
        ({"sub": None}, "token_MissingRequiredClaimError"),
        ({"sub": ""}, "token_name"),
        ({"sub": "a\nb"}, "token_name"),
        ({"sub": "a" * 300}, "token_name"),
        ({"sub": 7}, "token_name"),
        ({"roles": 7}, "token_claim"),
        ({"roles": [7]}, "token_claim"),
        ({"tenants": ["NO TENANT"]}, "token_tenants"),
    ],
)
async def test_claims_that_are_not_good(provider: IdentityProvider, claims: dict[str, Any], why: str) -> None:
    assert await why_not(verifier(provider), provider.token(**claims)) == why


async def test_clocks_may_differ_a_little(provider: IdentityProvider) -> None:
    present = datetime.now(UTC)
    config = msgspec.structs.replace(provider.config, leeway_s=30)
    token = provider.token(
        exp=int(present.timestamp()) + 60, nbf=int(present.timestamp()), iat=int(present.timestamp())
    )
    now = present
    keys = WatchedFiles("test", [provider.jwks_file], parse_jwks)
    verifying = TokenVerifier(config, keys, lambda: now)
    for shift_s, good in ((-40, False), (-20, True), (80, True), (100, False)):
        now = present + timedelta(seconds=shift_s)
        if good:
            await verifying.caller_of(token)
        else:
            await why_not(verifying, token)


async def test_an_unsigned_token_is_not_taken(provider: IdentityProvider) -> None:
    assert await why_not(verifier(provider), provider.unsigned_token()) == "token_InvalidAlgorithmError"


@pytest.mark.parametrize("kind", ["EC", "RSA"])
async def test_the_public_key_is_no_shared_secret(provider: IdentityProvider, kind: str) -> None:
    provider.rotate("only", kind=kind)
    token = provider.token_signed_with_public_key()
    assert await why_not(verifier(provider), token) == "token_InvalidAlgorithmError"


async def test_a_symmetric_key_in_the_set_is_not_used(provider: IdentityProvider) -> None:
    provider.publish([{"kty": "oct", "kid": "first", "k": "c2VjcmV0"}])
    with pytest.raises(ConfigurationError, match="no public key"):
        verifier(provider)


async def test_an_algorithm_that_is_not_listed_is_not_taken(provider: IdentityProvider) -> None:
    provider.rotate("only", kind="RSA")
    assert (await verifier(provider).caller_of(provider.token())).name == "token:ada"
    verifying = verifier(provider, algorithms=("ES256",))
    assert await why_not(verifying, provider.token()) == "token_InvalidAlgorithmError"


async def test_keys_that_a_token_brings_along_are_not_used(
    provider: IdentityProvider, tmp_path: Path
) -> None:
    (tmp_path / "evil").mkdir()
    evil = IdentityProvider(tmp_path / "evil")
    jwk = json.loads(evil.jwks_file.read_text())["keys"][0]
    for header in (
        {},
        {"jwk": jwk},
        {"jku": "https://evil.example/jwks.json"},
        {"x5u": "https://evil.example"},
    ):
        assert await why_not(verifier(provider), evil.token(header=header)) == "token_InvalidSignatureError"


async def test_a_changed_token_is_not_taken(provider: IdentityProvider) -> None:
    header, _, signature = provider.token().split(".")
    claims = provider.token(roles=["admin"]).split(".")[1]
    assert (
        await why_not(verifier(provider), f"{header}.{claims}.{signature}") == "token_InvalidSignatureError"
    )


async def test_keys_can_be_rotated(provider: IdentityProvider) -> None:
    now = 0.0
    verifying = verifier(provider, clock=lambda: now)
    before = provider.token()
    await verifying.caller_of(before)
    provider.rotate("second")
    after = provider.token()
    # A key that is not known makes nobody read the file more often.
    assert await why_not(verifying, after) == "token_key_unknown"
    now = CHECK_INTERVAL_S
    await verifying.caller_of(after)
    assert await why_not(verifying, before) == "token_key_unknown"


async def test_one_key_needs_no_identifier(provider: IdentityProvider) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    provider.publish([public_jwk(key, None)])
    token = jwt.encode(provider.claims(), key, algorithm="ES256")
    assert (await verifier(provider).caller_of(token)).name == "token:ada"


async def test_a_token_of_any_length_costs_little(provider: IdentityProvider) -> None:
    assert await why_not(verifier(provider), "a" * (MAX_TOKEN_CHARACTERS + 1)) == "token_too_long"


@given(
    st.text()
    | st.lists(st.from_regex("[A-Za-z0-9_-]{0,40}", fullmatch=True), min_size=3, max_size=3).map(".".join)
)
async def test_nothing_else_is_taken_or_breaks_it(provider: IdentityProvider, text: str) -> None:
    await why_not(verifier(provider), text)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": 1}',
        b'{"keys": []}',
        b'{"keys": [1]}',
        b'{"keys": [{"kty": "?"}]}',
        b"\xff",
    ],
)
def test_what_is_no_key_set_is_refused(content: bytes) -> None:
    with pytest.raises(ConfigurationError, match="jwks_file"):
        parse_jwks([content])


def test_private_keys_are_refused_and_not_shown() -> None:
    jwk = public_jwk(ec.generate_private_key(ec.SECP256R1()), "k") | {"d": "very-secret"}
    with pytest.raises(ConfigurationError, match="private keys") as raised:
        parse_jwks([json.dumps({"keys": [jwk]}).encode()])
    assert "very-secret" not in str(raised.value)


def test_keys_of_one_identifier_are_refused() -> None:
    jwk = public_jwk(ec.generate_private_key(ec.SECP256R1()), "k")
    with pytest.raises(ConfigurationError, match="same kid"):
        parse_jwks([json.dumps({"keys": [jwk, jwk]}).encode()])
