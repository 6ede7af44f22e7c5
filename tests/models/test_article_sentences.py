"""Tests of `usable_sentences` and `is_dependent`."""

import pytest
from gistwire_models.article_sentences import is_dependent, usable_sentences
from hypothesis import given
from hypothesis import strategies as st

KEPT = "The council approved the new bridge on Monday."


def usable(body: str, headline: str = "Bridge approved", language: str = "en") -> list[str]:
    return usable_sentences(headline=headline, body=body, language=language)


@pytest.mark.parametrize(
    "left_out",
    [
        "No comment.",
        "By John Smith",
        "(Reporting by John Smith in London and Jane Roe in Paris)",
        "Copyright 2004 by the Example Press Association.",
        "Read more about the bridge on our pages.",
        "Shr 12 cts vs 11 cts 1,234.5 vs 1,122.3 (98.1) 45.6 77.8 12.3 14.5",
        'He said: "The bridge will be long.',
        "Bridge approved!",
        KEPT.upper(),
    ],
)
def test_what_says_nothing_is_left_out(left_out: str) -> None:
    assert usable(f"{KEPT}\n\n{left_out}") == [KEPT]


@pytest.mark.parametrize(
    "dateline",
    [
        "AP - ",
        "LOS ANGELES (Reuters) - ",
        "SPACE.com - TORONTO, Canada -- ",
        "NEW YORK — ",
        "WASHINGTON, Sept. 3 (AFP) – ",
    ],
)
def test_datelines_are_cut_off(dateline: str) -> None:
    assert usable(dateline + KEPT) == [KEPT]


def test_dashes_within_a_sentence_stay() -> None:
    text = "NASA - the space agency - approved the plan."
    assert usable(text) == [text]


def test_fragments_of_chinese_are_short() -> None:
    assert usable("市议会周一批准了新桥的建设。他同意。", language="zh") == ["市议会周一批准了新桥的建设。"]


def test_only_the_beginning_of_a_long_article_is_read() -> None:
    sentences = [f"The council discussed item number {place} today." for place in range(500)]
    assert usable(" ".join(sentences)) == sentences[:40]
    assert usable("x" * 16_000 + ". " + KEPT) == []


@given(st.text(max_size=300), st.text(max_size=30))
def test_sentences_stand_in_the_body_once_each(body: str, headline: str) -> None:
    found = usable(body, headline)
    flat = " ".join(body.split())
    assert all(sentence in flat for sentence in found)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    "text", ["It fell.", "But it rose.", "“Yes,” he said.", "The former won.", "他说好。"]
)
def test_some_sentences_lean_on_the_one_before(text: str) -> None:
    assert is_dependent(text)


@pytest.mark.parametrize("text", ["Italy won.", "Oil fell.", "The formation won.", "Butter is dear."])
def test_others_stand_alone(text: str) -> None:
    assert not is_dependent(text)


def test_who_said_it_is_no_sentence_of_its_own() -> None:
    body = "“户外工地必须停工。”急救中心一名医师提醒。市应急局启动最高级别的高温响应。"
    assert (
        usable_sentences(headline="高温", body=body, language="zh")[-1] == "市应急局启动最高级别的高温响应。"
    )
    assert not any(
        text.startswith("急救中心") for text in usable_sentences(headline="高温", body=body, language="zh")
    )


def test_a_byline_is_left_out_and_a_time_is_not() -> None:
    body = (
        "By Staff Writer of the Dispatch and others. By Tuesday the ferries were back in service at Ellery."
    )
    assert usable_sentences(headline="Ferries", body=body, language="en") == [
        "By Tuesday the ferries were back in service at Ellery."
    ]
