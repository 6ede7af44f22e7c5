"""Tests of cleaning pairs and of the quality filters."""

import pytest
from gistwire_indexer.sources import RawArticle
from gistwire_training.data.filters import FILTERS, FilterLimits, clean_pair, may_use_summary, reason_to_drop
from gistwire_training.data.reading import RawPair
from gistwire_training.pairs import Pair
from msgspec.structs import replace

GOOD = Pair(
    id="1",
    headline="Storm cuts power to the northern coast",
    body="A storm cut power to 40,000 homes on the northern coast on Monday. Crews hope to restore it by Friday.",
    summary="A storm cut power to 40,000 homes on the northern coast.",
    language="en",
)
LIMITS = FilterLimits(languages=frozenset({"en"}))


def test_a_good_pair_passes() -> None:
    assert reason_to_drop(GOOD, LIMITS) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"language": "fr"}, "wrong language"),
        ({"headline": "Storm"}, "too short"),
        ({"body": "It was a shocker."}, "too short"),
        ({"summary": "", "body": ""}, "too short"),
        ({"summary": "", "headline": ""}, "too short"),
        ({"summary": "Power cut."}, "too short"),
        ({"headline": "word " * 41}, "too long"),
        ({"body": "word " * 4_001}, "too long"),
        ({"summary": "word " * 121}, "too long"),
        ({"body": "Shr profit 20 cts vs loss two cts Net profit 2,665,000 vs loss 202,000."}, "table"),
        ({"body": "MAY 76.10 JUL 75.20 WHEAT CORN SOYBEANS AND OATS AS TRADED THERE."}, "table"),
        ({"body": "A storm cut power to 40,000 homes on the northern coast and"}, "cut off"),
        ({"headline": "Storm cuts power to the ..."}, "cut off"),
        ({"summary": "Storm cuts power to the northern coast!"}, "summary is headline"),
        ({"summary": "Lawmakers in Brussels approved a treaty about fishing quotas."}, "summary unsupported"),
        ({"headline": "", "body": ""}, "summary unsupported"),
    ],
)
def test_each_filter_drops_what_it_is_for(changes: dict[str, str], reason: str) -> None:
    assert reason_to_drop(replace(GOOD, **changes), LIMITS) == reason


def test_a_body_that_repeats_the_headline_is_dropped() -> None:
    pair = replace(GOOD, headline="A storm cut power to the whole northern coast", summary="")
    repeated = replace(pair, body="a storm cut power to the whole northern coast.")
    assert reason_to_drop(repeated, LIMITS) == "body repeats headline"


@pytest.mark.parametrize("changes", [{"headline": ""}, {"body": ""}, {"summary": ""}])
def test_two_texts_are_enough(changes: dict[str, str]) -> None:
    limits = FilterLimits(min_summary_support=0.3)
    assert reason_to_drop(replace(GOOD, **changes), limits) is None


def test_thai_and_chinese_are_measured_by_characters() -> None:
    chinese = Pair(id="1", headline="上海新地铁线开通", body="上海新地铁线周一正式开通运营。", language="zh")
    thai = Pair(id="2", headline="ฝนตกหนักในกรุงเทพ", body="ฝนตกหนักในกรุงเทพเมื่อวันจันทร์", language="th")
    assert reason_to_drop(chinese, FilterLimits()) is None
    assert reason_to_drop(thai, FilterLimits()) is None


def test_every_filter_is_named_and_tested() -> None:
    assert list(FILTERS) == [
        "wrong language",
        "too short",
        "too long",
        "table",
        "cut off",
        "body repeats headline",
        "summary is headline",
        "summary unsupported",
    ]


def test_a_pair_is_cleaned() -> None:
    raw = RawPair(
        article=RawArticle(
            id=" a 1 ",
            headline="<b>Storm</b> cuts power (AP)",
            body="<p>BOSTON (AP) -- A storm cut power. Dow <DOW> fell, it #39;s said.</p><p>It goes on. And then</p>",
            source="Wire &amp; Co",
        ),
        summary="BOSTON -- Storm\ncuts power.",
    )
    assert clean_pair(raw, name="other", id_prefix="w-") == Pair(
        id="w-a1",
        headline="Storm cuts power",
        body="A storm cut power. Dow fell, it's said.\nIt goes on.",
        summary="Storm cuts power.",
        source="Wire & Co",
        language="en",
    )


def test_an_article_without_an_identifier_gets_the_same_one_each_time() -> None:
    raw = RawPair(article=RawArticle(headline="Storm cuts power", body="It did."))
    other = RawPair(article=RawArticle(headline="Storm cuts water", body="It did."))
    assert clean_pair(raw).id == clean_pair(raw).id != clean_pair(other).id
    assert clean_pair(raw, name="wire").source == "wire"


def test_the_text_tells_the_language_where_the_declared_one_is_surely_wrong() -> None:
    french = "Le gouvernement a annoncé lundi une réforme des retraites qui doit être votée avant la fin de l’année."
    wrong = RawPair(article=RawArticle(headline="Réforme des retraites", body=french, language="en"))
    short = RawPair(article=RawArticle(headline="Macron à Berlin", language="en-GB"))
    assert clean_pair(wrong).language == "fr"
    assert clean_pair(short).language == "en"


@pytest.mark.parametrize(
    ("rating", "consent", "may"),
    [(None, False, True), (5.0, False, False), (5.0, True, True), (2.0, True, False)],
)
def test_a_rated_summary_needs_consent_and_a_good_rating(
    rating: float | None, consent: bool, may: bool
) -> None:
    raw = RawPair(article=RawArticle(headline="Storm"), summary="It stormed.", rating=rating, consent=consent)
    assert may_use_summary(raw, FilterLimits(min_rating=3)) is may
