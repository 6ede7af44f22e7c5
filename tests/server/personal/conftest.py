"""A searchable index of articles on a few subjects, and users who did things with them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gistwire_indexer.article import Article
from gistwire_indexer.embedded import EmbeddedIndex, EmbeddedUserEvents
from gistwire_indexer.index import ArticleToIndex
from gistwire_indexer.user_events import EventKind, UserEvent
from gistwire_models.scripted import ScriptedEncoder, ScriptedSummarizer
from gistwire_server.config import ServerConfig
from gistwire_server.engines import Engines
from gistwire_server.paging import TokenSigner
from gistwire_server.personal.plan import RecommendationPlan
from gistwire_server.personal.recommending import RecommendationEvent, recommendation_events
from gistwire_server.plan import RankPlan, RankWeights, RetrievalPlan, SearchPlan, SummaryMode, SummaryPlan
from gistwire_server.scoring import Scorer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SUBJECTS = {
    "ferry": "harbour ferry captain quay sailing",
    "chess": "chess grandmaster opening board tournament",
    "bread": "bread flour oven baker sourdough",
    "comet": "comet telescope orbit astronomer tail",
}
PER_SUBJECT = 6

PLAN = RecommendationPlan(
    search=SearchPlan(
        query="",
        filter=None,
        top_k=5,
        retrieval=RetrievalPlan(lexical_weight=1, dense_weight=1, fusion_constant=20, depth=100),
        summary=SummaryPlan(mode=SummaryMode.FAST, candidates=1, max_tokens=64, stream_drafts=True),
        rank=RankPlan(
            weights=RankWeights(
                query_similarity=2,
                fusion=1,
                recency=0.05,
                interest=2,
                source_quality=0,
                redundancy=0.1,
                popularity=0.2,
                collaborative=0.1,
            ),
            recency_half_life_s=7 * 86_400,
            collapse=True,
        ),
        user_id="reader",
        interests=(),
        deadline_s=30,
    ),
    exploration=0.0,
)


def article(subject: str, number: int) -> Article:
    """One of the articles on a subject, the higher the number the older."""
    return Article(
        id=f"{subject}-{number}",
        headline=f"{subject} {SUBJECTS[subject]} report{number}",
        body=f"{subject} {SUBJECTS[subject]} note{number}.",
        source="Meridian Wire" if number % 2 else "Harbour Dispatch",
        language="en",
        published=NOW - timedelta(days=number),
    )


ARTICLES = tuple(article(subject, number) for subject in SUBJECTS for number in range(PER_SUBJECT))


def did(
    kind: EventKind,
    article_id: str,
    *,
    user: str = "reader",
    days_ago: float = 1.0,
    rating: float | None = None,
) -> UserEvent:
    """An event; the same arguments give the same one."""
    return UserEvent(
        event_id=f"{kind.value}-{article_id}-{days_ago}",
        user_id=user,
        article_id=article_id,
        kind=kind,
        occurred=NOW - timedelta(days=days_ago),
        rating=rating,
    )


def clicked(*article_ids: str, user: str = "reader", days_ago: float = 1.0) -> list[UserEvent]:
    return [did(EventKind.CLICK, each, user=user, days_ago=days_ago) for each in article_ids]


@dataclass
class Newsroom:
    """Engines under a test's control."""

    engines: Engines
    encoder: ScriptedEncoder
    summarizer: ScriptedSummarizer
    index: EmbeddedIndex
    users: EmbeddedUserEvents

    async def add(self, articles: Sequence[Article], *, duplicate_of: str | None = None) -> None:
        vectors = await self.encoder.encode([each.text for each in articles])
        await self.index.write(
            [
                ArticleToIndex(each, vector, duplicate_of=duplicate_of)
                for each, vector in zip(articles, vectors, strict=True)
            ]
        )

    async def recommend(self, plan: RecommendationPlan = PLAN) -> list[RecommendationEvent]:
        return [
            event async for event in recommendation_events(plan, self.engines, request_id="request", now=NOW)
        ]


def planning(*, exploration: float = 0.0, **search: object) -> RecommendationPlan:
    """PLAN with changes."""
    return RecommendationPlan(replace(PLAN.search, **search), exploration)  # type: ignore[arg-type]


@pytest.fixture
async def newsroom(tmp_path: Path) -> AsyncIterator[Newsroom]:
    encoder = ScriptedEncoder(dimension=256)
    index = await EmbeddedIndex.open(tmp_path, model=encoder.model, dimension=encoder.dimension)
    users = await EmbeddedUserEvents.open(tmp_path)
    summarizer = ScriptedSummarizer()
    engines = Engines(
        config=ServerConfig(data_dir=tmp_path),
        index=index,
        user_events=users,
        encoder=encoder,
        summarizer=summarizer,
        scorer=Scorer(),
        signer=TokenSigner(b"k" * 32, lifetime_s=600),
    )
    room = Newsroom(engines, encoder, summarizer, index, users)
    await room.add(ARTICLES)
    encoder.encoded.clear()
    yield room
    await index.close()
    await users.close()
