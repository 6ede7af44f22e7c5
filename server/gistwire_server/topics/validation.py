"""From a StreamTopics request to a valid plan; as gistwire_server/validation.py for searches."""

from datetime import UTC, datetime

from gistwire.v1 import topic_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from gistwire_server.config import ServerConfig
from gistwire_server.errors import InvalidRequestError
from gistwire_server.topics.plan import TopicsPlan
from gistwire_server.validation import Validation

DEFAULT_WINDOW_S = 86_400.0
MIN_WINDOW_S = 3_600.0
MAX_WINDOW_S = 90 * 86_400.0
DEFAULT_TOPICS = 10
MAX_TOPICS = 100

# What lies a window before the earliest end must still be a date.
_EARLIEST_END = datetime(1900, 1, 1, tzinfo=UTC)


def plan_topics(
    request: topic_pb2.StreamTopicsRequest, config: ServerConfig, time_remaining_s: float | None
) -> TopicsPlan:
    """Makes the plan of a StreamTopics.

    Args:
        request: the request.
        config: where defaults come from.
        time_remaining_s: seconds to the caller's deadline; None if it set none.

    Raises:
        InvalidRequestError: fields break their limits; the error names each.
    """
    return _TopicsValidation(config).topics_plan(request, time_remaining_s)


class _TopicsValidation(Validation):
    def topics_plan(
        self, request: topic_pb2.StreamTopicsRequest, time_remaining_s: float | None
    ) -> TopicsPlan:
        plan = TopicsPlan(
            filter=self._filter(request.filter),
            window_s=self._window_s(request),
            until=self._until(request.until) if request.HasField("until") else None,
            max_topics=self._within("max_topics", request.max_topics or DEFAULT_TOPICS, 1, MAX_TOPICS),
            digests=request.digests if request.HasField("digests") else True,
            deadline_s=self._deadline_s(time_remaining_s),
        )
        if self._violations:
            raise InvalidRequestError(self._violations)
        return plan

    def _window_s(self, request: topic_pb2.StreamTopicsRequest) -> float:
        if not request.HasField("window"):
            return DEFAULT_WINDOW_S
        window_s = request.window.seconds + request.window.nanos / 1e9
        if not MIN_WINDOW_S <= window_s <= MAX_WINDOW_S:
            self._refuse("window", "must be from 1 hour to 90 days")
        return window_s

    def _until(self, until: Timestamp) -> datetime | None:
        try:
            end = until.ToDatetime(tzinfo=UTC)
        except (ValueError, OverflowError):
            end = None
        if end is None or end < _EARLIEST_END:
            self._refuse("until", "must be a time from the year 1900 to 9999")
            return None
        return end
