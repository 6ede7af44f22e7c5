"""`OverloadConfig`: what happens when more is asked than can be done."""

from typing import Annotated, Literal

import msgspec

_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_PositiveInt = Annotated[int, msgspec.Meta(ge=1)]
_PositiveFloat = Annotated[float, msgspec.Meta(gt=0)]


class CallerLimitsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much some callers may ask for. Of those that fit a call and are shared alike, the first applies."""

    callers: str = "*"
    """Names of the callers, with ``*`` and ``?`` for any characters and any one."""
    tenants: str = "*"
    """Names of the tenants, likewise."""
    shared_by: Literal["caller", "tenant"] = "caller"
    """Whether each caller has the limits to themselves in each tenant, or all callers of a tenant share them."""
    requests_per_s: _PositiveFloat | None = None
    """Calls per second in the long run; none for any number. More are refused with RESOURCE_EXHAUSTED and the reason
    RATE_LIMITED."""
    burst: _PositiveInt = 20
    """Calls that may be made at once after a quiet time."""
    cost_per_day: _PositiveFloat | None = None
    """Work per day, in searches with the default options; none for any amount. It may be used up at once, and comes
    back evenly over the day. More is refused with RESOURCE_EXHAUSTED and the reason QUOTA_EXCEEDED."""
    weight: _PositiveFloat = 1.0
    """Share of a busy server, as a multiple of that of other callers; if it is shared by callers."""


class OverloadConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much is admitted, what is given up before calls are refused, and who may ask for how much.

    The most that runs and waits at a time is in `limits`: `concurrent_searches` and `waiting_searches`.
    """

    min_concurrent_searches: _PositiveFloat = 4.0
    """Searches that run at a time however slow they are; fewer than `limits.concurrent_searches`, or equal to it."""
    latency_tolerance: Annotated[float, msgspec.Meta(ge=1, le=10)] = 1.5
    """How many times as long as on an idle server calls may take before fewer run at a time."""
    max_loop_lag_s: _PositiveFloat = 0.02
    """How late the event loop may wake what is due, in seconds, before no further call is let in."""
    max_wait_s: _PositiveFloat = 1.0
    """Longest wait for a place, in seconds; a call that would wait longer is refused at once."""
    one_candidate_from: _Share = 0.1
    """From which share of `max_wait_s` on a call that waited gets one candidate for each summary."""
    fast_from: _Share = 0.35
    """From which share on it gets summaries of mode FAST."""
    extract_from: _Share = 0.6
    """From which share on nothing is written for it: it gets stored summaries and extracts, and topics without
    digests."""
    callers: tuple[CallerLimitsConfig, ...] = ()
    """Limits of single callers and tenants; none at first, as nobody is known to ask too much."""
