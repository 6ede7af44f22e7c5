"""Tests of keeping the garbage collector out of starts."""

import gc

import pytest
from gistwire_client.garbage import collector_paused


def test_nothing_is_collected_meanwhile() -> None:
    with collector_paused():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_does_not_leave_it_off() -> None:
    with pytest.raises(ValueError, match="failed"), collector_paused():
        raise ValueError("failed")
    assert gc.isenabled()


def test_who_has_it_off_keeps_it_off() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
