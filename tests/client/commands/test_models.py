"""Tests of `gistwire models` on a real Triton server."""

from gistwire_client.exit_status import ExitStatus

from tests.backends.ports import free_port
from tests.backends.triton import TritonServer
from tests.client.commands.conftest import Gistwire


def test_lists_what_is_served(gistwire: Gistwire, triton_server: TritonServer) -> None:
    shown = gistwire("models", "list", "--url", triton_server.url, "--json").events
    assert [(each["model"], each["version"], each["state"], each["served"]) for each in shown] == [
        ("encoder", 1, "READY", True),
        ("summarizer", 1, "READY", True),
    ]
    readable = gistwire("models", "list", "--url", triton_server.url).output
    assert "summarizer 1: ready, served" in readable


def test_promoting_what_is_served_already_says_so(gistwire: Gistwire, triton_server: TritonServer) -> None:
    outcome = gistwire("models", "promote", "summarizer", 1, "--url", triton_server.url)
    assert outcome.status == ExitStatus.DONE
    assert "summarizer is served in version 1 already" in outcome.output
    [shown] = gistwire("models", "promote", "summarizer", 1, "--url", triton_server.url, "--json").events
    assert (shown["before"], shown["after"]) == (1, 1)


def test_a_version_that_is_not_there_is_refused_and_changes_nothing(
    gistwire: Gistwire, triton_server: TritonServer
) -> None:
    outcome = gistwire("models", "promote", "summarizer", 7, "--url", triton_server.url)
    assert outcome.status == ExitStatus.FAILED
    assert "Error: Triton at" in outcome.errors
    outcome = gistwire("models", "roll-back", "summarizer", "--url", triton_server.url)
    assert outcome.status == ExitStatus.FAILED
    assert "has not been promoted" in outcome.errors
    assert "summarizer 1: ready, served" in gistwire("models", "list", "--url", triton_server.url).output


def test_a_model_is_unloaded_and_loaded(gistwire: Gistwire, triton_server: TritonServer) -> None:
    gistwire("models", "unload", "encoder", "--url", triton_server.url)
    outcome = gistwire("models", "load", "encoder", "--url", triton_server.url)
    assert outcome.status == ExitStatus.DONE
    assert "encoder is served in version 1" in outcome.output


def test_a_server_that_does_not_answer_has_failed(gistwire: Gistwire) -> None:
    outcome = gistwire("models", "list", "--url", f"http://127.0.0.1:{free_port()}")
    assert outcome.status == ExitStatus.FAILED
    assert "does not answer" in outcome.errors
