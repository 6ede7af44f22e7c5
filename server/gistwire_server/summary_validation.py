"""From the requests of SummaryService to valid plans; as validation.py for searches."""

from collections.abc import Sequence
from dataclasses import replace

from gistwire.v1 import specs_pb2, summary_pb2
from gistwire_indexer.article import MAX_ID_CHARACTERS

from gistwire_server.config import ServerConfig
from gistwire_server.digests.plan import DigestPlan
from gistwire_server.errors import InvalidRequestError
from gistwire_server.plan import SearchPlan
from gistwire_server.validation import MAX_QUERY_CHARACTERS, Validation, normalize_query

MAX_SUMMARIZED_ARTICLES = 100
MAX_DIGEST_ARTICLES = 50
DEFAULT_DIGEST_ARTICLES = 10
MAX_DIGEST_SENTENCES = 20
DEFAULT_DIGEST_SENTENCES = 5


def plan_summarize(
    request: summary_pb2.StreamSummarizeRequest, config: ServerConfig, time_remaining_s: float | None
) -> SearchPlan:
    """Makes the plan of a StreamSummarize. The articles themselves are checked when they are read.

    Args:
        request: the request.
        config: where defaults come from.
        time_remaining_s: seconds to the caller's deadline; None if it set none.

    Returns:
        a plan whose query is empty if summaries are of the articles as a whole.

    Raises:
        InvalidRequestError: fields break their limits; the error names each.
    """
    return _SummaryValidation(config).summarize_plan(request, time_remaining_s)


def plan_digest(
    request: summary_pb2.StreamDigestRequest, config: ServerConfig, time_remaining_s: float | None
) -> DigestPlan:
    """Makes the plan of a StreamDigest; as `plan_summarize`."""
    return _SummaryValidation(config).digest_plan(request, time_remaining_s)


class _SummaryValidation(Validation):
    def summarize_plan(
        self, request: summary_pb2.StreamSummarizeRequest, time_remaining_s: float | None
    ) -> SearchPlan:
        article_ids = self._article_ids("article_ids", request.article_ids, MAX_SUMMARIZED_ARTICLES)
        if len(request.articles) > MAX_SUMMARIZED_ARTICLES:
            self._refuse(
                "articles", f"has {len(request.articles)} entries; the maximum is {MAX_SUMMARIZED_ARTICLES}"
            )
        if not request.article_ids and not request.articles:
            self._refuse("article_ids", "and articles must not both be empty")
        plan = SearchPlan(
            query=self._optional_query(request.query),
            filter=None,
            top_k=len(article_ids) + len(request.articles),
            retrieval=self._retrieval(specs_pb2.RetrievalSpec()),
            summary=self._summary(request.summary, streams=True),
            rank=self._rank(specs_pb2.RankSpec()),
            user_id="",
            interests=(),
            deadline_s=self._deadline_s(time_remaining_s),
            explain=request.explain,
        )
        self._check()
        return plan

    def digest_plan(
        self, request: summary_pb2.StreamDigestRequest, time_remaining_s: float | None
    ) -> DigestPlan:
        max_articles = self._within(
            "max_articles", request.max_articles or DEFAULT_DIGEST_ARTICLES, 1, MAX_DIGEST_ARTICLES
        )
        max_sentences = self._within(
            "max_sentences", request.max_sentences or DEFAULT_DIGEST_SENTENCES, 1, MAX_DIGEST_SENTENCES
        )
        deadline_s = self._deadline_s(time_remaining_s)
        article_ids: tuple[str, ...] = ()
        search = None
        match request.WhichOneof("subject"):
            case "article_ids":
                article_ids = self._article_ids(
                    "article_ids.ids", request.article_ids.ids, MAX_DIGEST_ARTICLES
                )
                if not request.article_ids.ids:
                    self._refuse("article_ids.ids", "must not be empty")
            case "query":
                search = self._retrieving(request.query, max_articles, deadline_s)
            case "topic_id":
                self._identifier("topic_id", request.topic_id)
            case _:
                self._refuse("subject", "must be article_ids, query or topic_id")
        filter_ = self._filter(request.filter)
        plan = DigestPlan(
            article_ids=article_ids,
            search=None if search is None else replace(search, filter=filter_),
            topic_id=request.topic_id,
            filter=filter_,
            max_articles=max_articles,
            max_sentences=max_sentences,
            deadline_s=deadline_s,
        )
        self._check()
        return plan

    def _retrieving(self, query: str, max_articles: int, deadline_s: float) -> SearchPlan:
        """The search that finds the articles."""
        return SearchPlan(
            query=self._query(query),
            filter=None,
            top_k=max_articles,
            retrieval=self._retrieval(specs_pb2.RetrievalSpec()),
            summary=self._summary(specs_pb2.SummarySpec(), streams=False),
            rank=self._rank(specs_pb2.RankSpec()),
            user_id="",
            interests=(),
            deadline_s=deadline_s,
        )

    def _check(self) -> None:
        if self._violations:
            raise InvalidRequestError(self._violations)

    def _optional_query(self, query: str) -> str:
        if len(query) > MAX_QUERY_CHARACTERS:
            self._refuse("query", f"has {len(query)} characters; the maximum is {MAX_QUERY_CHARACTERS}")
            return ""
        return normalize_query(query)

    def _article_ids(self, field: str, ids: Sequence[str], most: int) -> tuple[str, ...]:
        """Identifiers without repetitions, in order."""
        if len(ids) > most:
            self._refuse(field, f"has {len(ids)} entries; the maximum is {most}")
            return ()
        for place, article_id in enumerate(ids):
            self._identifier(f"{field}[{place}]", article_id)
        return tuple(dict.fromkeys(ids))

    def _identifier(self, field: str, value: str) -> None:
        if not value:
            self._refuse(field, "must not be empty")
        elif len(value) > MAX_ID_CHARACTERS:
            self._refuse(field, f"has {len(value)} characters; the maximum is {MAX_ID_CHARACTERS}")
