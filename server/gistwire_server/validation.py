"""From a request to a valid plan: checks every field, fills in defaults, and reports all violations at once."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Protocol

from gistwire.v1 import recommendation_pb2, search_pb2, specs_pb2
from gistwire_indexer.article import MAX_ID_CHARACTERS
from gistwire_indexer.errors import FilterError
from gistwire_indexer.filter import Filter, parse_filter

from gistwire_server.config import ServerConfig
from gistwire_server.errors import FieldViolation, InvalidRequestError
from gistwire_server.personal.plan import RecommendationPlan
from gistwire_server.plan import (
    RankPlan,
    RankWeights,
    RetrievalPlan,
    SearchPlan,
    SummaryMode,
    SummaryPlan,
    WatchPlan,
)

MAX_QUERY_CHARACTERS = 1_000
MAX_FILTER_CHARACTERS = 2_000
MAX_RESUME_TOKEN_CHARACTERS = 4_096
DEFAULT_TOP_K = 10
MAX_TOP_K = 100
MAX_WEIGHT = 100.0
MAX_INTERESTS = 20
MAX_INTEREST_CHARACTERS = 200
MIN_HALF_LIFE_S = 60.0
MAX_HALF_LIFE_S = 3_650 * 86_400.0


_SEARCH_SIGNALS = ("query_similarity", "fusion", "recency", "interest", "source_quality")
_RECOMMENDATION_SIGNALS = ("recency", "interest", "source_quality", "popularity", "collaborative")


_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co"})
"""Unicode categories of what cannot be seen: control, format, surrogate and private characters."""


class _SpecifiedSearch(Protocol):
    """What SearchRequest and StreamSearchRequest have in common."""

    query: str
    filter: str
    explain: bool

    @property
    def retrieval(self) -> specs_pb2.RetrievalSpec: ...
    @property
    def summary(self) -> specs_pb2.SummarySpec: ...
    @property
    def rank(self) -> specs_pb2.RankSpec: ...
    @property
    def user(self) -> specs_pb2.UserContext: ...


def plan_stream_search(
    request: search_pb2.StreamSearchRequest, config: ServerConfig, time_remaining_s: float | None
) -> SearchPlan:
    """Makes the plan of a StreamSearch.

    Args:
        request: the request.
        config: where defaults come from.
        time_remaining_s: seconds to the caller's deadline; None if it set none.

    Raises:
        InvalidRequestError: fields break their limits; the error names each.
    """
    return Validation(config).plan(
        request, size_field="top_k", size=request.top_k, time_remaining_s=time_remaining_s, streams=True
    )


def plan_search(
    request: search_pb2.SearchRequest, config: ServerConfig, time_remaining_s: float | None
) -> SearchPlan:
    """Makes the plan of a page of Search; as `plan_stream_search`."""
    return Validation(config).plan(
        request,
        size_field="page_size",
        size=request.page_size,
        time_remaining_s=time_remaining_s,
        streams=False,
    )


def plan_watch(
    request: search_pb2.WatchRequest, config: ServerConfig, time_remaining_s: float | None
) -> WatchPlan:
    """Makes the plan of a Watch; as `plan_stream_search`."""
    return Validation(config).watch_plan(request, time_remaining_s=time_remaining_s)


def plan_recommendation(
    request: recommendation_pb2.StreamRecommendRequest, config: ServerConfig, time_remaining_s: float | None
) -> RecommendationPlan:
    """Makes the plan of a StreamRecommend; as `plan_stream_search`."""
    return Validation(config).recommendation_plan(request, time_remaining_s=time_remaining_s)


def check_article_id(article_id: str) -> None:
    """Checks an identifier in a request.

    Raises:
        InvalidRequestError: it is empty or too long.
    """
    if not article_id:
        raise InvalidRequestError([FieldViolation("id", "must not be empty")])
    if len(article_id) > MAX_ID_CHARACTERS:
        violation = FieldViolation(
            "id", f"has {len(article_id)} characters; the maximum is {MAX_ID_CHARACTERS}"
        )
        raise InvalidRequestError([violation])


def normalize_query(query: str) -> str:
    """Unicode NFC, without control and format characters, white space folded."""
    composed = unicodedata.normalize("NFC", query)
    spaced = "".join(" " if char.isspace() else char for char in composed)
    printable = "".join(char for char in spaced if unicodedata.category(char) not in _UNPRINTABLE)
    return " ".join(printable.split())


class Validation:
    """Collects the violations of one request while its plan is made."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._violations: list[FieldViolation] = []

    def plan(
        self,
        request: _SpecifiedSearch,
        *,
        size_field: str,
        size: int,
        time_remaining_s: float | None,
        streams: bool,
    ) -> SearchPlan:
        """As `plan_stream_search`."""
        plan = SearchPlan(
            query=self._query(request.query),
            filter=self._filter(request.filter),
            top_k=self._within(size_field, size or DEFAULT_TOP_K, 1, MAX_TOP_K),
            retrieval=self._retrieval(request.retrieval),
            summary=self._summary(request.summary, streams=streams),
            rank=self._rank(request.rank),
            user_id=self._user_id(request.user.user_id),
            interests=self._interests(request.user),
            deadline_s=self._deadline_s(time_remaining_s),
            explain=request.explain,
        )
        if self._violations:
            raise InvalidRequestError(self._violations)
        return plan

    def watch_plan(self, request: search_pb2.WatchRequest, *, time_remaining_s: float | None) -> WatchPlan:
        """As `plan_watch`."""
        past_hits = request.past_hits if request.HasField("past_hits") else DEFAULT_TOP_K
        search = SearchPlan(
            query=self._query(request.query),
            filter=self._filter(request.filter),
            top_k=self._within("past_hits", past_hits, 0, MAX_TOP_K),
            retrieval=self._retrieval(specs_pb2.RetrievalSpec()),
            summary=self._summary(request.summary, streams=True),
            rank=self._rank(specs_pb2.RankSpec()),
            user_id="",
            interests=(),
            deadline_s=self._config.limits.default_deadline_s,
        )
        min_similarity = self._min_similarity(request)
        if len(request.resume_token) > MAX_RESUME_TOKEN_CHARACTERS:
            self._refuse("resume_token", f"is longer than {MAX_RESUME_TOKEN_CHARACTERS} characters")
        if self._violations:
            raise InvalidRequestError(self._violations)
        return WatchPlan(search, min_similarity, time_remaining_s)

    def recommendation_plan(
        self, request: recommendation_pb2.StreamRecommendRequest, *, time_remaining_s: float | None
    ) -> RecommendationPlan:
        """As `plan_recommendation`."""
        personal = self._config.personal
        search = SearchPlan(
            query="",
            filter=self._filter(request.filter),
            top_k=self._within("top_k", request.top_k or DEFAULT_TOP_K, 1, MAX_TOP_K),
            retrieval=self._retrieval(specs_pb2.RetrievalSpec()),
            summary=self._summary(request.summary, streams=True),
            rank=self._rank(
                request.rank,
                signals=_RECOMMENDATION_SIGNALS,
                interest=personal.interest_weight,
                redundancy=personal.redundancy_weight,
            ),
            user_id=self._user_id(request.user_id, field="user_id"),
            interests=(),
            deadline_s=self._deadline_s(time_remaining_s),
            explain=request.explain,
        )
        if not request.user_id:
            self._refuse("user_id", "must not be empty")
        exploration = personal.exploration
        if request.HasField("exploration"):
            exploration = request.exploration
            # Written so that NaN is refused too.
            if not 0 <= exploration <= 1:
                self._refuse("exploration", f"is {exploration}; it must be from 0 to 1")
        if self._violations:
            raise InvalidRequestError(self._violations)
        return RecommendationPlan(search, exploration)

    def _refuse(self, field: str, description: str) -> None:
        self._violations.append(FieldViolation(field, description))

    def _within(self, field: str, value: int, minimum: int, maximum: int) -> int:
        if not minimum <= value <= maximum:
            self._refuse(field, f"is {value}; it must be from {minimum} to {maximum}")
        return value

    def _weight(self, field: str, value: float) -> float:
        # Written so that NaN is refused too.
        if not 0 <= value <= MAX_WEIGHT:
            self._refuse(field, f"is {value}; it must be from 0 to {MAX_WEIGHT:g}")
        return value

    def _min_similarity(self, request: search_pb2.WatchRequest) -> float:
        if not request.HasField("min_similarity"):
            return self._config.watch.min_similarity
        # Written so that NaN is refused too.
        if not 0 <= request.min_similarity <= 1:
            self._refuse("min_similarity", f"is {request.min_similarity}; it must be from 0 to 1")
        return request.min_similarity

    def _query(self, query: str) -> str:
        if len(query) > MAX_QUERY_CHARACTERS:
            self._refuse("query", f"has {len(query)} characters; the maximum is {MAX_QUERY_CHARACTERS}")
            return ""
        normalized = normalize_query(query)
        if not normalized:
            self._refuse("query", "must not be blank")
        return normalized

    def _filter(self, expression: str) -> Filter | None:
        if len(expression) > MAX_FILTER_CHARACTERS:
            self._refuse(
                "filter", f"has {len(expression)} characters; the maximum is {MAX_FILTER_CHARACTERS}"
            )
            return None
        try:
            return parse_filter(expression)
        except FilterError as error:
            self._refuse("filter", f"cannot be read: {error}")
            return None

    def _retrieval(self, spec: specs_pb2.RetrievalSpec) -> RetrievalPlan:
        default = self._config.retrieval
        plan = RetrievalPlan(
            lexical_weight=self._weight(
                "retrieval.lexical_weight",
                spec.lexical_weight if spec.HasField("lexical_weight") else default.lexical_weight,
            ),
            dense_weight=self._weight(
                "retrieval.dense_weight",
                spec.dense_weight if spec.HasField("dense_weight") else default.dense_weight,
            ),
            fusion_constant=self._within(
                "retrieval.fusion_constant",
                spec.fusion_constant if spec.HasField("fusion_constant") else default.fusion_constant,
                1,
                1_000,
            ),
            depth=self._within(
                "retrieval.depth", spec.depth if spec.HasField("depth") else default.depth, 1, 1_000
            ),
        )
        if plan.lexical_weight == 0 and plan.dense_weight == 0:
            self._refuse("retrieval.lexical_weight", "and retrieval.dense_weight must not both be 0")
        return plan

    def _summary(self, spec: specs_pb2.SummarySpec, *, streams: bool) -> SummaryPlan:
        default = self._config.summary
        mode = SummaryMode.BEST
        if spec.mode != specs_pb2.SummarySpec.MODE_UNSPECIFIED:
            try:
                mode = SummaryMode(spec.mode)
            except ValueError:
                self._refuse("summary.mode", f"is {spec.mode}, which is not a known mode")
        return SummaryPlan(
            mode=mode,
            candidates=self._within(
                "summary.candidates",
                spec.candidates if spec.HasField("candidates") else default.candidates,
                1,
                8,
            ),
            max_tokens=self._within(
                "summary.max_tokens",
                spec.max_tokens if spec.HasField("max_tokens") else default.max_tokens,
                8,
                256,
            ),
            stream_drafts=streams and (spec.stream_drafts if spec.HasField("stream_drafts") else True),
        )

    def _rank(
        self, spec: specs_pb2.RankSpec, *, signals: Sequence[str] = _SEARCH_SIGNALS, **defaults: float
    ) -> RankPlan:
        weights = self._rank_weights(spec.weights, signals, defaults)
        half_life_s = self._config.rank.recency_half_life_hours * 3_600
        if spec.HasField("recency_half_life"):
            half_life_s = spec.recency_half_life.seconds + spec.recency_half_life.nanos / 1e9
            if not MIN_HALF_LIFE_S <= half_life_s <= MAX_HALF_LIFE_S:
                self._refuse("rank.recency_half_life", "must be from 1 minute to 3 650 days")
        collapse = spec.collapse if spec.HasField("collapse") else True
        return RankPlan(weights=weights, recency_half_life_s=half_life_s, collapse=collapse)

    def _rank_weights(
        self, given: specs_pb2.RankWeights, signals: Sequence[str], defaults: Mapping[str, float]
    ) -> RankWeights:
        """The weights, of which those of `signals` must not all be 0; `defaults` win over the configuration."""
        config = self._config.rank

        def weight(name: str, value: float, fallback: float) -> float:
            if _has(given, name):
                return self._weight(f"rank.weights.{name}", value)
            return defaults.get(name, fallback)

        weights = RankWeights(
            query_similarity=weight("query_similarity", given.query_similarity, config.query_similarity),
            fusion=weight("fusion", given.fusion, config.fusion),
            recency=weight("recency", given.recency, config.recency),
            interest=weight("interest", given.interest, config.interest),
            source_quality=weight("source_quality", given.source_quality, config.source_quality),
            redundancy=weight("redundancy", given.redundancy, config.redundancy),
            popularity=weight("popularity", given.popularity, config.popularity),
            collaborative=weight("collaborative", given.collaborative, config.collaborative),
        )
        if not any(getattr(weights, name) for name in signals):
            self._refuse("rank.weights", "must not all be 0")
        return weights

    def _user_id(self, user_id: str, *, field: str = "user.user_id") -> str:
        if len(user_id) > MAX_ID_CHARACTERS:
            self._refuse(field, f"has {len(user_id)} characters; the maximum is {MAX_ID_CHARACTERS}")
        elif any(unicodedata.category(char) in _UNPRINTABLE for char in user_id):
            self._refuse(field, "must not have control or invisible characters")
        return user_id

    def _interests(self, user: specs_pb2.UserContext) -> tuple[str, ...]:
        if len(user.interests) > MAX_INTERESTS:
            self._refuse(
                "user.interests", f"has {len(user.interests)} entries; the maximum is {MAX_INTERESTS}"
            )
            return ()
        interests = []
        for place, interest in enumerate(user.interests):
            if len(interest) > MAX_INTEREST_CHARACTERS:
                self._refuse(
                    f"user.interests[{place}]",
                    f"has {len(interest)} characters; the maximum is {MAX_INTEREST_CHARACTERS}",
                )
            elif not normalize_query(interest):
                self._refuse(f"user.interests[{place}]", "must not be blank")
            else:
                interests.append(normalize_query(interest))
        return tuple(interests)

    def _deadline_s(self, time_remaining_s: float | None) -> float:
        limits = self._config.limits
        wanted_s = limits.default_deadline_s if time_remaining_s is None else time_remaining_s
        return min(wanted_s, limits.max_deadline_s)


def _has(message: specs_pb2.RankWeights, name: str) -> bool:
    return any(descriptor.name == name for descriptor, _ in message.ListFields())
