"""Tests of text analysis."""

import pytest
from gistwire_indexer.analysis import (
    STEMMED_LANGUAGES,
    analyze,
    analyze_query,
    locate_terms,
    query_alternatives,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "language", "terms"),
    [
        ("", "en", []),
        (" … ''' ___ ", "und", []),
        ("Harbours reopened", "en", ["harbour", "reopen"]),
        ("The harbour of Rotterdam", "en", ["harbour", "rotterdam"]),
        ("The Who", "en", ["the", "who"]),
        ("Harbours reopened", "und", ["harbours", "reopened"]),
        ("The nation's workers' party", "en", ["nation", "worker", "parti"]),
        ("nation’s", "en", ["nation"]),
        ("O'Brien didn't", "und", ["obrien", "didnt"]),
        ("U.S.-led U.N. J.K. Rowling", "en", ["us", "led", "un", "jk", "rowl"]),
        ("$1,234,567.89 and 1.5bn", "en", ["1234567.89", "1.5", "bn"]),
        ("1.234.567,8 3,5 2004 007", "und", ["1234567.8", "3.5", "2004", "007"]),
        ("1,2,3", "und", ["1.2.3"]),
        ("3rd covid-19 F16", "und", ["3rd", "covid", "19", "f16"]),
        ("Ｆｕｌｌ ﬁne", "und", ["full", "fine"]),
        ("Brand™", "und", ["brandtm"]),
        ("Straße STRASSE", "und", ["strasse", "strasse"]),
        ("cafe\u0301 café", "und", ["café", "café"]),
        ("中国经济", "zh", ["中国", "国经", "经济"]),
        ("中国GDP增长2026年", "zh", ["中国", "gdp", "增长", "2026", "年"]),
        ("ニュース", "ja", ["ニュ", "ュー", "ース"]),
        ("경제 뉴스", "ko", ["경제", "뉴스"]),
        ("हिन्दी समाचार", "und", ["हिन्दी", "समाचार"]),
        ("El gobierno", "es", ["es:gobiern"]),
        ("L’élection d'aujourd'hui", "fr", ["fr:élect", "fr:aujourdhui"]),
        ("Die Häuser", "de", ["de:die", "de:haus"]),
    ],
)
def test_terms(text: str, language: str, terms: list[str]) -> None:
    assert analyze(text, language) == terms


@pytest.mark.parametrize(
    ("query", "text", "language"),
    [
        ("harbours", "The harbour reopens", "en"),
        ("harbour", "Harbours", "en"),
        ("Harbours", "harbours", "und"),
        ("US economy", "U.S. economies", "en"),
        ("经济", "中国经济增长", "zh"),
        ("periódico", "Los periódicos", "es"),
        ("élections", "L'élection", "fr"),
        ("Häuser", "Das Haus", "de"),
        ("выборы", "На выборах", "ru"),
        ("1,000", "1000", "en"),
    ],
)
def test_query_meets_articles_of_any_language(query: str, text: str, language: str) -> None:
    assert set(analyze_query(query)) & set(analyze(text, language))


def test_stem_of_one_language_is_no_word_of_another() -> None:
    assert set(analyze_query("sale")) & set(analyze("sales", "en"))
    assert not set(analyze_query("sale")) & set(analyze("sal", "en"))


def test_query_drops_stop_words_of_every_language_unless_nothing_else_is_left() -> None:
    assert query_alternatives("the election of el presidente", ["en"]) == [
        ("election", "elect"),
        ("presidente", "president"),
    ]
    assert query_alternatives("who is it", ["en"]) == [("who",), ("is",), ("it",)]


def test_query_has_only_forms_of_the_languages_at_hand() -> None:
    assert query_alternatives("elections", []) == [("elections",)]
    assert query_alternatives("elections", ["zh", "en", "de"]) == [("elections", "de:election", "elect")]


@given(st.text(max_size=80), st.sampled_from([*sorted(STEMMED_LANGUAGES), "zh", "und"]))
def test_any_text_meets_itself_as_a_query(text: str, language: str) -> None:
    terms = analyze(text, language)
    assert all(terms)
    assert analyze(text, language) == terms
    query = analyze_query(text)
    assert bool(query) is bool(terms)
    assert not query or set(query) & set(analyze(" ".join([text, text]), "und") + terms)


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "'" * 200_000, "a'" * 100_000, "1," * 100_000, "a." * 100_000, "\u0301" * 200_000]
)
def test_hostile_text_makes_short_terms(text: str) -> None:
    assert all(len(term) <= 256 for term in analyze(text, "en"))


@given(
    st.text(max_size=80),
    st.sampled_from(["ﬁne e\u0301 ", "\u1107\u1161\u11af", "İ’s ", "風力 U.N. 1,000"]),
    st.sampled_from([*sorted(STEMMED_LANGUAGES), "zh", "und"]),
)
def test_terms_are_located_where_their_words_are(text: str, addition: str, language: str) -> None:
    located = list(locate_terms(text + addition, language))
    # What analysis drops beyond that are stop words.
    assert set(analyze(text + addition, language)) <= {each.term for each in located}
    for each in located:
        assert 0 <= each.start < each.end <= len(text + addition)
        assert each.term in {
            other.term for other in locate_terms((text + addition)[each.start : each.end], language)
        }
    starts = [each.start for each in located]
    assert starts == sorted(starts)
