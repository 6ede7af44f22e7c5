import pytest
from gistwire_server.faithfulness import Faithfulness, Kind, Source, check_against, check_faithfulness
from hypothesis import given, settings
from hypothesis import strategies as st

_ENGLISH = (
    "Harbour Line said on Monday that profit rose 12.5 percent to $3.2 million. "
    "Chief executive Maria Keller did not announce any layoffs. "
    "“We are careful, not timid,” she told reporters in Lisbon. "
    "The firm, founded in 1987, employs twelve hundred people."
)
_GERMAN = "Die Stadt Lindenfurt zahlt 41,6 Millionen Euro. „Das ist viel Geld“, sagte Olaf Brandt am Montag."
_FRENCH = "La région a dépensé 3,2 milliards d'euros. « C'est trop », a dit Claire Dubois à l'OMS."
_SPANISH = "La planta de Celindo produce 18.500 metros cúbicos. «Es agua segura», afirmó Ana Ruiz."
_CHINESE = (
    "云浦茶业8月4日挂牌，募资7.44亿元。“我们不急着开店。”财务总监王小明说。公司不会裁员。小说《云海》出版。"
)


def _kinds(result: Faithfulness) -> set[Kind]:
    return {each.kind for each in result.unsupported if each.kind is not Kind.WORDS}


@pytest.mark.parametrize(
    ("summary", "source", "language"),
    [
        ("Harbour Line profit rose 12.5% to 3,200,000 dollars.", _ENGLISH, "en"),
        ("Maria Keller announced no figures for 1987.", _ENGLISH, "en"),
        ('Keller told reporters: "we are careful, not  timid".', _ENGLISH, "en"),
        ("Keller spoke of being 'careful ... not timid' in Lisbon.", _ENGLISH, "en"),
        ("Keller's firm employs 1,200.", _ENGLISH, "en"),
        ("Lindenfurt zahlt 41.600.000 Euro, »viel Geld«.", _GERMAN, "de"),
        ("Claire Dubois : 3 200 000 000 euros, “c’est trop”.", _FRENCH, "fr"),
        ("Celindo: 18 500 metros de 'agua segura'.", _SPANISH, "es"),
        ("王小明说，云浦茶业募资７.44亿元，《云海》出版。", _CHINESE, "zh"),
    ],
)
def test_other_words_for_the_same_have_no_false_item(summary: str, source: str, language: str) -> None:
    result = check_faithfulness(summary, source, language)
    assert not result.has_false_item
    assert result.score < 1.0


@pytest.mark.parametrize(
    ("summary", "source", "language", "kind", "text"),
    [
        ("Harbour Line profit rose 13 percent.", _ENGLISH, "en", Kind.NUMBER, "13"),
        ("Profit rose to 3.2 billion.", _ENGLISH, "en", Kind.NUMBER, "3.2 billion"),
        ("The firm employs twelve people.", _ENGLISH, "en", Kind.NUMBER, "twelve"),
        ("The firm of Maria Kessler grew.", _ENGLISH, "en", Kind.NAME, "Kessler"),
        ("She told reporters in Madrid.", _ENGLISH, "en", Kind.NAME, "Madrid"),
        ("“We are bold,” she told reporters.", _ENGLISH, "en", Kind.QUOTATION, "We are bold,"),
        (
            "Chief executive Maria Keller did announce any layoffs.",
            _ENGLISH,
            "en",
            Kind.NEGATION,
            "keller announc",
        ),
        ("Harbour Line never said that profit rose.", _ENGLISH, "en", Kind.NEGATION, "line said"),
        ("Lindenfurt zahlt 46,1 Millionen Euro.", _GERMAN, "de", Kind.NUMBER, "46,1 millionen"),
        ("Am Montag sprach Otto Brandt.", _GERMAN, "de", Kind.NAME, "Otto"),
        ("Trop, dit-on à l'ONU.", _FRENCH, "fr", Kind.NAME, "ONU"),
        ("«Es agua barata», afirmó Ana Ruiz.", _SPANISH, "es", Kind.QUOTATION, "Es agua barata"),
        ("云浦茶业募资7.44万元。", _CHINESE, "zh", Kind.NUMBER, "7.44万"),
        ("总监王大明说不急。", _CHINESE, "zh", Kind.NAME, "王大明"),
        ("小说《云山》出版。", _CHINESE, "zh", Kind.NAME, "云山"),
        ("他说：“我们很急。”", _CHINESE, "zh", Kind.QUOTATION, "我们很急。"),
        ("云浦公司会裁员。", _CHINESE.replace("公司不会", "云浦公司不会"), "zh", Kind.NEGATION, "公司会裁"),
        ("云浦茶业不挂牌。", "云浦茶业挂牌上市。", "zh", Kind.NEGATION, "茶业不挂牌"),
    ],
)
def test_what_the_source_does_not_say_is_named(
    summary: str, source: str, language: str, kind: Kind, text: str
) -> None:
    result = check_faithfulness(summary, source, language)
    assert [each.text for each in result.unsupported if each.kind is kind] == [text]
    assert _kinds(result) == {kind}
    assert result.score <= 0.5


