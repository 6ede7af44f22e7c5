import pytest
from gistwire_server.highlighting import QueryHighlighter
from gistwire_server.query_terms import QueryTerms
from hypothesis import given
from hypothesis import strategies as st

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"])
    | st.sampled_from("ﬃİßé\u0301\u0345한\u1112\u1161\u11ab風力発電\u0e01\u0e33 '’.,-1\x1b\u202e"),
    max_size=60,
)


def marked(query: str, text: str, language: str = "en") -> list[str]:
    return [
        text[each.start : each.end] for each in QueryHighlighter(QueryTerms(query)).highlights(text, language)
    ]


@pytest.mark.parametrize(
    ("query", "text", "language", "words"),
    [
        ("storm", "Storms, storm-hit towns and a brainstorm", "en", ["Storms", "storm"]),
        ("the port of Ellery", "The port: Ellery’s of old", "en", ["port", "Ellery’s"]),
        ("elecciones", "¿La elección?", "es", ["elección"]),
        ("cafe\u0301", "Caf\u00e9 or cafe\u0301, not cafe", "en", ["Caf\u00e9", "cafe\u0301"]),
        ("strasse", "Die Straße", "de", ["Straße"]),
        ("风力发电", "新的风力发电站。风电", "zh", ["风力发电"]),
        (
            "발전소",
            "\u1107\u1161\u11af\u110c\u1165\u11ab\u1109\u1169",
            "ko",
            ["\u1107\u1161\u11af\u110c\u1165\u11ab\u1109\u1169"],
        ),
        ("1,000", "1000 or 1,000 or 10,000", "en", ["1000", "1,000"]),
        ("U.N.", "the U.N. said", "en", ["U.N"]),
        ("harbour", "", "en", []),
        ("harbour", "\x1b[harbour\u202e", "en", ["harbour"]),
    ],
)
def test_words_of_the_query_are_found_in_their_forms(
    query: str, text: str, language: str, words: list[str]
) -> None:
    assert marked(query, text, language) == words


@given(TEXTS, TEXTS, st.sampled_from(["en", "tr", "zh", "und"]))
def test_highlights_are_in_range_in_order_and_apart(query: str, text: str, language: str) -> None:
    end = -1
    for each in QueryHighlighter(QueryTerms(query)).highlights(text, language):
        assert end < each.start < each.end <= len(text)
        end = each.end
