"""Tests of the baselines."""

import pytest
from gistwire_models.scripted import ScriptedEncoder
from gistwire_training.evaluation.baselines import (
    HeadlineBaseline,
    LeadBaseline,
    MmrBaseline,
    System,
    TextRankBaseline,
    standard_baselines,
)
from gistwire_training.evaluation.tasks import Task
from gistwire_training.pairs import Pair

LONG = Pair(
    id="1",
    headline="Bridge approved",
    body="The council of Berlin approved a new bridge over the river on Monday, after a debate of seven hours. "
    "Work begins in May.",
    language="en",
)
CHINESE = Pair(
    id="2",
    headline="",
    body="北京市政府今天宣布将在明年五月开工建设一座新的大桥。工程预计三年完成。",
    language="zh",
)
EMPTY = Pair(id="3", headline="")


class RecordingEncoder(ScriptedEncoder):
    """Remembers whether it was closed."""

    closed = False

    async def close(self) -> None:
        self.closed = True
        await super().close()


def test_the_headline_is_returned_as_it_is() -> None:
    assert HeadlineBaseline().summarize([LONG, EMPTY]) == ["Bridge approved", ""]


def test_the_lead_is_the_first_sentence_of_the_body() -> None:
    first = LONG.body.partition(" Work")[0]
    assert LeadBaseline().summarize([LONG, CHINESE, EMPTY]) == [first, CHINESE.body.partition("工程")[0], ""]


def test_the_lead_is_cut_after_a_word_or_a_clause() -> None:
    (by_word,) = LeadBaseline(max_words=5).summarize([LONG])
    assert by_word == "The council of Berlin approved"
    (by_clause,) = LeadBaseline(max_words=15).summarize([LONG])
    assert by_clause == "The council of Berlin approved a new bridge over the river on Monday"
    assert LeadBaseline(max_words=50).summarize([LONG]) == LeadBaseline().summarize([LONG])


def test_a_chinese_lead_is_cut_by_characters() -> None:
    (text,) = LeadBaseline(max_words=5).summarize([CHINESE])
    assert CHINESE.body.startswith(text)
    assert len(text) == 10


def test_textrank_reads_the_body() -> None:
    (text, nothing) = TextRankBaseline().summarize([LONG, EMPTY])
    assert text in LONG.body
    assert nothing == ""


def test_the_extract_holds_sentences_and_the_encoder_is_closed() -> None:
    encoders = [RecordingEncoder(dimension=64) for _ in range(2)]
    opened = iter(encoders)
    baseline = MmrBaseline(lambda: next(opened), max_tokens=30)
    (text, nothing) = baseline.summarize([LONG, EMPTY])
    assert text
    assert all(sentence.strip(". ") in LONG.body for sentence in text.split(". "))
    assert nothing == ""
    # A second batch opens an encoder of its own: an encoder serves one event loop.
    assert baseline.summarize([LONG]) == [text]
    assert all(encoder.closed for encoder in encoders)


def test_the_encoder_is_closed_when_it_fails() -> None:
    encoder = RecordingEncoder(dimension=64)
    encoder.failure = RuntimeError("broken")
    with pytest.raises(RuntimeError, match="broken"):
        MmrBaseline(lambda: encoder, max_tokens=30).summarize([LONG])
    assert encoder.closed


@pytest.mark.parametrize(("task", "has_headline"), [("summary", True), ("headline", False)])
def test_the_headline_is_no_baseline_for_itself(task: Task, has_headline: bool) -> None:
    baselines: tuple[System, ...] = standard_baselines(
        task, open_encoder=lambda: ScriptedEncoder(dimension=64)
    )
    names = [baseline.name for baseline in baselines]
    assert ("headline" in names) is has_headline
    assert len(set(names)) == len(names) >= 4
    for baseline in baselines:
        assert len(baseline.summarize([LONG, CHINESE])) == 2
