"""Checks what clients say of users: events one by one (`read_events`), identifiers and tags (`check_user_id`)."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gistwire.v1 import user_event_pb2
from gistwire_indexer.article import MAX_ID_CHARACTERS
from gistwire_indexer.user_events import MAX_TAGS, EventKind, UserEvent

from gistwire_server.errors import (
    AttributionTokenError,
    AttributionTokenMismatchError,
    FieldViolation,
    InvalidRequestError,
)
from gistwire_server.paging import MAX_ATTRIBUTION_TOKEN_CHARACTERS, TokenSigner
from gistwire_server.validation import MAX_INTEREST_CHARACTERS, normalize_query

MAX_EVENTS = 1_000
MAX_AHEAD = timedelta(minutes=5)
"""How far clients' clocks may be ahead."""

_Message = user_event_pb2.UserEvent
_KINDS = {
    _Message.VIEW: EventKind.VIEW,
    _Message.CLICK: EventKind.CLICK,
    _Message.LIKE: EventKind.LIKE,
    _Message.RATE_ARTICLE: EventKind.RATE_ARTICLE,
    _Message.RATE_SUMMARY: EventKind.RATE_SUMMARY,
    _Message.DISMISS: EventKind.DISMISS,
}
_RATED = frozenset({EventKind.RATE_ARTICLE, EventKind.RATE_SUMMARY})


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """An event that is not written.

    Attributes:
        event_id: the event, as far as its identifier may be long.
        error: why.
    """

    event_id: str
    error: InvalidRequestError | AttributionTokenError


def read_events(
    messages: Sequence[user_event_pb2.UserEvent], signer: TokenSigner, now: datetime
) -> tuple[list[UserEvent], list[RefusedEvent]]:
    """Reads the events of a request: those that are good, and why the others are refused.

    Raises:
        InvalidRequestError: there are none, or too many.
    """
    if not messages:
        raise InvalidRequestError([FieldViolation("events", "must not be empty")])
    if len(messages) > MAX_EVENTS:
        raise InvalidRequestError(
            [FieldViolation("events", f"has {len(messages)} entries; the maximum is {MAX_EVENTS}")]
        )
    events, refused = [], []
    for place, message in enumerate(messages):
        try:
            events.append(_EventReader(message, f"events[{place}]", now).read(signer))
        except (InvalidRequestError, AttributionTokenError) as error:
            refused.append(RefusedEvent(message.event_id[:MAX_ID_CHARACTERS], error))
    return events, refused


def check_user_id(user_id: str) -> None:
    """Checks the identifier of the user that a request is about.

    Raises:
        InvalidRequestError: it is empty, too long, or has control characters.
    """
    fault = _fault_of_id(user_id)
    if fault is not None:
        raise InvalidRequestError([FieldViolation("user_id", fault)])


def read_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Reads interests stated in words: in Unicode NFC, white space folded, each once.

    Raises:
        InvalidRequestError: there are too many, or some are too long, blank, or have control characters.
    """
    if len(tags) > MAX_TAGS:
        raise InvalidRequestError(
            [FieldViolation("tags", f"has {len(tags)} entries; the maximum is {MAX_TAGS}")]
        )
    violations = []
    for place, tag in enumerate(tags):
        if len(tag) > MAX_INTEREST_CHARACTERS:
            description = f"has {len(tag)} characters; the maximum is {MAX_INTEREST_CHARACTERS}"
        elif _has_control_characters(tag):
            description = "must not have control characters"
        elif not normalize_query(tag):
            description = "must not be blank"
        else:
            continue
        violations.append(FieldViolation(f"tags[{place}]", description))
    if violations:
        raise InvalidRequestError(violations)
    return tuple(dict.fromkeys(normalize_query(tag) for tag in tags))


class _EventReader:
    """Collects the violations of one event while it is read. What it holds stands in none of them."""

    def __init__(self, message: user_event_pb2.UserEvent, path: str, now: datetime) -> None:
        self._message = message
        self._path = path
        self._now = now
        self._violations: list[FieldViolation] = []

    def read(self, signer: TokenSigner) -> UserEvent:
        for name in ("event_id", "user_id", "article_id"):
            fault = _fault_of_id(getattr(self._message, name))
            if fault is not None:
                self._refuse(name, fault)
        kind = self._kind()
        rating = self._rating(kind)
        occurred = self._occurred()
        if len(self._message.attribution_token) > MAX_ATTRIBUTION_TOKEN_CHARACTERS:
            self._refuse("attribution_token", f"is longer than {MAX_ATTRIBUTION_TOKEN_CHARACTERS} characters")
        if self._violations or kind is None:
            raise InvalidRequestError(self._violations)
        return UserEvent(
            event_id=self._message.event_id,
            user_id=self._message.user_id,
            article_id=self._message.article_id,
            kind=kind,
            occurred=occurred,
            rating=rating,
            request_id=self._request_id(signer),
        )

    def _refuse(self, name: str, description: str) -> None:
        self._violations.append(FieldViolation(f"{self._path}.{name}", description))

    def _kind(self) -> EventKind | None:
        kind = _KINDS.get(self._message.kind)
        if kind is None:
            self._refuse("kind", "must be given, and one that is known")
        return kind

    def _rating(self, kind: EventKind | None) -> float | None:
        if not self._message.HasField("rating"):
            if kind in _RATED:
                self._refuse("rating", "must be given for an event of this kind")
            return None
        # Written so that NaN is refused too.
        if not 0 <= self._message.rating <= 1:
            self._refuse("rating", "must be from 0 to 1")
        elif kind is not None and kind not in _RATED:
            self._refuse("rating", "must not be given for an event of this kind")
        return self._message.rating

    def _occurred(self) -> datetime:
        if not self._message.HasField("occurred"):
            return self._now
        try:
            occurred = self._message.occurred.ToDatetime(tzinfo=UTC)
        except (ValueError, OverflowError):
            self._refuse("occurred", "is not a time")
            return self._now
        if occurred > self._now + MAX_AHEAD:
            self._refuse("occurred", f"is more than {MAX_AHEAD.seconds // 60} minutes in the future")
        return occurred

    def _request_id(self, signer: TokenSigner) -> str:
        """The call in whose results the article was shown; empty if the event does not say.

        Raises:
            AttributionTokenError: the token does not say so.
        """
        if not self._message.attribution_token:
            return ""
        attribution = signer.read_attribution_token(self._message.attribution_token)
        if not attribution.shows(self._message.article_id):
            raise AttributionTokenMismatchError(
                "attribution_token: the article is not among the results that it is of"
            )
        return attribution.request_id


def _fault_of_id(identifier: str) -> str | None:
    """What is wrong with an identifier; None if nothing is."""
    if not identifier:
        return "must not be empty"
    if len(identifier) > MAX_ID_CHARACTERS:
        return f"has {len(identifier)} characters; the maximum is {MAX_ID_CHARACTERS}"
    if _has_control_characters(identifier):
        return "must not have control characters"
    return None


def _has_control_characters(text: str) -> bool:
    return any(unicodedata.category(char) == "Cc" for char in text)
