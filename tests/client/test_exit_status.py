"""Tests of gistwire_client.exit_status."""

import pytest
from click.exceptions import Exit
from gistwire_client import (
    CallFailedError,
    DeadlineExceededError,
    RequestRefusedError,
    SearchFailedError,
    UnreachableError,
)
from gistwire_client.exit_status import ExitStatus, run_to_end


def test_statuses_are_those_that_the_help_states() -> None:
    assert {status.name: status.value for status in ExitStatus} == {
        "DONE": 0,
        "FAILED": 1,
        "USAGE": 2,
        "REFUSED": 3,
        "UNREACHABLE": 4,
        "INTERRUPTED": 130,
        "PIPE_CLOSED": 141,
    }


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (RequestRefusedError("why", reason="R"), ExitStatus.REFUSED, "refused: why (R)"),
        (UnreachableError("why"), ExitStatus.UNREACHABLE, "unreachable: why"),
        (CallFailedError("why"), ExitStatus.FAILED, "failed: why"),
        (DeadlineExceededError("why"), ExitStatus.FAILED, "failed: why"),
        (SearchFailedError("why"), ExitStatus.FAILED, "failed: why"),
    ],
)
def test_an_error_becomes_a_message_and_a_status(
    capsys: pytest.CaptureFixture[str], error: Exception, status: ExitStatus, message: str
) -> None:
    async def fail() -> None:
        raise error

    with pytest.raises(Exit) as ended:
        run_to_end(fail())
    assert ended.value.exit_code == status
    assert capsys.readouterr().err == f"{message}\n"


def test_other_errors_are_defects_and_are_not_hidden() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_to_end(fail())
