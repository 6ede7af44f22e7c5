"""How far a watch has come, as its resume token holds it: `WatchProgress`.

All that matched up to `position` was handled, and beyond it what `delivered` names. The position stays behind the
present by the overlap of the feed (index_poller.py), so that an article that becomes visible late is beyond it.

A token holds a bounded number of deliveries. No more are shown beyond the position than fit into it; the rest waits
until the position has moved on, which takes about as long as the overlap. So nothing is lost and nothing comes twice,
however much matches at once.
"""

import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
from gistwire_indexer.index import IndexedArticle, IndexPosition

from gistwire_server.errors import ResumeTokenExpiredError, ResumeTokenMismatchError
from gistwire_server.index_poller import position_of
from gistwire_server.paging import TokenSigner
from gistwire_server.plan import WatchPlan

MAX_TOKEN_CHARACTERS = 4_096
"""With the numbers below a token has 4 067 at most: an identifier may take 512 bytes."""

MAX_GROUP = 16
"""Most new articles that are shown, and then summarized, together."""

MAX_DELIVERED = 160
"""Most deliveries beyond the position: those of a group that is settled come on top of what else is shown."""
MAX_DELIVERED_UNSETTLED = MAX_DELIVERED - MAX_GROUP

MAX_KNOWN_AT_START = 60
"""Most articles before the beginning of a watch that it knows not to be new; leaves room for 100 past hits."""

MAX_SHOWN = 100
"""How many of the articles shown last are remembered to recognize near-duplicates."""

_DIGEST_BYTES = 6
_SHORT_DIGEST_BYTES = 4
_COUNTED = struct.Struct(f">{_DIGEST_BYTES}sH")
_MAX_COUNT = 2**16 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _TokenState(msgspec.Struct, array_like=True, frozen=True):
    """What a token holds; the last three fields are records of fixed length, side by side."""

    fingerprint: bytes
    past_shown: bool
    caught_up: bool
    indexed_us: int
    id: str
    hit_count: int
    delivered: bytes
    shown: bytes
    pending: bytes


