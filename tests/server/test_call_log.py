import json
from collections.abc import Iterator

import pytest
import structlog
from gistwire_server.call_log import configure_log, logged_call


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()


async def test_a_call_is_one_json_line_with_its_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log()
    async with logged_call("Search", "r1"):
        structlog.get_logger().info("inside")
    with pytest.raises(ZeroDivisionError):
        async with logged_call("Search", "r2"):
            raise ZeroDivisionError
    inside, ended, failed = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (inside["event"], inside["request_id"]) == ("inside", "r1")
    assert (ended["event"], ended["rpc"], ended["request_id"], ended["outcome"]) == (
        "call",
        "Search",
        "r1",
        "ok",
    )
    assert (failed["request_id"], failed["outcome"]) == ("r2", "ZeroDivisionError")
    assert "duration_ms" in ended


@pytest.mark.parametrize("in_terminal", [False, True])
def test_tracebacks_hold_no_variables(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, in_terminal: bool
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: in_terminal)
    configure_log()
    user_id = "-".join(["who", "it", "was"])
    try:
        _ = len(user_id) / 0
    except ZeroDivisionError:
        structlog.get_logger().exception("call_failed")
    errors = capsys.readouterr().err
    assert "ZeroDivisionError" in errors
    assert user_id not in errors
