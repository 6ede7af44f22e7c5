"""UserEventService over real gRPC, on the embedded index."""

import asyncio
from collections.abc import Sequence

import grpc
import pytest
from gistwire.v1 import search_pb2, search_pb2_grpc, user_event_pb2, user_event_pb2_grpc
from gistwire_indexer.errors import IndexUnavailableError
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2
from structlog.testing import capture_logs

from tests.server.services.conftest import Service
from tests.server.services.test_search import refused

Event = user_event_pb2.UserEvent


def stub(service: Service) -> "user_event_pb2_grpc.UserEventServiceAsyncStub":
    return user_event_pb2_grpc.UserEventServiceStub(service.channel)


def event(event_id: str, *, article: str = "a1", token: str = "") -> user_event_pb2.UserEvent:
    return Event(
        event_id=event_id, user_id="ada", article_id=article, kind=Event.LIKE, attribution_token=token
    )


async def write(
    service: Service, *events: user_event_pb2.UserEvent
) -> user_event_pb2.WriteUserEventsResponse:
    return await stub(service).WriteUserEvents(user_event_pb2.WriteUserEventsRequest(events=events))


async def profile(service: Service) -> user_event_pb2.UserProfile:
    return (await stub(service).GetUserProfile(user_event_pb2.GetUserProfileRequest(user_id="ada"))).profile


async def set_tags(service: Service, tags: Sequence[str]) -> user_event_pb2.UserProfile:
    request = user_event_pb2.UpdateUserProfileRequest(user_id="ada", tags=tags)
    return (await stub(service).UpdateUserProfile(request)).profile


def reason(details: Sequence[AnyMessage]) -> str:
    for each in details:
        info = error_details_pb2.ErrorInfo()
        if each.Unpack(info):
            return str(info.reason)
    return ""


async def test_events_are_written_once(service: Service) -> None:
    first = await write(service, event("1"), event("2", article="a2"), event("1"))
    assert (first.written_count, first.repeated_count, len(first.refused)) == (2, 1, 0)
    again = await write(service, event("2"), event("3"))
    assert (again.written_count, again.repeated_count) == (1, 1)
    shown = await profile(service)
    assert shown.event_count == 3
    assert {each.article_id for each in shown.history} == {"a1", "a2"}
    assert shown.latest_event == shown.history[0].occurred


async def test_bad_events_are_refused_one_by_one(service: Service) -> None:
    response = await write(service, event("1"), Event(event_id="2", user_id="ada", article_id="a"))
    assert response.written_count == 1
    [refusal] = response.refused
    assert refusal.event_id == "2"
    assert refusal.status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert reason(refusal.status.details) == "INVALID_FIELD"
    assert "events[1].kind" in refusal.status.message


async def test_an_event_is_attributed_to_the_search_that_showed_the_article(service: Service) -> None:
    page = await search_pb2_grpc.SearchServiceStub(service.channel).Search(
        search_pb2.SearchRequest(query="harbour strike", page_size=2)
    )
    shown = page.results[0].hit.article.id
    token = page.attribution_token
    response = await write(
        service,
        event("1", article=shown, token=token),
        event("2", article="never shown", token=token),
        event("3", token="x" + token[1:] if token[0] != "x" else "y" + token[1:]),
    )
    assert response.written_count == 1
    assert [reason(each.status.details) for each in response.refused] == [
        "ATTRIBUTION_TOKEN_MISMATCH",
        "ATTRIBUTION_TOKEN_INVALID",
    ]
    [written] = await service.bench.users.history("ada", limit=10)
    assert written.request_id


