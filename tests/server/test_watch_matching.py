import pytest
from gistwire_indexer.filter import parse_filter
from gistwire_indexer.index import IndexedArticle
from gistwire_server.index_poller import analyze_articles
from gistwire_server.watch_matching import ArticleMatcher

from tests.server.watch_bench import BEGIN, ENCODER, article


async def matches(
    query: str, headline: str, *, min_similarity: float, language: str = "en", filter_: str = ""
) -> bool:
    an_article = article("a", headline, language=language)
    query_embedding, embedding = await ENCODER.encode([query, headline])
    indexed = IndexedArticle(an_article, an_article.revision(), BEGIN, None, embedding)
    matcher = ArticleMatcher(query, parse_filter(filter_), query_embedding, min_similarity=min_similarity)
    (analyzed,) = await analyze_articles([indexed])
    return matcher.matches(analyzed)


@pytest.mark.parametrize(
    ("query", "headline", "min_similarity", "expected"),
    [
        # Every word of the query, in another form; the order and what else there is do not matter.
        ("harbour strike", "Strikes at three harbours in the north this week", 1.0, True),
        ("the harbour", "Harbour reopens", 1.0, True),
        ("harbour strike", "Harbour reopens", 1.0, False),
        # Half the words in common: a cosine of about one half.
        ("harbour strike", "Harbour reopens", 0.7, True),
        ("harbour strike", "Harbour reopens", 0.8, False),
        ("harbour strike", "Museum opens", 0.0, True),
        ("风力发电", "新的风力发电站", 1.0, True),
        # Whatever an encoder makes of a script that it does not know.
        ("风力发电", "风力发电", 0.1, True),
        ("风力发电", "新的水力发电站", 0.1, False),
        ("风力发电", "新的水力发电站", 0.0, True),
        ("???", "Museum opens", 1.0, False),
    ],
)
async def test_similarity_or_all_words_decide(
    query: str, headline: str, min_similarity: float, expected: bool
) -> None:
    language = "en" if headline.isascii() else "zh"
    assert await matches(query, headline, min_similarity=min_similarity, language=language) is expected


async def test_what_the_filter_keeps_out_never_matches() -> None:
    assert await matches("harbour", "Harbour", min_similarity=0, filter_="language = en")
    assert not await matches("harbour", "Harbour", min_similarity=0, filter_="language = de")