def test_a_negation_left_out_with_its_clause_is_no_flip() -> None:
    source = "The bank did not comment on Tuesday, but said lending grew."
    assert not check_faithfulness("The bank said lending grew.", source, "en").has_false_item


def test_a_negation_that_moves_is_no_flip() -> None:
    assert not check_faithfulness("He did not announce cuts.", "He announced no cuts.", "en").has_false_item
    assert not check_faithfulness("He announced no cuts.", "He did not announce cuts.", "en").has_false_item


def test_a_sentence_of_foreign_words_is_named_but_no_false_item() -> None:
    result = check_faithfulness("Profit rose strongly. Farmers harvested barley.", _ENGLISH, "en")
    assert [(each.kind, each.text) for each in result.unsupported] == [
        (Kind.WORDS, "Farmers harvested barley.")
    ]
    assert not result.has_false_item


def test_shuffled_words_support_less_than_words_in_order() -> None:
    in_order = check_faithfulness("Harbour Line said profit rose percent", _ENGLISH, "en")
    shuffled = check_faithfulness("Rose profit percent Line said Harbour", _ENGLISH, "en")
    assert shuffled.score < in_order.score < 1.0


def test_word_forms_count_as_the_same_word() -> None:
    assert check_faithfulness("profits rising", "its profit rises", "en").score == 1.0


def test_every_false_item_costs() -> None:
    scores = [
        check_faithfulness(f"{_ENGLISH} Also {numbers}.", _ENGLISH, "en").score
        for numbers in ("", "77", "77 and 88", "77 and 88 and 99")
    ]
    assert scores == sorted(scores, reverse=True)
    assert scores[1] <= 1 / 2
    assert scores[3] <= 1 / 4


def test_an_empty_summary_says_nothing_false() -> None:
    assert check_faithfulness("", _ENGLISH, "en") == Faithfulness(1.0, ())
    assert check_faithfulness("…", "", "en") == Faithfulness(1.0, ())


def test_an_empty_source_supports_nothing() -> None:
    assert check_faithfulness("Profit rose.", "", "en").score == 0.0


_VOCABULARY = """
    the firm Keller Lisbon NATO U.S. not no rose 3.2 1987 million 5% “quoted” 'said' "open Mr. twelve café
    三人 公司不会裁员 《云海》
"""
_WORDS = st.sampled_from(_VOCABULARY.split())
_SENTENCES = (
    st.lists(_WORDS, min_size=1, max_size=8)
    .map(" ".join)
    .flatmap(lambda words: st.sampled_from([".", "!", "?", "。", "…"]).map(lambda stop: words + stop))
)


@given(st.lists(_SENTENCES, min_size=1, max_size=6), st.data(), st.sampled_from(["en", "de", "zh", "und"]))
@settings(max_examples=60)
def test_any_run_of_sentences_is_faithful(sentences: list[str], data: st.DataObject, language: str) -> None:
    start = data.draw(st.integers(0, len(sentences) - 1))
    end = data.draw(st.integers(start + 1, len(sentences)))
    extract = data.draw(st.sampled_from([" ", "\n"])).join(sentences[start:end])
    assert check_faithfulness(extract, " ".join(sentences), language) == Faithfulness(1.0, ())


@given(st.permutations([f"{each}." for each in _ENGLISH.rstrip(".").split(". ")]))
@settings(max_examples=20)
def test_the_order_of_verbatim_sentences_does_not_matter(sentences: list[str]) -> None:
    assert check_faithfulness(" ".join(sentences), _ENGLISH, "en").score == 1.0


@given(st.text(max_size=80), st.text(max_size=80), st.sampled_from(["en", "fr", "zh", "und"]))
@settings(max_examples=60)
def test_the_score_is_a_share(summary: str, source: str, language: str) -> None:
    assert 0.0 <= check_faithfulness(summary, source, language).score <= 1.0


@given(st.integers(5000, 10**9))
@settings(max_examples=30)
def test_a_number_that_is_not_in_the_source_lowers_the_score(number: int) -> None:
    summary = "Harbour Line said profit rose"
    source = Source(_ENGLISH.replace("$3.2 million", "a record"), "en")
    assert check_against(source, f"{summary} to {number}").score < check_against(source, summary).score


def test_a_prepared_source_answers_like_a_plain_one() -> None:
    source = Source(_ENGLISH, "en")
    for summary in ("Profit rose 13 percent.", "Maria Kessler grew.", _ENGLISH):
        assert check_against(source, summary) == check_faithfulness(summary, _ENGLISH, "en")


@pytest.mark.parametrize(
    "text",
    [
        "1," * 20_000,
        "“a " * 20_000,
        " 'a" * 20_000,
        "A." * 20_000,
        "三亿" * 20_000,
        "not a " * 10_000,
        '."' * 20_000,
        "a-" * 20_000,
        "9" * 40_000,
        '"' + "[" * 40_000 + '"',
    ],
    ids=lambda text: text[:4],
)
def test_hostile_text_is_read_to_its_end(text: str) -> None:
    assert 0.0 <= check_faithfulness("x7 " + text, text, "en").score <= 1.0