async def test_profile_of_one_who_is_not_known_is_not_found(service: Service) -> None:
    refusal = await refused(profile(service))
    assert (refusal.code, refusal.info.reason) == (grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND")


async def test_tags_make_a_profile_and_none_end_it(service: Service) -> None:
    shown = await set_tags(service, ["harbours", "chess"])
    assert list(shown.tags) == ["harbours", "chess"]
    assert {interest.tag for interest in shown.interests} == {"harbours", "chess"}
    assert await profile(service) == shown
    assert await set_tags(service, []) == user_event_pb2.UserProfile(user_id="ada")
    assert (await refused(profile(service))).info.reason == "USER_NOT_FOUND"


async def test_a_history_is_shown_to_a_hundred_events(service: Service) -> None:
    await write(service, *(event(str(number)) for number in range(120)))
    shown = await profile(service)
    assert (shown.event_count, len(shown.history)) == (120, 100)


async def test_purge_erases_a_user(service: Service) -> None:
    await write(service, event("1"), event("2"))
    await set_tags(service, ["chess"])
    request = user_event_pb2.PurgeUserRequest(user_id="ada")
    assert (await stub(service).PurgeUser(request)).erased_event_count == 2
    assert (await refused(profile(service))).info.reason == "USER_NOT_FOUND"
    assert (await stub(service).PurgeUser(request)).erased_event_count == 0


async def test_what_is_derived_is_forgotten_also_where_a_purge_fails(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten = []

    async def fail(_user_id: str) -> int:
        raise IndexUnavailableError("down")

    monkeypatch.setattr(type(service.bench.users), "purge", lambda _, user_id: fail(user_id))
    monkeypatch.setattr(
        "gistwire_server.services.user_events.forget_user", lambda _, user_id: forgotten.append(user_id)
    )
    call = stub(service).PurgeUser(user_event_pb2.PurgeUserRequest(user_id="ada"))
    assert (await refused(call)).code == grpc.StatusCode.UNAVAILABLE
    assert forgotten == ["ada"]


async def test_bad_requests_name_their_fields(service: Service) -> None:
    calls = stub(service)
    too_many = user_event_pb2.UpdateUserProfileRequest(user_id="ada", tags=["tag"] * 21)
    for call, fields in (
        (calls.WriteUserEvents(user_event_pb2.WriteUserEventsRequest()), ["events"]),
        (calls.GetUserProfile(user_event_pb2.GetUserProfileRequest()), ["user_id"]),
        (calls.UpdateUserProfile(user_event_pb2.UpdateUserProfileRequest()), ["user_id"]),
        (calls.UpdateUserProfile(too_many), ["tags"]),
        (calls.PurgeUser(user_event_pb2.PurgeUserRequest(user_id="x" * 129)), ["user_id"]),
    ):
        refusal = await refused(call)
        assert (refusal.code, refusal.fields) == (grpc.StatusCode.INVALID_ARGUMENT, fields)


async def test_the_log_names_calls_and_no_users(service: Service) -> None:
    with capture_logs() as log:
        await write(service, event("some-event"))
        await set_tags(service, ["chess"])
        await profile(service)
        await stub(service).PurgeUser(user_event_pb2.PurgeUserRequest(user_id="ada"))
        await refused(profile(service))
    calls = [(entry["event"], entry["outcome"]) for entry in log]
    assert calls == [("call", "ok")] * 4 + [("call", "UserNotFoundError")]
    assert not any(word in str(log) for word in ("ada", "some-event", "chess", "a1"))


async def test_the_call_beyond_those_that_may_wait_is_refused(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, real = asyncio.Event(), type(service.bench.users).count

    async def wait(users: object, user_id: str) -> int:
        await gate.wait()
        return await real(users, user_id)  # type: ignore[arg-type]

    monkeypatch.setattr(type(service.bench.users), "count", wait)
    await set_tags_directly(service)
    # Two work, one waits: of four, one cannot enter.
    calls = {asyncio.create_task(profile(service)) for _ in range(4)}
    (first,), others = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    refusal = await refused(first)
    assert (refusal.code, refusal.info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
    gate.set()
    assert [list((await each).tags) for each in others] == [["chess"]] * 3


async def set_tags_directly(service: Service) -> None:
    await service.bench.users.set_tags("ada", ["chess"])
