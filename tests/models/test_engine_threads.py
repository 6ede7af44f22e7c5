"""Tests of `keep_thread_state`, in the threads of CTranslate2, which Python did not start, and `take_short_turns`."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ctranslate2
import pytest
from gistwire_models.engine_threads import keep_thread_state, take_short_turns


@pytest.mark.parametrize("keep", [True, False])
def test_a_thread_is_the_same_to_python_from_one_callback_to_the_next(
    summarizer_folder: Path, keep: bool
) -> None:
    engine = ctranslate2.Translator(str(summarizer_folder))
    of_thread = threading.local()
    callbacks: list[int] = []

    def receive(_: Any) -> bool:
        if keep:
            keep_thread_state()
        # Begins anew where the thread's state does.
        of_thread.callbacks = getattr(of_thread, "callbacks", 0) + 1
        callbacks.append(of_thread.callbacks)
        return False

    engine.translate_batch([["oil", "prices"]], beam_size=1, max_decoding_length=5, callback=receive)
    assert len(callbacks) > 1
    assert callbacks == (list(range(1, len(callbacks) + 1)) if keep else [1] * len(callbacks))


def test_once_kept_it_stays_so_however_often_it_is_asked_for(summarizer_folder: Path) -> None:
    engine = ctranslate2.Translator(str(summarizer_folder))

    def receive(_: Any) -> bool:
        keep_thread_state()
        return False

    for _ in range(3):
        engine.translate_batch([["oil"]], beam_size=1, max_decoding_length=3, callback=receive)
    engine.unload_model()


@pytest.fixture
def switch_interval() -> Iterator[None]:
    """Puts the interpreter's interval back."""
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("switch_interval")
def test_turns_become_short_and_never_longer_than_they_were() -> None:
    sys.setswitchinterval(0.005)
    take_short_turns()
    assert sys.getswitchinterval() == pytest.approx(0.001)
    sys.setswitchinterval(0.0005)
    take_short_turns()
    assert sys.getswitchinterval() == pytest.approx(0.0005)
