"""What is known of a user: `read_profile` for all of it, `read_history` and `interests_of` for what ranks."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gistwire_indexer.user_events import EventKind, UserEvent
from gistwire_models.encoder import Embedding, Priority
from gistwire_models.errors import GistwireModelError

from gistwire_server.engines import Engines
from gistwire_server.errors import UserNotFoundError
from gistwire_server.keywords import ArticleFrequencies
from gistwire_server.personal.interests import Interest, WeighedArticle, article_weights, find_interests

_ENCODE_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class UserHistory:
    """What the store holds of a user.

    Attributes:
        user_id: the user.
        events: the latest events, newest first.
        tags: interests stated in words.
    """

    user_id: str
    events: tuple[UserEvent, ...] = ()
    tags: tuple[str, ...] = ()

    def settled_articles(self) -> list[str]:
        """The articles that the user has read, rated or dismissed, those of the latest events first."""
        return list(dict.fromkeys(each.article_id for each in self.events if each.kind is not EventKind.VIEW))


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a user.

    Attributes:
        user_id: the user.
        tags: interests stated in words.
        interests: heaviest first, with keywords.
        event_count: number of events.
        latest_event: time of the latest event; None if there is none.
        history: the latest events, newest first.
    """

    user_id: str
    tags: tuple[str, ...]
    interests: tuple[Interest, ...]
    event_count: int
    latest_event: datetime | None
    history: tuple[UserEvent, ...]


async def read_profile(engines: Engines, user_id: str) -> Profile:
    """Reads all that is known of a user.

    Raises:
        UserNotFoundError: nothing is.
        IndexUnavailableError: the store or the index does not answer.
    """
    history, event_count = await asyncio.gather(
        read_history(engines, user_id), engines.user_events.count(user_id)
    )
    if not history.events and not history.tags:
        raise UserNotFoundError("nothing is known of this user")
    interests = await interests_of(engines, history)
    return Profile(
        user_id=user_id,
        tags=history.tags,
        interests=await asyncio.to_thread(with_keywords, interests),
        event_count=event_count,
        latest_event=history.events[0].occurred if history.events else None,
        history=history.events,
    )


async def read_history(engines: Engines, user_id: str) -> UserHistory:
    """Reads what the store holds of a user; of one that it does not know, nothing.

    Raises:
        IndexUnavailableError: the store does not answer.
    """
    events, tags = await asyncio.gather(
        engines.user_events.history(user_id, limit=engines.config.personal.history_events),
        engines.user_events.tags(user_id),
    )
    return UserHistory(user_id, tuple(events), tags)


async def interests_of(
    engines: Engines, history: UserHistory, *, encode_timeout_s: float = _ENCODE_TIMEOUT_S
) -> tuple[Interest, ...]:
    """Finds the interests of a user, heaviest first, without keywords.

    A tag that the encoder does not embed in that time has no centre; nothing else depends on the encoder.

    Raises:
        IndexUnavailableError: the index does not answer.
    """
    personal = engines.config.personal
    weights = article_weights(
        history.events, datetime.now(UTC), half_life_s=personal.interest_half_life_days * 86_400
    )
    latest = dict(list(weights.items())[: personal.interest_articles])
    indexed, tag_embeddings = await asyncio.gather(
        engines.index.get(list(latest)), _embed_tags(engines, history.tags, encode_timeout_s)
    )
    articles = [
        WeighedArticle(each, weight)
        for each, weight in zip(indexed, latest.values(), strict=True)
        if each is not None
    ]
    return await asyncio.to_thread(
        find_interests,
        articles,
        dict(zip(history.tags, tag_embeddings, strict=True)),
        min_similarity=personal.interest_min_similarity,
        max_clusters=personal.max_interests,
    )


def with_keywords(interests: Sequence[Interest]) -> tuple[Interest, ...]:
    """Gives each cluster the words that tell it from the others."""
    frequencies = ArticleFrequencies(each.indexed.article for one in interests for each in one.articles)
    return tuple(
        replace(
            interest,
            keywords=tuple(frequencies.keywords([each.indexed.article for each in interest.articles])),
        )
        for interest in interests
    )


def forget_user(engines: Engines, user_id: str) -> None:
    """Drops everything that was derived from a user's events and is held in memory."""
    engines.collaboration.forget(user_id)


async def _embed_tags(engines: Engines, tags: Sequence[str], timeout_s: float) -> list[Embedding | None]:
    if not tags:
        return []
    try:
        async with asyncio.timeout(timeout_s):
            return list(await engines.encoder.encode(tags, priority=Priority.QUERY))
    except (GistwireModelError, TimeoutError):
        return [None] * len(tags)