@dataclass(slots=True)
class WatchProgress:
    """How far a watch has come.

    Attributes:
        position: what matched up to here was handled.
        past_shown: whether the past hits were shown.
        caught_up: whether their summaries were, too.
        hit_count: number of hits so far.
        delivered: digests of what was handled beyond the position, with a place not before that of each.
        shown: short digests of the articles that were shown last, and of those that they nearly repeat.
        pending: the hits whose summary is still to come, with the digests of their articles.
    """

    position: IndexPosition
    past_shown: bool = False
    caught_up: bool = False
    hit_count: int = 0
    delivered: dict[bytes, IndexPosition] = field(default_factory=dict)
    shown: dict[bytes, None] = field(default_factory=dict)
    pending: dict[str, bytes] = field(default_factory=dict)

    def is_handled(self, indexed: IndexedArticle) -> bool:
        """Whether a matching article was dealt with before; if so, its exact place is noted, which tokens round."""
        if position_of(indexed) <= self.position:
            return True
        handled = _digest_of(indexed) in self.delivered
        if handled:
            self.delivered[_digest_of(indexed)] = position_of(indexed)
        return handled

    def repeats_shown(self, indexed: IndexedArticle) -> bool:
        """Whether an article nearly repeats one that was shown, and is no correction of one."""
        original = indexed.duplicate_of
        return (
            original is not None
            and _short_digest(original) in self.shown
            and _short_digest(indexed.article.id) not in self.shown
        )

    def mark_known(self, indexed: IndexedArticle) -> None:
        """Notes that an article is not to be shown any more."""
        if position_of(indexed) > self.position:
            self.delivered[_digest_of(indexed)] = position_of(indexed)
        # Only with rounded places of articles that were deleted since can it be more.
        while len(self.delivered) > MAX_DELIVERED:
            del self.delivered[min(self.delivered, key=self.delivered.__getitem__)]

    def mark_shown(self, indexed: IndexedArticle) -> str:
        """Notes that an article is shown now, and returns the identifier of its hit."""
        self.mark_known(indexed)
        self.hit_count += 1
        hit_id = f"h{self.hit_count}"
        self.pending[hit_id] = _digest_of(indexed)
        for article_id in (indexed.duplicate_of, indexed.article.id):
            if article_id is not None:
                # Again at the end, as the latest.
                self.shown.pop(_short_digest(article_id), None)
                self.shown[_short_digest(article_id)] = None
        while len(self.shown) > MAX_SHOWN:
            del self.shown[next(iter(self.shown))]
        return hit_id

    def mark_ended(self, hit_id: str) -> None:
        """Notes that a hit has its summary, or has none for good."""
        del self.pending[hit_id]

    def advance(self, position: IndexPosition) -> None:
        """Notes that all that matched up to a position was handled; an earlier one changes nothing."""
        if position > self.position:
            self.position = position
            self.delivered = {each: place for each, place in self.delivered.items() if place > position}

    def to_token(self, plan: WatchPlan, signer: TokenSigner) -> str:
        """Returns a token of at most MAX_TOKEN_CHARACTERS for what follows."""
        begin = self.position.indexed
        state = _TokenState(
            fingerprint=_fingerprint(plan),
            past_shown=self.past_shown,
            caught_up=self.caught_up,
            indexed_us=(begin - _EPOCH) // timedelta(microseconds=1),
            id=self.position.id,
            hit_count=self.hit_count,
            delivered=b"".join(
                # Rounded up, because it does no harm to keep an entry for longer.
                _COUNTED.pack(each, min((place.indexed - begin) // timedelta(seconds=1) + 1, _MAX_COUNT))
                for each, place in self.delivered.items()
            ),
            shown=b"".join(self.shown),
            pending=b"".join(
                _COUNTED.pack(each, self.hit_count - int(hit_id[1:])) for hit_id, each in self.pending.items()
            ),
        )
        return signer.watch_token(msgspec.msgpack.encode(state))

    @classmethod
    def from_token(
        cls, token: str, plan: WatchPlan, signer: TokenSigner, *, not_before: datetime
    ) -> "WatchProgress":
        """Reads a token.

        Args:
            token: the token.
            plan: what is watched.
            signer: made the token.
            not_before: how far the position may lie in the past.

        Raises:
            ResumeTokenInvalidError: it was not made with this key, or was changed.
            ResumeTokenMismatchError: it was made for another query, filter or least similarity.
            ResumeTokenExpiredError: its position is too old.
        """
        state = msgspec.msgpack.decode(signer.read_watch_token(token), type=_TokenState)
        if state.fingerprint != _fingerprint(plan):
            raise ResumeTokenMismatchError(
                "resume_token: query, filter and min_similarity must be those of the first call"
            )
        begin = _EPOCH + timedelta(microseconds=state.indexed_us)
        if begin < not_before:
            raise ResumeTokenExpiredError(
                f"resume_token: is of before {not_before:%Y-%m-%d %H:%M} UTC; begin again without"
            )
        return cls(
            position=IndexPosition(begin, state.id),
            past_shown=state.past_shown,
            caught_up=state.caught_up,
            hit_count=state.hit_count,
            delivered={
                each: IndexPosition(begin + timedelta(seconds=seconds))
                for each, seconds in _COUNTED.iter_unpack(state.delivered)
            },
            shown=dict.fromkeys(
                state.shown[place : place + _SHORT_DIGEST_BYTES]
                for place in range(0, len(state.shown), _SHORT_DIGEST_BYTES)
            ),
            pending={
                f"h{state.hit_count - back}": each for each, back in _COUNTED.iter_unpack(state.pending)
            },
        )


def digest(article_id: str, revision: str) -> bytes:
    """Hash of an article's revision; two of them meet by chance once in 2⁴⁸."""
    return _hash(f"{article_id}\n{revision}", _DIGEST_BYTES)


def _digest_of(indexed: IndexedArticle) -> bytes:
    return digest(indexed.article.id, indexed.revision)


def _short_digest(article_id: str) -> bytes:
    return _hash(article_id, _SHORT_DIGEST_BYTES)


def _hash(text: str, size: int) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=size).digest()


def _fingerprint(plan: WatchPlan) -> bytes:
    """Hash of what must stay the same."""
    arguments = [plan.search.query, str(plan.search.filter or ""), plan.min_similarity]
    return _hash(json.dumps(arguments), 8)
