"""API keys: how they look (`new_api_key`), what is kept of them (`ApiKey`), and whose one is (`ApiKeys`).

A key is ``gw_ID_SECRET``, in lower-case hexadecimal digits: the beginning lets scanners find keys that were published
by mistake, the identifier names a key without giving it away, and the secret has 256 random bits. So many cannot be
guessed from their hash either, and SHA-256 is enough: the slow hashes that passwords need would cost each call what
they cost an attacker.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from gistwire_server.errors import CredentialsRejectedError
from gistwire_server.security.callers import CALLER_NAME_PATTERN, Caller, Role

PREFIX = "gw_"
"""What every key begins with."""

_KEY = re.compile("gw_([0-9a-f]{12})_([0-9a-f]{64})")
_ID_BYTES = 6
_SECRET_BYTES = 32

WallClock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present."""
    return datetime.now(UTC)


class ApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is kept of a key: everything but its secret."""

    id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{12}$")]
    """Names the key."""
    name: Annotated[str, msgspec.Meta(pattern=CALLER_NAME_PATTERN)]
    """Names its caller, who may have several keys."""
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    """SHA-256 of the whole key, in hexadecimal digits."""
    roles: Annotated[tuple[Role, ...], msgspec.Meta(min_length=1)]
    """What its caller may do."""
    tenants: tuple[str, ...] | None
    """Whose articles; None for those of every tenant."""
    created: Annotated[datetime, msgspec.Meta(tz=True)]
    """When it was made."""
    expires: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    """From when on it is not taken; None for never."""

    @property
    def caller(self) -> Caller:
        """Whose key it is."""
        tenants = None if self.tenants is None else frozenset(self.tenants)
        return Caller(f"key:{self.name}", frozenset(self.roles), tenants)


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key that was just made.

    Attributes:
        kept: what is kept of it.
        secret: the key itself, which is shown once and kept nowhere.
    """

    kept: ApiKey
    secret: str = field(repr=False)


def new_api_key(
    name: str,
    roles: Iterable[Role],
    tenants: Iterable[str] | None,
    *,
    expires: datetime | None = None,
    clock: WallClock = utc_now,
) -> NewApiKey:
    """Makes a key.

    Args:
        name: names its caller.
        roles: what its caller may do.
        tenants: whose articles; None for those of every tenant.
        expires: from when on it is not taken; None for never.
        clock: tells when it is made.
    """
    key_id = secrets.token_hex(_ID_BYTES)
    secret = f"{PREFIX}{key_id}_{secrets.token_hex(_SECRET_BYTES)}"
    kept = ApiKey(
        id=key_id,
        name=name,
        sha256=_hash(secret),
        roles=tuple(roles),
        tenants=None if tenants is None else tuple(tenants),
        created=clock().replace(microsecond=0),
        expires=expires,
    )
    return NewApiKey(kept, secret)


class ApiKeys:
    """The keys that a server takes.

    Args:
        keys: what is kept of them.
        clock: tells whether one has expired.
    """

    def __init__(self, keys: Iterable[ApiKey], clock: WallClock = utc_now) -> None:
        self._keys = {key.id: key for key in keys}
        self._clock = clock

    def caller_of(self, secret: str) -> Caller:
        """Returns whose key it is.

        Raises:
            CredentialsRejectedError: it is none, was revoked, or has expired.
        """
        match = _KEY.fullmatch(secret)
        if match is None:
            raise CredentialsRejectedError("key_malformed")
        key = self._keys.get(match[1])
        # Compared also where there is none: how long it takes tells nothing.
        same = hmac.compare_digest(_hash(secret), "0" * 64 if key is None else key.sha256)
        if key is None or not same:
            raise CredentialsRejectedError("key_unknown")
        if key.expires is not None and key.expires <= self._clock():
            raise CredentialsRejectedError("key_expired")
        return key.caller


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii")).hexdigest()
