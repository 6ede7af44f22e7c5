"""Tokens that the server hands out and takes back: to pin a fused list, to attribute user events, to resume a watch.

A page token holds the list itself, so any replica can go on with it and none has to remember it. Tokens are
signed, so that a client can neither read anything into them nor make one up.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import msgspec

from gistwire_server.errors import (
    AttributionTokenExpiredError,
    AttributionTokenInvalidError,
    PageTokenExpiredError,
    PageTokenInvalidError,
    PageTokenMismatchError,
    ResumeTokenInvalidError,
)
from gistwire_server.plan import SearchPlan
from gistwire_server.retrieval import FusedHit

MAX_TOKEN_CHARACTERS = 262_144
MAX_ATTRIBUTION_TOKEN_CHARACTERS = 4_096
ATTRIBUTION_LIFETIME_S = 7 * 86_400.0
"""How long attribution tokens are honoured, in seconds: results are read long after they were listed."""
_MAX_DECOMPRESSED_BYTES = 2 * 1024 * 1024
_SIGNATURE_BYTES = 16
_KEY_BYTES = 32
_SCALE = 10_000

WallClock = Callable[[], float]
"""Seconds since the epoch."""


class _PageState(msgspec.Struct, array_like=True, frozen=True):
    """What a page token holds."""

    expires: float
    fingerprint: str
    offset: int
    hits: list[tuple[str, float, float | None, float | None, int | None, int | None, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class PinnedHits:
    """A fused list as page tokens hold it.

    Attributes:
        count: number of hits.
        encoded: the hits, as JSON.
    """

    count: int
    encoded: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page token goes on.

    Attributes:
        hits: the whole pinned list.
        offset: how many of them earlier pages have shown.
    """

    hits: tuple[FusedHit, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Attribution:
    """What an attribution token says.

    Attributes:
        request_id: the call that showed results.
    """

    request_id: str
    _shown: frozenset[str]

    def shows(self, article_id: str) -> bool:
        """Whether an article is among the results."""
        return _short_hash(article_id) in self._shown


def load_key(path: Path) -> bytes:
    """Reads the signing key, or makes one that only this user can read.

    Several servers that start at once on one folder agree on the key of the first.

    Raises:
        OSError: the file cannot be read or written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    if not path.exists():
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_bytes()


def pinned(hits: Sequence[FusedHit]) -> PinnedHits:
    """Returns a fused list as page tokens hold it: scores to four digits, enough to rank by, and half the size."""
    # As `_PageState.hits`. Scores are not negative, so that this rounds them; `round` takes four times as long.
    rows = [
        (
            hit.id,
            int(hit.fusion * _SCALE + 0.5) / _SCALE,
            None if hit.lexical is None else int(hit.lexical * _SCALE + 0.5) / _SCALE,
            None if hit.dense is None else int(hit.dense * _SCALE + 0.5) / _SCALE,
            hit.lexical_rank,
            hit.dense_rank,
            hit.duplicate_ids,
        )
        for hit in hits
    ]
    return PinnedHits(len(rows), msgspec.json.encode(rows))


class TokenSigner:
    """Makes and reads tokens."""

    def __init__(self, key: bytes, *, lifetime_s: float, clock: WallClock = time.time) -> None:
        self._key = key
        self._lifetime_s = lifetime_s
        self._clock = clock

    def for_tenant(self, tenant: str) -> "TokenSigner":
        """Returns a signer whose tokens no other tenant's signer takes."""
        key = hashlib.blake2b(tenant.encode(), key=self._key, digest_size=_KEY_BYTES).digest()
        return TokenSigner(key, lifetime_s=self._lifetime_s, clock=self._clock)

    def page_token(self, plan: SearchPlan, hits: PinnedHits, offset: int) -> str:
        """Returns a token for what follows the first `offset` hits; empty if nothing does."""
        if offset >= hits.count:
            return ""
        expires = self._clock() + self._lifetime_s
        # As `_PageState`.
        state = (expires, _fingerprint(plan), offset, msgspec.Raw(hits.encoded))
        return self._sign(b"page", zlib.compress(msgspec.json.encode(state), level=1))

    def read_page_token(self, token: str, plan: SearchPlan) -> Page:
        """Reads a page token.

        Raises:
            PageTokenInvalidError: it was not made with this key, or was changed.
            PageTokenMismatchError: it was made for another query, filter, retrieval or collapse.
            PageTokenExpiredError: it is too old.
        """
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise PageTokenInvalidError("page_token: is longer than any that was made here")
        content = self._verified(b"page", token)
        if content is None:
            raise PageTokenInvalidError("page_token: was changed, or made by another deployment")
        decompressor = zlib.decompressobj()
        state = msgspec.json.decode(
            decompressor.decompress(content, _MAX_DECOMPRESSED_BYTES), type=_PageState
        )
        if state.fingerprint != _fingerprint(plan):
            raise PageTokenMismatchError(
                "page_token: query, filter, retrieval and rank.collapse must be those of the first page"
            )
        if state.expires < self._clock():
            raise PageTokenExpiredError(
                f"page_token: is older than {self._lifetime_s:g} s; begin again without"
            )
        return Page(hits=tuple(FusedHit(*fields) for fields in state.hits), offset=state.offset)

    def attribution_token(self, request_id: str, plan: SearchPlan, article_ids: Sequence[str]) -> str:
        """Returns a token that says which articles a search showed, for user events to come back with.

        It holds hashes of their identifiers, so that it is short whatever those are.
        """
        hashes = [_short_hash(article_id) for article_id in article_ids]
        shown = [request_id, round(self._clock()), _fingerprint(plan), *hashes]
        return self._sign(b"attribution", zlib.compress(json.dumps(shown).encode(), level=1))

    def read_attribution_token(self, token: str) -> Attribution:
        """Reads an attribution token.

        Raises:
            AttributionTokenInvalidError: it was not made with this key, or was changed.
            AttributionTokenExpiredError: it is too old.
        """
        # Nothing that was not signed here is decompressed.
        content = self._verified(b"attribution", token)
        if content is None:
            raise AttributionTokenInvalidError(
                "attribution_token: was changed, or made by another deployment"
            )
        request_id, made, _, *hashes = json.loads(zlib.decompress(content))
        if made + ATTRIBUTION_LIFETIME_S < self._clock():
            raise AttributionTokenExpiredError(
                f"attribution_token: is older than {ATTRIBUTION_LIFETIME_S / 86_400:g} days"
            )
        return Attribution(request_id, frozenset(hashes))

    def watch_token(self, progress: bytes) -> str:
        """Returns a token that holds how far a watch has come (watch_progress.py)."""
        return self._sign(b"watch", progress)

    def read_watch_token(self, token: str) -> bytes:
        """Reads how far a watch has come.

        Raises:
            ResumeTokenInvalidError: the token was not made with this key, or was changed.
        """
        progress = self._verified(b"watch", token)
        if progress is None:
            raise ResumeTokenInvalidError("resume_token: was changed, or made by another deployment")
        return progress

    def _sign(self, purpose: bytes, content: bytes) -> str:
        return (
            base64.urlsafe_b64encode(self._signature(purpose, content) + content).rstrip(b"=").decode("ascii")
        )

    def _verified(self, purpose: bytes, token: str) -> bytes | None:
        """What was signed; None if the token was not made for this purpose with this key."""
        try:
            signed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            return None
        signature, content = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
        return content if hmac.compare_digest(signature, self._signature(purpose, content)) else None

    def _signature(self, purpose: bytes, content: bytes) -> bytes:
        return hashlib.blake2b(
            purpose + b"\0" + content, key=self._key, digest_size=_SIGNATURE_BYTES
        ).digest()


def _fingerprint(plan: SearchPlan) -> str:
    """Hash of what must stay the same from page to page."""
    arguments = [plan.query, str(plan.filter or ""), *astuple(plan.retrieval), plan.rank.collapse]
    return hashlib.blake2b(json.dumps(arguments).encode(), digest_size=8).hexdigest()


def _short_hash(article_id: str) -> str:
    return hashlib.blake2b(article_id.encode(), digest_size=8).hexdigest()
