"""Tests of keywords."""

import pytest
from gistwire_indexer.article import Article
from gistwire_server.keywords import ArticleFrequencies, keywords
from hypothesis import given
from hypothesis import strategies as st


def article(headline: str, body: str = "", *, id_: str = "a", language: str = "en") -> Article:
    return Article(id=id_, headline=headline, body=body, language=language)


STRIKE = [
    article("Ellery harbour strike enters second week", "Crane drivers at the Ellery harbour stayed away."),
    article("Harbour strike in Ellery halts ferries", "The ellery harbour strike cost 2 million."),
    article("Talks fail in harbour strike", "Unions said the harbour strike in Ellery goes on."),
]
OTHERS = [
    article("Museum opens gallery of clocks", "The talks drew a crowd."),
    article("Ferries resume after storm", "Two talks were held."),
    article("Minister denies talks on budget", "A second week of talks."),
]


def test_they_tell_articles_from_the_others() -> None:
    found = keywords(STRIKE, among=[*STRIKE, *OTHERS])
    assert found[0] == "harbour strike"
    assert "Ellery" in found
    assert "talks" not in [each.casefold() for each in found[:2]]


def test_a_word_that_all_articles_have_comes_behind_one_that_only_these_have() -> None:
    articles = [article("Budget shut Karsk"), article("Budget fight: Karsk")]
    others = [article(f"Budget {each}") for each in ("vote", "delay", "cuts", "speech")]
    assert keywords(articles, limit=1) == ["Budget"]
    assert keywords(articles, among=others, limit=1) == ["Karsk"]


def test_a_word_is_written_as_the_articles_mostly_write_it() -> None:
    articles = [article("NATO meets"), article("NATO warns"), article("nato waits")]
    assert keywords(articles, limit=1) == ["NATO"]


def test_forms_of_a_word_count_as_one_and_possessives_are_dropped() -> None:
    articles = [article("Glacier melts"), article("Glaciers melting"), article("The glacier's end")]
    assert keywords(articles, limit=1)[0].casefold() == "glacier"


def test_stop_words_and_words_of_reporting_tell_nothing() -> None:
    assert keywords([article("It was said that they would also have been there on Monday")]) == []


def test_chinese_words_are_runs_of_characters_that_recur() -> None:
    articles = [
        article("云浦茶业登陆交易所", "云浦茶业主营高山绿茶。", language="zh"),
        article("云浦茶业首日收涨", "绿茶企业云浦茶业挂牌。", language="zh"),
    ]
    found = keywords(articles)
    assert found[0] == "云浦茶业"
    assert "绿茶" in found
    assert not any(each != "云浦茶业" and each in "云浦茶业" for each in found)


def test_no_keyword_repeats_words_of_another() -> None:
    found = [each.casefold().split() for each in keywords(STRIKE, among=OTHERS, limit=10)]
    words = [word for each in found for word in each]
    assert len(words) == len(set(words))


def test_a_corpus_that_is_counted_once_gives_the_same() -> None:
    assert ArticleFrequencies([*STRIKE, *OTHERS]).keywords(STRIKE) == keywords(
        STRIKE, among=[*STRIKE, *OTHERS]
    )


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_there_are_no_more_than_asked_for(limit: int) -> None:
    assert len(keywords(STRIKE, limit=limit)) == limit


def test_nothing_has_no_keywords() -> None:
    assert keywords([]) == []


_headlines = st.text(min_size=1, max_size=80).filter(lambda text: bool(text.strip()))


@given(
    st.lists(_headlines, max_size=6),
    st.lists(_headlines, max_size=4),
    st.sampled_from(["en", "zh", "und", "fr"]),
)
def test_any_text_gives_different_printable_words(
    headlines: list[str], others: list[str], language: str
) -> None:
    found = keywords(
        [article(each, each, language=language) for each in headlines],
        among=[article(each, language=language) for each in others],
    )
    assert len(found) <= 5
    assert len({each.casefold() for each in found}) == len(found)
    assert all(each.isprintable() and each.strip() == each and 0 < len(each) <= 60 for each in found)
