"""Articles of two stories and a few that are alone, over two days, for tests of topics."""

from datetime import UTC, datetime, timedelta

from gistwire_indexer.article import Article
from gistwire_indexer.index import ArticleToIndex

from tests.server.conftest import Bench

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)


def report(
    id_: str, headline: str, body: str, *, hours: float | None = None, source: str = "Wire"
) -> Article:
    """An article of so many hours before `NOON`; undated if None."""
    published = None if hours is None else NOON - timedelta(hours=hours)
    return Article(
        id=id_,
        headline=headline,
        body=body,
        source=source,
        language="en",
        published=published,
        category="local",
    )


STRIKE = (
    report(
        "s1",
        "Harbour strike begins in Ellery",
        "Crane drivers at Ellery harbour began a strike over pay on Monday. The strike halted 12 ferries.",
        hours=20,
    ),
    report(
        "s2",
        "Ellery harbour strike halts ferries",
        "The strike of crane drivers at Ellery harbour halted 12 ferries. Pay talks were not planned.",
        hours=3,
        source="Dispatch",
    ),
    report(
        "s3",
        "Ellery harbour strike over pay goes on",
        "Crane drivers at Ellery harbour went on with their strike over pay. The ferries stay halted.",
        hours=1,
        source="Courier",
    ),
)
CLOCKS = (
    report(
        "c1",
        "Museum opens gallery of clocks",
        "The Norvik museum opened a gallery of 200 clocks. The oldest clock was built in 1610.",
        hours=22,
    ),
    report(
        "c2",
        "Norvik museum shows oldest clocks in new gallery",
        "A new gallery of the Norvik museum shows 200 clocks, the oldest built in 1610.",
        hours=21,
        source="Dispatch",
    ),
)
ALONE = (
    report("x1", "Budget vote delayed", "Parliament delayed its vote until Friday morning.", hours=5),
    report("x2", "Storm warning lifted", "Forecasters lifted every warning along northern coasts.", hours=30),
)


async def write(bench: Bench, *articles: Article) -> None:
    """Puts articles into the index of a bench."""
    vectors = await bench.encoder.encode([each.text for each in articles])
    await bench.index.write([ArticleToIndex(*each) for each in zip(articles, vectors, strict=True)])
