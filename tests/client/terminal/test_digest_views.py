"""Tests of gistwire_client.terminal.digest_views and the state that they draw."""

import io
import json
import unicodedata
from collections.abc import Iterable

import pytest
from gistwire.v1 import events_pb2, summary_pb2
from gistwire_client.terminal.digest_state import DigestState
from gistwire_client.terminal.digest_views import (
    digest_lines,
    open_digest_view,
    render_digest,
)
from gistwire_client.terminal.state_views import LiveStateView
from google.protobuf.duration_pb2 import Duration
from rich.console import Console

from tests.client.scripted_server import hit

Response = summary_pb2.StreamDigestResponse
HOSTILE = "\x1b[31mred\x1b]0;title\x07 \u202etxet\u2066 \x9b2J\u200b end"


def citation(article_id: str, sentence: str = "") -> summary_pb2.Citation:
    return summary_pb2.Citation(article_id=article_id, sentence=sentence, support=1)


def digest_events(
    *sentences: summary_pb2.DigestSentence, disagreements: Iterable[summary_pb2.Disagreement] = ()
) -> list[Response]:
    hits = [hit(f"h{place}", f"Headline {place}", source=f"Wire {place}") for place in (1, 2, 3)]
    for place, each in enumerate(hits, start=1):
        each.article.id = f"a{place}"
    return [
        Response(started=events_pb2.Started(plan=events_pb2.Plan(query="storms"))),
        Response(hits=events_pb2.Hits(hits=hits, total=3)),
        *(Response(sentence=sentence) for sentence in sentences),
        Response(digest=summary_pb2.Digest(sentences=sentences, disagreements=disagreements)),
        Response(
            completed=events_pb2.Completed(
                hit_count=3, time_to_first_summary=Duration(nanos=90_000_000), total=Duration(seconds=12)
            )
        ),
    ]


SENTENCES = (
    summary_pb2.DigestSentence(text="A storm came.", citations=[citation("a3"), citation("a1")]),
    summary_pb2.DigestSentence(text="Twelve died.", citations=[citation("a1")]),
)
DISAGREEMENT = summary_pb2.Disagreement(
    subject="[?] died", claims=[citation("a1", "Twelve died."), citation("a2", "Twenty died.")]
)


def state_of(events: Iterable[Response]) -> DigestState:
    state = DigestState()
    for event in events:
        state.apply(event)
    return state


def test_plain_lines_are_the_text_what_sources_disagree_on_and_the_articles() -> None:
    assert digest_lines(state_of(digest_events(*SENTENCES, disagreements=[DISAGREEMENT]))) == [
        "A storm came. [3][1]",
        "Twelve died. [1]",
        "",
        "Sources disagree: [?] died",
        "  [1] Twelve died.",
        "  [2] Twenty died.",
        "",
        "[1] Headline 1 — Wire 1",
        "[2] Headline 2 — Wire 2",
        "[3] Headline 3 — Wire 3",
        "",
        "3 articles · first sentence 90 ms · total 12.0 s",
    ]


def test_articles_that_are_not_cited_are_left_out() -> None:
    lines = digest_lines(state_of(digest_events(SENTENCES[1])))
    assert [line for line in lines if "Headline" in line] == ["[1] Headline 1 — Wire 1"]


def test_the_digest_replaces_the_sentences_that_came_before() -> None:
    events = digest_events(*SENTENCES)
    state = state_of(events[:4])
    assert [sentence.text for sentence in state.sentences] == ["A storm came.", "Twelve died."]
    state.apply(Response(digest=summary_pb2.Digest(sentences=SENTENCES[1:])))
    assert [sentence.text for sentence in state.sentences] == ["Twelve died."]


def test_citations_of_unknown_articles_are_passed_over() -> None:
    sentence = summary_pb2.DigestSentence(text="So.", citations=[citation("a9"), citation("a2")])
    assert state_of(digest_events(sentence)).sentences[0].numbers == (2,)


@pytest.mark.parametrize(
    ("completed", "closing"),
    [
        (events_pb2.Completed(), "nothing found · total 0 ms"),
        (events_pb2.Completed(hit_count=1), "1 article · nothing to say that they support · total 0 ms"),
    ],
)
def test_an_empty_digest_says_why(completed: events_pb2.Completed, closing: str) -> None:
    assert digest_lines(state_of([Response(completed=completed)])) == [closing]


def test_the_plain_view_writes_once_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    *events, completed = digest_events(*SENTENCES)
    with open_digest_view(as_json=False) as view:
        for event in events:
            view.show(event)
        assert capsys.readouterr().out == ""
        view.show(completed)
    assert capsys.readouterr().out.startswith("A storm came. [3][1]\nTwelve died. [1]\n")


def test_the_json_view_writes_each_event(capsys: pytest.CaptureFixture[str]) -> None:
    with open_digest_view(as_json=True) as view:
        for event in digest_events(SENTENCES[0]):
            view.show(event)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [next(iter(line)) for line in lines] == ["started", "hits", "sentence", "digest", "completed"]
    assert lines[2]["sentence"]["citations"][0]["articleId"] == "a3"


def test_the_live_view_ends_in_the_whole() -> None:
    output = io.StringIO()
    console = Console(file=output, width=80, force_terminal=True, highlight=False)
    with LiveStateView(console, DigestState(), render_digest) as view:
        for event in digest_events(*SENTENCES, disagreements=[DISAGREEMENT]):
            view.show(event)
    shown = output.getvalue()
    for part in ("storms", "A storm came.", "[3][1]", "Sources disagree: [?] died", "Headline 2", "12.0 s"):
        assert part in shown


def test_a_digest_under_way_says_what_it_reads() -> None:
    console = Console(file=io.StringIO(), width=80)
    events = digest_events(*SENTENCES)
    for count, expected in ((1, "looking for articles"), (2, "3 articles"), (3, "A storm came.")):
        with console.capture() as capture:
            console.print(render_digest(state_of(events[:count])))
        assert expected in capture.get()


def test_hostile_text_never_reaches_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = summary_pb2.DigestSentence(text=HOSTILE, citations=[citation("a1", HOSTILE)])
    disagreement = summary_pb2.Disagreement(subject=HOSTILE, claims=[citation("a1", HOSTILE)])
    events = digest_events(sentence, disagreements=[disagreement])
    events[1].hits.hits[0].article.headline = HOSTILE
    with open_digest_view(as_json=False) as view:
        for event in events:
            view.show(event)
    shown = capsys.readouterr().out
    assert shown.count("red") == 4
    assert not [each for each in shown.replace("\n", "") if unicodedata.category(each).startswith("C")]
