"""A searchable index of a few articles, with models that do as the test tells them."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from gistwire_indexer.article import Article
from gistwire_indexer.embedded import EmbeddedIndex, EmbeddedUserEvents
from gistwire_indexer.index import ArticleToIndex
from gistwire_models.scripted import ScriptedEncoder, ScriptedSummarizer, SummaryScript
from gistwire_server.config import ServerConfig
from gistwire_server.engines import Engines
from gistwire_server.paging import TokenSigner
from gistwire_server.plan import RankPlan, RankWeights, RetrievalPlan, SearchPlan, SummaryMode, SummaryPlan
from gistwire_server.scoring import Scorer

ARTICLES = tuple(
    Article(
        id=f"a{place}",
        headline=f"Harbour {subject} in Ellery",
        body=f"The harbour {subject} began on Monday. Crews met at {place + 5} a.m. near the old quay.",
        source="Meridian Wire" if place % 2 else "Harbour Dispatch",
        language="en",
        published=datetime(2026, 10, 1 + place, tzinfo=UTC),
    )
    for place, subject in enumerate(
        ["strike", "ferry", "festival", "storm", "crane", "market", "fire", "auction"]
    )
)
PLAN = SearchPlan(
    query="harbour strike ferry",
    filter=None,
    top_k=5,
    retrieval=RetrievalPlan(lexical_weight=1, dense_weight=1, fusion_constant=20, depth=100),
    summary=SummaryPlan(mode=SummaryMode.BEST, candidates=2, max_tokens=64, stream_drafts=True),
    rank=RankPlan(
        weights=RankWeights(
            query_similarity=1, fusion=1, recency=0.1, interest=0.5, source_quality=0, redundancy=0.1
        ),
        recency_half_life_s=86_400,
        collapse=True,
    ),
    user_id="",
    interests=(),
    deadline_s=30,
)


@dataclass
class Bench:
    """Engines under a test's control."""

    engines: Engines
    encoder: ScriptedEncoder
    summarizer: ScriptedSummarizer
    index: EmbeddedIndex
    users: EmbeddedUserEvents
    plan: SearchPlan = field(default=PLAN)

    def planning(self, **changes: object) -> SearchPlan:
        return replace(self.plan, **changes)  # type: ignore[arg-type]

    def summarizing(self, **changes: object) -> SearchPlan:
        return replace(self.plan, summary=replace(self.plan.summary, **changes))  # type: ignore[arg-type]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    encoder = ScriptedEncoder()
    index = await EmbeddedIndex.open(tmp_path / "index", model=encoder.model, dimension=encoder.dimension)
    vectors = await encoder.encode([article.text for article in ARTICLES])
    await index.write([ArticleToIndex(*each) for each in zip(ARTICLES, vectors, strict=True)])
    encoder.encoded.clear()
    summarizer = ScriptedSummarizer()
    users = await EmbeddedUserEvents.open(tmp_path / "index")
    engines = Engines(
        # No article waits until something can be read of another, however many cores there are.
        config=ServerConfig(data_dir=tmp_path, summarizer_threads=len(ARTICLES)),
        index=index,
        user_events=users,
        encoder=encoder,
        summarizer=summarizer,
        scorer=Scorer(),
        signer=TokenSigner(b"k" * 32, lifetime_s=600),
    )
    yield Bench(engines, encoder, summarizer, index, users)
    await index.close()
    await users.close()


@pytest.fixture
def scripts(bench: Bench) -> Callable[..., None]:
    """Sets what the summarizer does for some articles, by their identifiers."""

    def script(**by_article: SummaryScript) -> None:
        bench.summarizer.scripts = by_article

    return script
