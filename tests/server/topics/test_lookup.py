"""Tests of the articles of a topic by its identifier."""

import pytest
from gistwire_server.errors import TopicNotFoundError
from gistwire_server.topics.lookup import articles_of_topic

from tests.server.conftest import Bench
from tests.server.topics.news import ALONE, CLOCKS, STRIKE, write


@pytest.mark.parametrize("named_by", ["s1", "s2", "s3"])
async def test_the_story_of_the_article_is_found(bench: Bench, named_by: str) -> None:
    await write(bench, *STRIKE, *CLOCKS, *ALONE)
    found = await articles_of_topic(bench.engines, named_by)
    assert {each.article.id for each in found} == {"s1", "s2", "s3"}


async def test_an_article_alone_is_its_own_story(bench: Bench) -> None:
    await write(bench, *STRIKE, *ALONE)
    assert [each.article.id for each in await articles_of_topic(bench.engines, "x1")] == ["x1"]


async def test_an_unknown_topic_is_refused(bench: Bench) -> None:
    with pytest.raises(TopicNotFoundError):
        await articles_of_topic(bench.engines, "no-such-topic")
