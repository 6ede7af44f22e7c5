"""What every `ArticleIndex` promises: `ArticleIndexContract`, to be subclassed with a fixture `index`."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from gistwire_indexer.article import Article
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_indexer.filter import parse_filter
from gistwire_indexer.index import (
    ArticleIndex,
    ArticleToIndex,
    IndexPosition,
    RetrievalQuery,
    Retrieved,
    StoredSummary,
    Visibility,
    WriteOutcome,
)
from gistwire_models.encoder import Embedding, ModelVersion

DIMENSION = 16
MODEL = ModelVersion("test-encoder", "1")
SUMMARIZER = "test-summarizer@1"

CREATED, UPDATED, UNCHANGED = WriteOutcome.CREATED, WriteOutcome.UPDATED, WriteOutcome.UNCHANGED

# Half precision and quantized engines round a cosine by less than this.
ROUNDING = 0.02


def axis(number: int) -> Embedding:
    """The unit vector along an axis; those of different axes have cosine 0."""
    vector = np.zeros(DIMENSION, np.float32)
    vector[number] = 1
    return vector


def between(first: int, second: int, *, cosine: float) -> Embedding:
    """The unit vector in the plane of two axes that has the given cosine with the first."""
    vector: Embedding = (cosine * axis(first) + (1 - cosine**2) ** 0.5 * axis(second)).astype(np.float32)
    return vector


def to_index(
    article_id: str,
    headline: str = "Harbour reopens after storm",
    *,
    embedding: Embedding | None = None,
    fingerprint: tuple[int, ...] = (),
    duplicate_of: str | None = None,
    body: str = "",
    source: str = "",
    language: str = "en",
    category: str = "",
    published: datetime | None = None,
) -> ArticleToIndex:
    article = Article(
        id=article_id,
        headline=headline,
        body=body,
        source=source,
        language=language,
        category=category,
        published=published,
    )
    vector = axis(0) if embedding is None else embedding
    return ArticleToIndex(article, vector, fingerprint, duplicate_of)


def summary_of(indexed: ArticleToIndex, text: str = "The harbour is open again.") -> StoredSummary:
    return StoredSummary(
        article_id=indexed.article.id,
        revision=indexed.article.revision(),
        model=SUMMARIZER,
        text=text,
        origin="generated",
        log_probability=-0.5,
        embedding=axis(3),
    )


def ids(hits: Sequence[Retrieved]) -> list[str]:
    return [hit.id for hit in hits]


async def lexical(index: ArticleIndex, text: str, expression: str = "", depth: int = 100) -> list[str]:
    query = RetrievalQuery(text, None, parse_filter(expression), depth)
    return ids((await index.retrieve(query)).lexical)


async def dense(
    index: ArticleIndex, embedding: Embedding, expression: str = "", depth: int = 100
) -> list[str]:
    query = RetrievalQuery(None, embedding, parse_filter(expression), depth)
    return ids((await index.retrieve(query)).dense)


class ArticleIndexContract:
    """Tests of the promises in the docstrings of `ArticleIndex`."""

    @pytest.fixture
    def index(self) -> ArticleIndex:
        """An empty index for `MODEL` with `DIMENSION` dimensions, to be closed afterwards."""
        raise NotImplementedError

    async def test_empty_index_answers_everything(self, index: ArticleIndex) -> None:
        retrieved = await index.retrieve(RetrievalQuery("harbour", axis(0), parse_filter("source:*")))
        assert retrieved.lexical == ()
        assert retrieved.dense == ()
        assert await index.get(["a"]) == [None]
        assert await index.revisions(["a"]) == [None]
        assert await index.delete(["a"]) == [False]
        assert await index.near_duplicates([(1, 2), ()]) == [[], []]
        assert await index.stored_summaries(["a"], SUMMARIZER) == [None]
        statistics = await index.statistics()
        assert (statistics.articles, statistics.summaries) == (0, 0)
        assert statistics.languages == statistics.sources == {}

    async def test_empty_calls_do_nothing(self, index: ArticleIndex) -> None:
        assert await index.write([]) == []
        assert await index.delete([]) == []
        assert await index.get([]) == []
        assert await index.revisions([]) == []
        assert await index.near_duplicates([]) == []
        assert await index.stored_summaries([], SUMMARIZER) == []
        assert await index.retrieve(RetrievalQuery(None, None)) == await index.retrieve(
            RetrievalQuery("", None)
        )

    async def test_article_comes_back_as_written(self, index: ArticleIndex) -> None:
        article = Article(
            id="a/1?é",
            headline="Harbour “reopens”\x00 after storm",
            body="First.\nSecond, with 数字 and \U0001f6a2.",
            url="https://example.org/a?b=c",
            source="Example",
            language="en",
            category="World",
            published=datetime(2026, 10, 1, 12, 30, 0, 123456, timezone(timedelta(hours=2))),
            metadata={"author": "A. Reporter", "words": "12"},
        )
        before = datetime.now(UTC)
        await index.write([ArticleToIndex(article, axis(2), (), "earlier")])
        [indexed] = await index.get([article.id])
        assert indexed is not None
        assert indexed.article == article
        assert indexed.revision == indexed.article.revision() == article.revision()
        assert before <= indexed.indexed <= datetime.now(UTC)
        assert indexed.duplicate_of == "earlier"
        assert indexed.embedding.dtype == np.float32
        np.testing.assert_allclose(indexed.embedding, axis(2), atol=ROUNDING)

    async def test_answers_keep_the_order_of_ids(self, index: ArticleIndex) -> None:
        first, second = to_index("a", "First"), to_index("b", "Second")
        await index.write([first, second])
        assert await index.revisions(["b", "none", "a", "b"]) == [
            second.article.revision(),
            None,
            first.article.revision(),
            second.article.revision(),
        ]
        found = await index.get(["b", "none", "a"])
        assert [indexed and indexed.article.id for indexed in found] == ["b", None, "a"]
        assert await index.delete(["none", "b", "b"]) == [False, True, False]

    async def test_same_revision_is_unchanged(self, index: ArticleIndex) -> None:
        article = to_index("a")
        assert await index.write([article]) == [CREATED]
        [before] = await index.get(["a"])
        assert await index.write([article]) == [UNCHANGED]
        [after] = await index.get(["a"])
        assert before is not None
        assert after is not None
        assert after.indexed == before.indexed

    async def test_new_revision_replaces_the_old_in_both_lists(self, index: ArticleIndex) -> None:
        await index.write([to_index("a", "Harbour reopens", embedding=axis(0)), to_index("b", "Volcano")])
        assert await index.write([to_index("a", "Election called", embedding=axis(1))]) == [UPDATED]
        assert await lexical(index, "harbour") == []
        assert await lexical(index, "election") == ["a"]
        assert (await dense(index, axis(1)))[0] == "a"
        assert (await dense(index, axis(0)))[0] == "b"
        assert (await index.statistics()).articles == 2

    async def test_same_id_twice_is_written_in_order(self, index: ArticleIndex) -> None:
        first, second = to_index("a", "Harbour"), to_index("a", "Election")
        assert await index.write([first, second, second, first]) == [CREATED, UPDATED, UNCHANGED, UPDATED]
        assert await index.revisions(["a"]) == [first.article.revision()]
        assert await lexical(index, "election") == []
        assert await lexical(index, "harbour") == ["a"]

    async def test_deleted_article_is_gone_at_once(self, index: ArticleIndex) -> None:
        article = to_index("a", fingerprint=(7,), source="Example")
        await index.write([article, to_index("b", "Volcano erupts", embedding=axis(1))])
        await index.store_summary(summary_of(article))
        assert await index.delete(["a"]) == [True]
        assert await index.get(["a"]) == [None]
        assert await lexical(index, "harbour") == []
        assert await dense(index, axis(0)) == ["b"]
        assert await dense(index, axis(0), 'NOT source = "Example"') == ["b"]
        assert await index.near_duplicates([(7,)]) == [[]]
        assert await index.stored_summaries(["a"], SUMMARIZER) == [None]
        statistics = await index.statistics()
        assert (statistics.articles, statistics.summaries, statistics.sources) == (1, 0, {})

    async def test_deleted_article_can_come_back(self, index: ArticleIndex) -> None:
        article = to_index("a")
        await index.write([article])
        await index.store_summary(summary_of(article))
        await index.delete(["a"])
        assert await index.write([article]) == [CREATED]
        assert await lexical(index, "harbour") == ["a"]
        assert await dense(index, axis(0)) == ["a"]
        assert await index.stored_summaries(["a"], SUMMARIZER) == [None]
        assert await index.delete(["a"]) == [True]
        assert await lexical(index, "harbour") == []

    async def test_lexical_list_ranks_by_terms(self, index: ArticleIndex) -> None:
        await index.write(
            [
                to_index("both", "Harbour storm"),
                to_index("one", "Harbour festival"),
                to_index("none", "Volcano erupts"),
            ]
        )
        assert await lexical(index, "harbours and storms") == ["both", "one"]
        hits = (await index.retrieve(RetrievalQuery("harbour storm", None))).lexical
        assert hits[0].score > hits[1].score > 0

    async def test_headline_counts_more_than_body(self, index: ArticleIndex) -> None:
        await index.write(
            [
                to_index("body", "Festival opens", body="A harbour tale"),
                to_index("headline", "Harbour opens", body="A festival tale"),
            ]
        )
        assert await lexical(index, "harbour") == ["headline", "body"]

    async def test_term_in_every_article_still_matches(self, index: ArticleIndex) -> None:
        await index.write([to_index(name, f"Harbour number {name}") for name in ("a", "b", "c")])
        hits = (await index.retrieve(RetrievalQuery("harbour", None))).lexical
        assert len(hits) == 3
        assert all(hit.score > 0 for hit in hits)

    async def test_dense_list_ranks_by_cosine(self, index: ArticleIndex) -> None:
        cosines = {"near": 0.9, "middle": 0.5, "far": -0.4}
        await index.write(
            [to_index(name, name, embedding=between(0, 1, cosine=cosine)) for name, cosine in cosines.items()]
        )
        hits = (await index.retrieve(RetrievalQuery(None, axis(0)))).dense
        assert ids(hits) == list(cosines)
        assert [hit.score for hit in hits] == pytest.approx(list(cosines.values()), abs=ROUNDING)

    async def test_a_retrieval_that_begins_before_the_embedding_finds_the_same(
        self, index: ArticleIndex
    ) -> None:
        await index.write([to_index(name, f"Harbour {name}", embedding=axis(0)) for name in ("a", "b")])
        query = RetrievalQuery("harbour", axis(0), parse_filter("source:*"), 1)
        begun = index.begin_retrieval(query)
        assert await begun.lists(axis(0)) == await index.retrieve(query)
        assert (await index.begin_retrieval(query).lists(None)).dense == ()
        index.begin_retrieval(query)

    async def test_absent_leg_is_empty(self, index: ArticleIndex) -> None:
        await index.write([to_index("a")])
        assert (await index.retrieve(RetrievalQuery("harbour", None))).dense == ()
        assert (await index.retrieve(RetrievalQuery(None, axis(0)))).lexical == ()

    async def test_both_legs_at_once(self, index: ArticleIndex) -> None:
        await index.write([to_index("a", "Harbour", embedding=axis(1)), to_index("b", "Volcano")])
        retrieved = await index.retrieve(RetrievalQuery("harbour", axis(0)))
        assert ids(retrieved.lexical) == ["a"]
        assert ids(retrieved.dense) == ["b", "a"]

    async def test_depth_limits_both_lists_and_keeps_the_best(self, index: ArticleIndex) -> None:
        await index.write(
            [
                to_index(
                    f"a{number:02}",
                    "Harbour " * (number + 1),
                    body="filler " * (40 - number),
                    embedding=between(0, 1, cosine=number / 20),
                )
                for number in range(20)
            ]
        )
        best_first = [f"a{number:02}" for number in reversed(range(20))]
        for depth in (1, 7, 20, 50):
            assert await lexical(index, "harbour", depth=depth) == best_first[:depth]
            assert await dense(index, axis(0), depth=depth) == best_first[:depth]

    async def test_ties_are_broken_by_id_also_at_the_cut(self, index: ArticleIndex) -> None:
        vector = between(0, 1, cosine=0.7)
        names = ["d", "b", "e", "a", "c"]
        await index.write([to_index(name, embedding=vector) for name in names])
        for depth in (2, 5):
            assert await lexical(index, "harbour", depth=depth) == sorted(names)[:depth]
            assert await dense(index, axis(0), depth=depth) == sorted(names)[:depth]

    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            ("source = WIRE", {"en-old", "de-new"}),
            ("source != wire", {"en-new", "bare"}),
            ("source:*", {"en-old", "de-new", "en-new"}),
            ("NOT source:*", {"bare"}),
            ("language = en", {"en-old", "en-new"}),
            ("category = 'sci-tech'", {"en-old"}),
            ("published >= 2026-10-01", {"en-new", "de-new"}),
            ("published < 2026-10-01", {"en-old"}),
            ("published = 2026-10-01", {"de-new"}),
            ("published != 2026-10-01", {"en-old", "en-new", "bare"}),
            ("published > 2026-10-01T10:00:00Z", {"en-new"}),
            ("-published:*", {"bare"}),
            ("source = wire AND (language = de OR category = sci-tech)", {"en-old", "de-new"}),
            ("source = wire NOT language = de", {"en-old"}),
            ("source = nowhere", set()),
        ],
    )
    async def test_filter_applies_to_both_lists(
        self, index: ArticleIndex, expression: str, expected: set[str]
    ) -> None:
        await index.write(
            [
                to_index(
                    "en-old",
                    source="Wire",
                    category="Sci-Tech",
                    published=datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC),
                ),
                to_index(
                    "en-new",
                    source="Gazette",
                    category="World",
                    published=datetime(2026, 10, 2, tzinfo=UTC),
                ),
                to_index(
                    "de-new",
                    source="wire",
                    language="de",
                    published=datetime(2026, 10, 1, 12, tzinfo=timezone(timedelta(hours=2))),
                ),
                to_index("bare", language="und"),
            ]
        )
        assert set(await lexical(index, "harbour storm", expression)) == expected
        assert set(await dense(index, axis(0), expression)) == expected

    async def test_filter_is_applied_before_depth(self, index: ArticleIndex) -> None:
        await index.write(
            [to_index(f"wire-{number}", source="wire") for number in range(5)]
            + [
                to_index(
                    "z", "Harbour, and much else in a long headline", source="gazette", embedding=axis(1)
                )
            ]
        )
        assert await lexical(index, "harbour", "source = gazette", depth=1) == ["z"]
        assert await dense(index, axis(0), "source = gazette", depth=1) == ["z"]

    async def test_chinese_is_found_by_its_words(self, index: ArticleIndex) -> None:
        await index.write(
            [
                to_index("economy", "中国经济增长放缓", language="zh"),
                to_index("football", "足球世界杯决赛今晚举行", language="zh"),
            ]
        )
        assert await lexical(index, "经济增长") == ["economy"]
        assert await lexical(index, "世界杯") == ["football"]

    async def test_undetermined_language_is_found(self, index: ArticleIndex) -> None:
        await index.write([to_index("a", "Harbour reopens", language="und")])
        assert await lexical(index, "HARBOUR") == ["a"]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "   ",
            "\x00",
            "()[]{}\"'\\/+-!~*?:^&|=<>",
            "AND OR NOT",
            "\U0001f6a2",
            "'; DROP TABLE articles",
            "a" * 5000,
        ],
    )
    async def test_hostile_text_is_only_text(self, index: ArticleIndex, text: str) -> None:
        await index.write([to_index("a"), to_index("b", "Odd", body=f"Odd {text}", embedding=axis(1))])
        assert "a" not in await lexical(index, text)
        assert await lexical(index, "harbour") == ["a"]

    async def test_near_duplicates_share_a_value_earliest_first(self, index: ArticleIndex) -> None:
        high = 2**64 - 1
        await index.write([to_index("z", fingerprint=(1, 2, high))])
        await index.write(
            [to_index("a", fingerprint=(2, 3)), to_index("other", fingerprint=(9,)), to_index("none")]
        )
        assert await index.near_duplicates([(2,), (3, 1), (high,), (4,), ()]) == [
            ["z", "a"],
            ["z", "a"],
            ["z"],
            [],
            [],
        ]

    async def test_near_duplicates_are_sixteen_at_most(self, index: ArticleIndex) -> None:
        names = [f"a{number:02}" for number in range(20)]
        for name in names:
            await index.write([to_index(name, fingerprint=(5,))])
        assert await index.near_duplicates([(5,)]) == [names[:16]]

    async def test_new_revision_has_its_own_fingerprint(self, index: ArticleIndex) -> None:
        await index.write([to_index("a", "Harbour", fingerprint=(1,))])
        await index.write([to_index("a", "Election", fingerprint=(2,))])
        assert await index.near_duplicates([(1,), (2,)]) == [[], ["a"]]

    async def test_summary_comes_back_as_stored(self, index: ArticleIndex) -> None:
        article = to_index("a")
        await index.write([article, to_index("b")])
        summary = summary_of(article)
        assert await index.store_summary(summary)
        stored = await index.stored_summaries(["b", "a", "none"], SUMMARIZER)
        assert stored == [None, summary, None]
        assert stored[1] is not None
        assert stored[1].embedding is not None
        np.testing.assert_allclose(stored[1].embedding, axis(3), atol=ROUNDING)
        assert await index.stored_summaries(["a"], "another@1") == [None]
        assert (await index.statistics()).summaries == 1

    async def test_latest_summary_of_a_model_is_kept(self, index: ArticleIndex) -> None:
        article = to_index("a")
        await index.write([article])
        bare = replace(summary_of(article, "Second."), log_probability=None, embedding=None)
        other = replace(bare, model="another@1", text="Other.")
        for summary in (summary_of(article, "First."), bare, other):
            assert await index.store_summary(summary)
        assert await index.stored_summaries(["a"], SUMMARIZER) == [bare]
        assert await index.stored_summaries(["a"], "another@1") == [other]
        assert (await index.statistics()).summaries == 2

    async def test_new_revision_drops_summaries_and_refuses_stale_ones(self, index: ArticleIndex) -> None:
        old, new = to_index("a", "Harbour"), to_index("a", "Election")
        await index.write([old])
        await index.store_summary(summary_of(old))
        await index.write([new])
        assert await index.stored_summaries(["a"], SUMMARIZER) == [None]
        assert not await index.store_summary(summary_of(old))
        assert await index.stored_summaries(["a"], SUMMARIZER) == [None]
        assert await index.store_summary(summary_of(new))

    async def test_summary_of_no_article_is_refused(self, index: ArticleIndex) -> None:
        assert not await index.store_summary(summary_of(to_index("none")))

    async def test_unchanged_article_keeps_its_summaries(self, index: ArticleIndex) -> None:
        article = to_index("a")
        await index.write([article])
        await index.store_summary(summary_of(article))
        await index.write([article])
        assert await index.stored_summaries(["a"], SUMMARIZER) == [summary_of(article)]

    async def test_generation_changes_with_whatever_a_search_can_find(self, index: ArticleIndex) -> None:
        old, new = to_index("a", "Harbour"), to_index("a", "Election")
        changes: list[Callable[[], Awaitable[object]]] = [
            lambda: index.write([old, to_index("b")]),
            lambda: index.store_summary(summary_of(old, "First.")),
            lambda: index.store_summary(summary_of(old, "Second.")),
            lambda: index.write([new]),
            lambda: index.delete(["b"]),
            lambda: index.expire(datetime.now(UTC) + timedelta(days=1)),
        ]
        generations = [await index.generation()]
        for change in changes:
            assert await change()
            generations.append(await index.generation())
        assert len(set(generations)) == len(generations) or set(generations) == {None}

    async def test_statistics_count_by_language_and_source(self, index: ArticleIndex) -> None:
        await index.write(
            [
                to_index("a", language="en", source="Wire"),
                to_index("b", language="en", source="Wire"),
                to_index("c", language="zh"),
            ]
        )
        statistics = await index.statistics()
        assert statistics.articles == 3
        assert statistics.languages == {"en": 2, "zh": 1}
        assert statistics.sources == {"Wire": 2}
        assert statistics.bytes_on_disk >= 0

    @pytest.mark.parametrize("visibility", list(Visibility))
    async def test_write_is_seen_by_get_at_once_and_by_retrieval_as_promised(
        self, index: ArticleIndex, visibility: Visibility
    ) -> None:
        assert await index.write([to_index("a")], visibility=visibility) == [CREATED]
        assert await index.write([to_index("a")], visibility=visibility) == [UNCHANGED]
        assert await index.revisions(["a"]) == [to_index("a").article.revision()]
        if visibility is not Visibility.EVENTUAL:
            assert await lexical(index, "harbour") == ["a"]

    async def test_articles_come_in_the_order_of_indexing(self, index: ArticleIndex) -> None:
        begin = IndexPosition(datetime.now(UTC))
        await index.write([to_index("b"), to_index("a")])
        await index.write([to_index("c")])
        articles = await index.indexed_after(begin, limit=10)
        assert {each.article.id for each in articles[:2]} == {"a", "b"}
        assert articles[2].article.id == "c"
        assert articles == sorted(articles, key=lambda each: (each.indexed, each.article.id))
        pages = []
        position = begin
        while page := await index.indexed_after(position, limit=1):
            pages += page
            position = IndexPosition(page[-1].indexed, page[-1].article.id)
        assert pages == articles

    async def test_new_revision_comes_again_and_a_deleted_one_no_more(self, index: ArticleIndex) -> None:
        await index.write([to_index("a"), to_index("b")])
        [*_, last] = await index.indexed_after(IndexPosition(datetime(2020, 1, 1, tzinfo=UTC)), limit=10)
        position = IndexPosition(last.indexed, last.article.id)
        assert await index.indexed_after(position, limit=10) == []
        await index.write([to_index("a", "Corrected headline"), to_index("b")])
        await index.delete(["b"])
        [corrected] = await index.indexed_after(position, limit=10)
        assert corrected.article.headline == "Corrected headline"

    async def test_scan_yields_each_article_that_passes_once(self, index: ArticleIndex) -> None:
        await index.write([to_index(f"a{n}", source="Wire" if n % 2 else "") for n in range(7)])
        assert sorted([each.article.id async for each in index.scan()]) == [f"a{n}" for n in range(7)]
        found = [each.article.id async for each in index.scan(parse_filter("source = wire"))]
        assert sorted(found) == ["a1", "a3", "a5"]

    async def test_expire_deletes_what_was_published_earlier(self, index: ArticleIndex) -> None:
        limit = datetime(2026, 10, 1, tzinfo=UTC)
        earlier = limit - timedelta(microseconds=1)
        old, recent, undated = (
            to_index("old", published=earlier),
            to_index("recent", published=limit),
            to_index("undated"),
        )
        await index.write([old, recent, undated])
        await index.store_summary(summary_of(old))
        assert await index.expire(limit) == 1
        assert await index.expire(limit) == 0
        assert await lexical(index, "harbour") == ["recent", "undated"]
        assert (await index.statistics()).summaries == 0
        # Without a time of publication, the time of indexing counts.
        assert await index.expire(datetime.now(UTC) + timedelta(days=1)) == 2

    async def test_closed_index_refuses_and_may_be_closed_again(self, index: ArticleIndex) -> None:
        await index.close()
        await index.close()
        with pytest.raises(IndexUnavailableError):
            await index.get(["a"])
        with pytest.raises(IndexUnavailableError):
            await index.write([to_index("a")])
        with pytest.raises(IndexUnavailableError):
            await index.retrieve(RetrievalQuery("harbour", axis(0)))
