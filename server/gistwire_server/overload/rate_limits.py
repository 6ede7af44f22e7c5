"""What each caller may ask for, per second and per day: `RateLimits`."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from gistwire_server.budget import Clock
from gistwire_server.errors import QuotaExceededError, RateLimitedError
from gistwire_server.overload.config import CallerLimitsConfig, OverloadConfig

_DAY_S = 86_400.0
_MAX_BUCKETS = 10_000

_BucketKey = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class _Limit:
    """The limits that hold for a call, and whose buckets they are."""

    config: CallerLimitsConfig
    key: _BucketKey


class RateLimits:
    """Token buckets of callers and tenants, in this process: with several replicas each allows as much.

    What a caller uses in one tenant takes nothing from another.

    Args:
        config: the limits.
        clock: seconds that only grow.
    """

    def __init__(self, config: OverloadConfig, clock: Clock = time.monotonic) -> None:
        self._callers = config.callers
        self._requests = TokenBuckets(clock)
        self._work = TokenBuckets(clock)

    def check(self, caller: str, tenant: str) -> None:
        """Lets a call pass that its caller and its tenant may make now.

        Args:
            caller: name of who makes it.
            tenant: whose articles it is about.

        Raises:
            RateLimitedError: they make too many.
        """
        limited = [
            (limit.key, limit.config.requests_per_s, float(limit.config.burst))
            for limit in self._limits_of(caller, tenant)
            if limit.config.requests_per_s is not None
        ]
        wait_s = self._requests.take(limited, 1.0)
        if wait_s > 0:
            raise RateLimitedError("more calls than you may make for now", retry_after_s=wait_s)

    def charge(self, caller: str, tenant: str, cost: float) -> None:
        """Charges the work of a call, in default searches.

        Raises:
            QuotaExceededError: so much is not left of what the caller, or the tenant, may use in a day.
        """
        limited = [
            (limit.key, limit.config.cost_per_day / _DAY_S, limit.config.cost_per_day)
            for limit in self._limits_of(caller, tenant)
            if limit.config.cost_per_day is not None
        ]
        wait_s = self._work.take(limited, cost)
        if wait_s > 0:
            raise QuotaExceededError(
                "the work that you may ask for in a day is used up", retry_after_s=wait_s
            )

    def weight(self, caller: str, tenant: str) -> float:
        """The share of a call's caller in a busy server, as a multiple of that of others."""
        return next(
            (
                limit.config.weight
                for limit in self._limits_of(caller, tenant)
                if limit.config.shared_by == "caller"
            ),
            1.0,
        )

    def _limits_of(self, caller: str, tenant: str) -> Iterator[_Limit]:
        """The first limits that fit the caller, and the first that fit all callers of the tenant."""
        found: set[str] = set()
        for place, config in enumerate(self._callers):
            if (
                config.shared_by not in found
                and fnmatchcase(caller, config.callers)
                and fnmatchcase(tenant, config.tenants)
            ):
                found.add(config.shared_by)
                yield _Limit(config, (place, tenant, caller if config.shared_by == "caller" else ""))


class TokenBuckets:
    """Buckets that fill evenly, kept as the time at which each is full (the generic cell rate algorithm).

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._full_at: dict[_BucketKey, float] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, buckets: list[tuple[_BucketKey, float, float]], tokens: float) -> float:
        """Takes tokens from each of some buckets, or from none of them.

        Args:
            buckets: key, tokens per second and size of each.
            tokens: how many; more than a bucket holds are taken from a full one.

        Returns:
            0 if they were taken, else the seconds after which they could be.
        """
        now = self._clock()
        full_at: dict[_BucketKey, float] = {}
        wait_s = 0.0
        for key, per_s, size in buckets:
            full_at[key] = max(self._full_at.get(key, now), now) + min(tokens, size) / per_s
            wait_s = max(wait_s, full_at[key] - now - size / per_s)
        # What is left of a division by rounding is no reason to wait.
        if wait_s > 1e-9:
            return wait_s
        self._full_at.update(full_at)
        if len(self._full_at) > _MAX_BUCKETS:
            self._full_at = {key: full for key, full in self._full_at.items() if full > now}
        return 0.0
