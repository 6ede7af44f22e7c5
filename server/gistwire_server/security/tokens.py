"""JSON Web Tokens: `TokenVerifier` tells whose one is, by the public keys of an identity provider."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import jwt
from gistwire_indexer.index import check_tenant

from gistwire_server.errors import ConfigurationError, CredentialsRejectedError
from gistwire_server.security.api_keys import WallClock, utc_now
from gistwire_server.security.callers import Caller, Role
from gistwire_server.security.config import DEFAULT_TENANTS, TokensConfig
from gistwire_server.security.watched_files import WatchedFiles

MAX_TOKEN_CHARACTERS = 8_192
"""Longest token that is looked at."""
_MAX_NAME_CHARACTERS = 200
_EVERY_TENANT = "*"
_REQUIRED_CLAIMS = ("exp", "iss", "aud")

JwkSet = Mapping[str | None, jwt.PyJWK]
"""Public keys by their identifier; one without is under None."""


def parse_jwks(contents: Sequence[bytes]) -> JwkSet:
    """Returns the keys of a JSON Web Key Set that verify signatures; symmetric ones are left out.

    Raises:
        ConfigurationError: it is none, or has no such key.
    """
    (content,) = contents
    try:
        described = json.loads(content)["keys"]
        keys: dict[str | None, jwt.PyJWK] = {}
        for each in described:
            if each.get("kty") == "oct" or each.get("use", "sig") != "sig":
                continue
            if "d" in each:
                raise ConfigurationError("tokens.jwks_file: holds private keys, which no server should have")
            key = jwt.PyJWK(each)
            if key.key_id in keys:
                raise ConfigurationError("tokens.jwks_file: two keys have the same kid")
            keys[key.key_id] = key
    except (ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError) as error:
        # What the error says may quote the file, which may hold private keys by mistake.
        raise ConfigurationError(
            f"tokens.jwks_file: is no JSON Web Key Set ({type(error).__name__})"
        ) from error
    if not keys:
        raise ConfigurationError("tokens.jwks_file: has no public key for signatures")
    return keys


class TokenVerifier:
    """Tells whose a token is.

    A token's header is not trusted: the algorithm must be among the configured ones, all of which are asymmetric,
    and be that of the key, which comes from the provider's set alone (RFC 8725, sections 3.1 and 3.2).

    Args:
        config: what is asked of tokens.
        keys: the provider's public keys.
        clock: tells whether a token has expired.
    """

    def __init__(self, config: TokensConfig, keys: WatchedFiles[JwkSet], clock: WallClock = utc_now) -> None:
        self._config = config
        self._keys = keys
        self._clock = clock

    async def caller_of(self, token: str) -> Caller:
        """Returns whose token it is.

        Raises:
            CredentialsRejectedError: it was not made by the provider for this server, or not for now.
        """
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise CredentialsRejectedError("token_too_long")
        try:
            claims = jwt.decode(
                token,
                key=self._key_of(token, await self._keys.current()),
                algorithms=list(self._config.algorithms),
                audience=self._config.audience,
                issuer=self._config.issuer,
                # Times are looked at below, by our clock.
                options={
                    "require": [*_REQUIRED_CLAIMS, self._config.name_claim],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_sub": False,
                    "enforce_minimum_key_length": True,
                },
            )
        # The others are what a header or a claim of a wrong type leads to.
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise CredentialsRejectedError(f"token_{type(error).__name__}") from error
        self._check_times(claims)
        return self._caller(claims)

    def _key_of(self, token: str, keys: JwkSet) -> jwt.PyJWK:
        header = jwt.get_unverified_header(token)
        key_id = header.get("kid")
        if key_id is None and len(keys) == 1:
            (key,) = keys.values()
        else:
            found = keys.get(key_id)
            if found is None:
                raise CredentialsRejectedError("token_key_unknown")
            key = found
        return key

    def _check_times(self, claims: Mapping[str, object]) -> None:
        now = self._clock().timestamp()
        leeway_s = self._config.leeway_s
        expires = _seconds(claims, "exp")
        if expires is None or expires <= now - leeway_s:
            raise CredentialsRejectedError("token_expired")
        if expires > now + self._config.max_lifetime_s + leeway_s:
            raise CredentialsRejectedError("token_lives_too_long")
        for claim in ("nbf", "iat"):
            begins = _seconds(claims, claim)
            if begins is not None and begins > now + leeway_s:
                raise CredentialsRejectedError("token_not_yet_valid")

    def _caller(self, claims: Mapping[str, object]) -> Caller:
        name = claims[self._config.name_claim]
        if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= _MAX_NAME_CHARACTERS:
            raise CredentialsRejectedError("token_name")
        prefix = self._config.role_prefix
        words = {
            word.removeprefix(prefix)
            for word in _words(claims, self._config.roles_claim)
            if word.startswith(prefix)
        }
        roles = frozenset(role for role in Role if role.value in words)
        return Caller(f"token:{name}", roles, self._tenants(claims))

    def _tenants(self, claims: Mapping[str, object]) -> frozenset[str] | None:
        if self._config.tenants_claim not in claims:
            return frozenset(DEFAULT_TENANTS)
        tenants = _words(claims, self._config.tenants_claim)
        if _EVERY_TENANT in tenants:
            return None
        try:
            return frozenset(check_tenant(tenant) for tenant in tenants)
        except ValueError as error:
            raise CredentialsRejectedError("token_tenants") from error


def _words(claims: Mapping[str, object], claim: str) -> frozenset[str]:
    value = claims.get(claim, ())
    if isinstance(value, str):
        return frozenset(value.split())
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return frozenset(value)
    raise CredentialsRejectedError("token_claim")


def _seconds(claims: Mapping[str, object], claim: str) -> float | None:
    """A NumericDate (RFC 7519, section 2), in seconds since the epoch."""
    value = claims.get(claim)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CredentialsRejectedError("token_claim")
    try:
        return datetime.fromtimestamp(value, UTC).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise CredentialsRejectedError("token_claim") from error
