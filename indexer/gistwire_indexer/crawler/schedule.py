"""When a feed is asked again: pure functions of what it said, and of how often it failed."""

import random
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from gistwire_indexer.sources.dates import to_utc

MAX_STATED_INTERVAL: Final = timedelta(hours=6)
"""Longest interval that a feed may ask for; its configuration may ask for more."""

MAX_PAUSE: Final = timedelta(days=1)
"""Longest pause after failures, or because a server asked for it."""

# A minute doubled so often is longer than the longest pause.
_MAX_DOUBLINGS = 12

_MAX_AGE = re.compile(r"(?:^|,)\s*max-age\s*=\s*\"?(?P<seconds>[0-9]{1,9})", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]{1,9}")

# Jitter needs no seed, and a shared generator could be seeded by the caller's program.
_random = random.SystemRandom()


def interval_after_success(
    every: timedelta, headers: Mapping[str, str], update_interval: timedelta
) -> timedelta:
    """How long to wait after a feed answered.

    Args:
        every: as configured.
        headers: of the answer, with names in lower case; `Cache-Control: max-age` is a minimum.
        update_interval: how often the feed says that it changes, a minimum; zero if it does not.
    """
    stated = max(max_age(headers), update_interval)
    return max(every, min(stated, MAX_STATED_INTERVAL))


def pause_after_failure(every: timedelta, failures: int, retry_after: timedelta | None) -> timedelta:
    """How long to wait after a feed failed: twice as long each time, up to a day, and not all at one moment.

    The pause is drawn evenly from the upper half of every · 2ⁿ⁻¹, the "equal jitter" of
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

    Args:
        every: as configured.
        failures: failures in a row, this one included; at least 1.
        retry_after: what the server asked for, a minimum; None if it did not.
    """
    doublings = min(failures - 1, _MAX_DOUBLINGS)
    pause = max(every, min(every * (1 << doublings), MAX_PAUSE))
    return max(pause * _random.uniform(0.5, 1.0), min(retry_after or timedelta(), MAX_PAUSE))


def max_age(headers: Mapping[str, str]) -> timedelta:
    """How long an answer stays fresh by its `Cache-Control` (RFC 9111); zero if that does not say."""
    match = _MAX_AGE.search(headers.get("cache-control", ""))
    return timedelta(seconds=int(match["seconds"])) if match else timedelta()


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long a server asks to be left alone (RFC 9110: seconds or a date); None if it does not."""
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return timedelta(seconds=int(text))
    try:
        return max(to_utc(parsedate_to_datetime(text)) - now, timedelta())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
