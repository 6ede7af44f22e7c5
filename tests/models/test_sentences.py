"""Tests of `split_sentences`: real cases one by one, and what holds for every text."""

import pytest
from gistwire_models.sentences import split_sentences
from hypothesis import given
from hypothesis import strategies as st


def split(text: str, language: str = "und") -> list[str]:
    return [sentence.text for sentence in split_sentences(text, language)]


# "|" stands where the text must be split, and is no part of it.
MARKED = [
    # abbreviations, initials, numbers
    "Mr. Smith met Dr. J. K. Rowling in the U.S. Senate at 5 p.m. Monday.|He said No. 4 was approx. 3.5 percent.",
    "It closes at 6 p.m. on Sundays.|Visitors left by 7 p.m.|Police then came.",
    "Apple Inc. said so.|It then paid Google Inc.|The deal closed in Jan. 2005.",
    "Sen. Kerry of Mass. flew to St. Louis vs. Boston, e.g. by plane, i.e. fast.|Sales rose.",
    "They left the U.S.|In 2004 they came back to the U.S. Embassy.",
    "George W. Bush won.|J. A. Smith lost.|Plan B.|There was none.",
    "SEN. JOHN SMITH SPEAKS.|MR. JONES LISTENS.",
    "Shares fell 3.|They rose again.|No.|He left.",
    "1. First item of a list.|2. Second item of it.",
    "iPhone sales fell.|iPhone prices rose.|eBay won.",
    "It costs approx. $5 million.|$3 million was paid.|24 people came.",
    # other European languages
    "Das ist z. B. Berlin am 3. Oktober, d. h. ca. 5 Leute.|Nr. 7 lebt.|Der Rest nicht.",
    "El Sr. García, p. ej. Juan, llegó.|¿Qué pasó?|¡Nada!|Fin.",
    "M. Macron et Mme. Le Pen parlent.|«Bon.»|Il part.",
    # ellipses, addresses, names
    "She wept... and then…|The end.|See http://x.com/?q=1.2 for more.|Yahoo! Inc. rose.|Wow!|Nice.",
    "Visit SPACE.com today.|Go to bbc.co.uk now.",
    # quotes and parentheses
    '"It is great."|He left.|“We won.”|They cheered!',
    '"Why?" he asked.|"Really?!"|Then (it was late.)|He (Smith) left.',
    # datelines
    "SPACE.com - TORONTO, Canada -- A second team flew.|It landed.",
    "LOS ANGELES, Calif. (Reuters) - Stocks fell.|NEW YORK, N.Y. -- Up.",
    "Oil rose 5 pct. - Shares fell.|Then it ended.",
    # lines
    "A headline without a stop\n|The body begins here and\ngoes on.\n\n|Next paragraph",
    "first paragraph\n\n|second in lower case",
    "यह पहला है।|यह दूसरा है।",
]


# The same for scripts without spaces between sentences.
MARKED_UNSPACED = [
    "他说：“真的吗？”|然后走了；没有回来。|「そうだ。」と言った。|「行く！」|彼は走った。",
    "“不行！”他说。|好!|真?|是的。",
    "OpenAI发布GPT-4.5版本。|股价涨了3.5%。|Then it fell. Later.",
]


@pytest.mark.parametrize("marked", MARKED)
def test_splits_where_a_reader_would(marked: str) -> None:
    assert split(marked.replace("|", " ")) == [part.strip() for part in marked.split("|")]


@pytest.mark.parametrize("marked", MARKED_UNSPACED)
def test_splits_without_spaces(marked: str) -> None:
    *first, last = marked.split("|")
    assert split(marked.replace("|", "")) == [*first, *split(last)]


def test_german_ordinals_need_the_language() -> None:
    text = "Er wurde 3. Sieger wurde ein anderer."
    assert split(text, "de") == [text]
    assert split(text) == ["Er wurde 3.", "Sieger wurde ein anderer."]


def test_offsets_are_those_of_the_text() -> None:
    text = "  One sentence.\n\n  Another one.  "
    assert [(sentence.start, sentence.end) for sentence in split_sentences(text)] == [(2, 15), (19, 31)]


def test_nothing_gives_nothing() -> None:
    assert split("") == split(" \n\t ") == []


@given(
    st.text() | st.text(alphabet="aA1 .!?…。？”\"'()\n-,中と", max_size=200),
    st.sampled_from(["und", "de", "zh"]),
)
def test_only_white_space_is_lost(text: str, language: str) -> None:
    sentences = split_sentences(text, language)
    end = 0
    for sentence in sentences:
        assert not text[end : sentence.start].strip()
        assert sentence.text == text[sentence.start : sentence.end] == sentence.text.strip() != ""
        end = sentence.end
    assert not text[end:].strip()


UNITS = [
    ".",
    '"',
    ". ",
    '."',
    "\n",
    ". (",
    " ",
    "。”",
    "a.",
    "A. ",
    ".\n",
    "1. ",
    "。”aaa",
    "(",
    '. "',
    "…",
    "? ",
]


@pytest.mark.parametrize("unit", UNITS)
def test_hostile_text_as_long_as_an_article_may_be_is_split(unit: str) -> None:
    # In quadratic time this would take minutes for each unit.
    text = (unit * 200_000)[:200_000]
    sentences = split_sentences(text)
    assert all(text[each.start : each.end] == each.text for each in sentences)
