"""The articles of a topic by its identifier: `articles_of_topic`, for a digest that is asked for later."""

import asyncio
from datetime import timedelta

from gistwire_indexer.filter import And, Comparison, Field, Operator
from gistwire_indexer.index import IndexedArticle, RetrievalQuery

from gistwire_server.engines import Engines
from gistwire_server.errors import TopicNotFoundError
from gistwire_server.topics.stories import cluster_stories
from gistwire_server.topics.story_articles import StoryArticle, covers_all_scripts, story_article
from gistwire_server.topics.topic_messages import by_centrality

_NEIGHBOURS = 200
_REACH = timedelta(days=7)


async def articles_of_topic(engines: Engines, topic_id: str) -> list[IndexedArticle]:
    """Finds the articles of a topic as the index has them now, on any replica.

    A topic is named by one of its articles. Its story is found among the articles of the days around it that are
    nearest by words or meaning. So it may have a few more or fewer than a stream of topics showed, whose window
    began or ended elsewhere.

    Args:
        engines: of the tenant whose topic it is.
        topic_id: `Topic.topic_id`.

    Returns:
        most central first; at least one.

    Raises:
        TopicNotFoundError: the article that names the topic does not exist (any more).
        IndexUnavailableError: the index does not answer.
    """
    (named_by,) = await engines.index.get([topic_id])
    if named_by is None:
        raise TopicNotFoundError("there is no topic with this id")
    found = await _neighbours(engines, named_by)
    by_id = {each.article.id: each for each in (named_by, *found)}
    covers_all = covers_all_scripts(engines.config)
    articles = [story_article(each, covers_all=covers_all) for each in by_id.values()]
    story = await asyncio.to_thread(_story_of, topic_id, articles)
    return by_centrality([by_id[id_] for id_ in story])


def _story_of(article_id: str, articles: list[StoryArticle]) -> tuple[str, ...]:
    stories = cluster_stories(articles)
    return next(story.article_ids for story in stories if article_id in story.article_ids)


async def _neighbours(engines: Engines, indexed: IndexedArticle) -> list[IndexedArticle]:
    published = indexed.article.published
    around = None
    if published is not None:
        around = And(
            (
                Comparison(Field.PUBLISHED, Operator.GREATER_OR_EQUAL, published - _REACH),
                Comparison(Field.PUBLISHED, Operator.LESS_OR_EQUAL, published + _REACH),
            )
        )
    lists = await engines.index.retrieve(
        RetrievalQuery(
            text=indexed.article.headline,
            embedding=indexed.embedding,
            filter=around,
            depth=_NEIGHBOURS,
        )
    )
    ids = list(dict.fromkeys(each.id for each in (*lists.dense, *lists.lexical)))
    return [each for each in await engines.index.get(ids) if each is not None]
