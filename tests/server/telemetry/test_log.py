"""Tests of the log: one JSON line for each event, with the call and the trace it belongs to, and nobody's words."""

import json
import logging
from typing import Any

import pytest
import structlog
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_server.telemetry.config import TelemetryConfig
from gistwire_server.telemetry.log import configure_log, log_context
from opentelemetry import trace

from tests.recorded_spans import RecordedSpans

pytestmark = pytest.mark.usefixtures("log_restored")

SECRET = "-".join(["who", "it", "was"])


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def fail(error: Exception) -> None:
    raise error


def test_a_line_tells_its_call_and_its_trace(
    capsys: pytest.CaptureFixture[str], spans: RecordedSpans
) -> None:
    configure_log(TelemetryConfig())
    with log_context("Search", "r1"), trace.get_tracer("gistwire").start_as_current_span("call") as span:
        structlog.get_logger().info("inside")
    structlog.get_logger().info("outside")
    inside, outside = lines(capsys)
    assert (inside["event"], inside["level"], inside["rpc"], inside["request_id"]) == (
        "inside",
        "info",
        "Search",
        "r1",
    )
    assert inside["trace_id"] == format(span.get_span_context().trace_id, "032x")
    assert inside["timestamp"].endswith("Z")
    assert outside.keys() == {"event", "level", "timestamp"}


@pytest.mark.parametrize(("level", "logged"), [("debug", 3), ("info", 2), ("error", 1)])
def test_less_than_the_level_is_not_logged(
    capsys: pytest.CaptureFixture[str], level: Any, logged: int
) -> None:
    configure_log(TelemetryConfig(log_level=level))
    log = structlog.get_logger()
    log.debug("one")
    log.info("two")
    log.error("three")
    assert len(lines(capsys)) == logged


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_errors_are_told_by_type_and_place_and_not_by_what_they_say(
    capsys: pytest.CaptureFixture[str], log_format: Any
) -> None:
    configure_log(TelemetryConfig(log_format=log_format))
    try:
        try:
            fail(KeyError(SECRET))
        except KeyError as error:
            raise ExceptionGroup(SECRET, [ValueError(SECRET)]) from error
    except ExceptionGroup:
        structlog.get_logger().exception("call_failed")
    logged = capsys.readouterr().err
    assert "ExceptionGroup" in logged
    assert "KeyError" in logged
    assert "test_log.py" in logged
    assert SECRET not in logged


def test_an_error_of_the_index_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(TelemetryConfig())
    try:
        fail(IndexUnavailableError("Elasticsearch cannot be reached"))
    except IndexUnavailableError:
        structlog.get_logger().warning("not_stored", exc_info=True)
    (line,) = lines(capsys)
    (exception,) = line["exception"]
    assert (exception["type"], exception["message"]) == (
        "IndexUnavailableError",
        "Elasticsearch cannot be reached",
    )
    assert exception["frames"][-1].endswith(" in fail")


def test_an_error_that_comes_from_itself_ends(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(TelemetryConfig())
    first, second = KeyError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    structlog.get_logger().error("odd", exc_info=first)
    (line,) = lines(capsys)
    assert [each["type"] for each in line["exception"]] == ["KeyError", "ValueError"]


def test_libraries_are_told_by_where_they_log(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(TelemetryConfig(log_level="debug"))
    library = logging.getLogger("elastic_transport.transport")
    try:
        fail(OSError(SECRET))
    except OSError:
        library.warning("PUT /articles/%s", SECRET, exc_info=True)
    library.debug(SECRET)
    logging.getLogger("opentelemetry.exporter.otlp").warning("collector is down")
    warned, debugged, exporter = lines(capsys)
    assert (warned["logger"], warned["level"]) == ("elastic_transport.transport", "warning")
    assert warned["where"].startswith("test_log.test_libraries_are_told_by_where_they_log:")
    assert warned["exception"][0]["type"] == "OSError"
    assert debugged["level"] == "debug"
    assert exporter["message"] == "collector is down"
    assert SECRET not in json.dumps([warned, debugged])


def test_it_is_set_up_twice_without_a_line_twice(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(TelemetryConfig())
    configure_log(TelemetryConfig())
    logging.getLogger("library").warning("once")
    assert len(lines(capsys)) == 1


@pytest.mark.parametrize(("in_terminal", "is_json"), [(False, True), (True, False)])
def test_lines_are_json_outside_of_terminals(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, in_terminal: bool, is_json: bool
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: in_terminal)
    configure_log(TelemetryConfig())
    structlog.get_logger().info("served", target="x")
    assert capsys.readouterr().err.startswith("{") == is_json
