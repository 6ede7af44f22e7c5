"""Tests of `gistwire recommend`: on the embedded server, and on a scripted one for what that never does."""

import unicodedata
from pathlib import Path

import grpc
import pytest
from gistwire.v1 import events_pb2, recommendation_pb2, specs_pb2, user_event_pb2
from gistwire_client.exit_status import ExitStatus
from google.protobuf.json_format import Parse

from tests.client.commands.conftest import Gistwire, in_thread
from tests.client.conftest import ScriptedServer
from tests.client.scripted_recommendations import Reason, Response, recommendation_events
from tests.client.scripted_server import Refusal, hit

HOSTILE = "\x1b[31mred\x1b]0;title\x07 \u202etxet\u2066 \x9b2J\u200b end"


def test_each_article_comes_with_its_reason(gistwire: Gistwire, data_dir: Path) -> None:
    assert gistwire("event", "write", "ada", "a1", "like", "--data-dir", data_dir).status == ExitStatus.DONE
    outcome = gistwire("recommend", "ada", "--data-dir", data_dir, "--explore", "0", "--summaries", "fast")
    assert outcome.status == ExitStatus.DONE
    assert outcome.errors == ""
    assert "1. Ferry service resumes after storm" in outcome.output
    assert "because you read “Harbour crane collapses in Ellery”" in outcome.output
    assert "1. Harbour crane" not in outcome.output
    assert "total" in outcome.output.splitlines()[-1]


def test_one_who_is_not_known_is_recommended_news_too(gistwire: Gistwire, data_dir: Path) -> None:
    outcome = gistwire("recommend", "nobody", "--data-dir", data_dir, "--explore", "0", "--summaries", "none")
    assert outcome.status == ExitStatus.DONE
    assert outcome.output.count("· new") == 3


def test_json_lines_are_the_events_in_their_order(gistwire: Gistwire, data_dir: Path) -> None:
    outcome = gistwire("recommend", "ada", "--data-dir", data_dir, "--limit", "2", "--json")
    events = [Parse(line, Response()) for line in outcome.output.splitlines()]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds[:3] == ["started", "hits", "reasons"]
    assert kinds[-1] == "completed"


async def test_options_reach_the_server(gistwire: Gistwire, server: ScriptedServer) -> None:
    server.recommendations.events = recommendation_events(reasons=[])
    arguments = ("--limit", "7", "--explore", "0.25", "--filter", "language = en", "--summaries", "stored")
    outcome = await in_thread(gistwire, "recommend", "ada", "--target", server.target, *arguments)
    assert outcome.status == ExitStatus.DONE
    (request,) = server.recommendations.requests
    assert request == recommendation_pb2.StreamRecommendRequest(
        user_id="ada",
        filter="language = en",
        top_k=7,
        exploration=0.25,
        summary=specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.STORED),
    )


async def test_the_share_is_the_servers_unless_it_is_given(
    gistwire: Gistwire, server: ScriptedServer
) -> None:
    server.recommendations.events = recommendation_events(reasons=[])
    await in_thread(gistwire, "recommend", "ada", "--target", server.target)
    assert not server.recommendations.requests[0].HasField("exploration")


async def test_every_kind_of_reason_has_its_words(gistwire: Gistwire, server: ScriptedServer) -> None:
    hits = [hit(f"h{place}", f"Story {place}") for place in range(1, 7)]
    server.recommendations.events = recommendation_events(
        *hits,
        reasons=[
            Reason(hit_id="h1", interest_id="i1", history_article_id="a", history_headline="Old " + "x" * 90),
            Reason(hit_id="h2", interest_id="i2"),
            Reason(hit_id="h3", exploration=True),
            Reason(hit_id="h4", popular=True),
            Reason(hit_id="h5", collaborative=True),
            Reason(hit_id="h6"),
            Reason(hit_id="unknown", popular=True),
        ],
        interests=[
            user_event_pb2.Interest(interest_id="i1"),
            user_event_pb2.Interest(interest_id="i2", tag="wind  power"),
        ],
    )
    outcome = await in_thread(gistwire, "recommend", "ada", "--target", server.target)
    results = outcome.output.split("\n\n")[1:-1]
    reasons = {block.splitlines()[0].partition(". ")[2]: block.splitlines()[1] for block in results}
    assert {headline: line.rpartition(" · ")[2] for headline, line in reasons.items()} == {
        "Story 1": f"because you read “Old {'x' * 55}…”",
        "Story 2": "tag: wind power",
        "Story 3": "to explore",
        "Story 4": "popular",
        "Story 5": "liked by readers like you",
        "Story 6": "new",
    }


async def test_hostile_text_in_a_reason_cannot_act_on_the_terminal(
    gistwire: Gistwire, server: ScriptedServer
) -> None:
    server.recommendations.events = recommendation_events(
        hit("h1", "Story"),
        hit("h2", "Other"),
        reasons=[
            Reason(hit_id="h1", interest_id="i1", history_headline=HOSTILE),
            Reason(hit_id="h2", interest_id="i1"),
        ],
        interests=[user_event_pb2.Interest(interest_id="i1", tag=HOSTILE)],
    )
    outcome = await in_thread(gistwire, "recommend", "ada", "--target", server.target)
    assert "because you read" in outcome.output
    shown = outcome.output.replace("\n", "")
    assert not [char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co")]


async def test_what_is_degraded_is_told_on_standard_error(gistwire: Gistwire, server: ScriptedServer) -> None:
    degraded = events_pb2.Degraded(
        stage=events_pb2.StageTime.PERSONALIZE,
        reason=events_pb2.Degraded.BACKEND_DOWN,
        action=events_pb2.Degraded.NOT_PERSONALIZED,
    )
    events = recommendation_events(hit("h1", "Story"), reasons=[Reason(hit_id="h1")])
    server.recommendations.events = [events[0], Response(degraded=degraded), *events[1:]]
    outcome = await in_thread(gistwire, "recommend", "ada", "--target", server.target)
    assert outcome.status == ExitStatus.DONE
    assert outcome.errors.startswith("degraded: personalization:")


async def test_a_refusal_and_a_stream_that_breaks_off_have_their_status(
    gistwire: Gistwire, server: ScriptedServer
) -> None:
    server.recommendations.refusal = Refusal(grpc.StatusCode.INVALID_ARGUMENT, "user_id must not be empty")
    outcome = await in_thread(gistwire, "recommend", "", "--target", server.target)
    assert outcome.status == ExitStatus.REFUSED
    server.recommendations.refusal = None
    outcome = await in_thread(gistwire, "recommend", "ada", "--target", server.target)
    assert outcome.status == ExitStatus.FAILED


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["ada", "--limit", "0"],
        ["ada", "--explore", "1.5"],
        ["ada", "--target", "localhost:1", "--data-dir", "x"],
    ],
)
def test_wrong_usage_has_its_status(gistwire: Gistwire, arguments: list[str]) -> None:
    assert gistwire("recommend", *arguments).status == ExitStatus.USAGE
