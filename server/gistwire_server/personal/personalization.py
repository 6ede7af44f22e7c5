"""For whom a call is made: `personalize` reads the user, in bounded time, and never fails the call."""

import asyncio
from dataclasses import dataclass

from gistwire.v1 import events_pb2
from gistwire_indexer.errors import IndexUnavailableError

from gistwire_server.budget import Budget, Step
from gistwire_server.degradation import reason_of
from gistwire_server.engines import Engines
from gistwire_server.personal.interests import Interest
from gistwire_server.personal.profiles import UserHistory, interests_of, read_history

_SHARE = 0.4
"""Most of the time left that is given to reading a user; the rest is for an answer that suits anybody."""
_TAGS_SHARE = 0.2
"""Most of it that embedding the user's tags may take."""


@dataclass(frozen=True, slots=True)
class Personalization:
    """What is known of a user.

    Attributes:
        history: what the user has done; empty if it could not be read.
        interests: heaviest first, without keywords.
        degraded: says what could not be read; None if nothing is missing.
    """

    history: UserHistory
    interests: tuple[Interest, ...] = ()
    degraded: events_pb2.Degraded | None = None


async def personalize(engines: Engines, user_id: str, budget: Budget) -> Personalization:
    """Reads a user. Of one that is not known there is nothing to read, and nothing is missing."""
    history = UserHistory(user_id)
    try:
        with budget.spend(Step.PERSONALIZE):
            async with asyncio.timeout(budget.remaining_s() * _SHARE):
                history = await read_history(engines, user_id)
                interests = await interests_of(
                    engines, history, encode_timeout_s=budget.remaining_s() * _TAGS_SHARE
                )
    except (IndexUnavailableError, TimeoutError) as error:
        return Personalization(history, degraded=not_personalized(error))
    if any(each.centre is None for each in interests):
        return Personalization(history, interests, not_personalized())
    return Personalization(history, interests)


def not_personalized(error: Exception | None = None) -> events_pb2.Degraded:
    """Says that something of the user is not taken into account, because of an error or of a model that is down."""
    return events_pb2.Degraded(
        stage=events_pb2.StageTime.PERSONALIZE,
        reason=events_pb2.Degraded.BACKEND_DOWN if error is None else reason_of(error),
        action=events_pb2.Degraded.NOT_PERSONALIZED,
    )
