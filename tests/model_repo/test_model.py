"""Tests of what Triton's `summarizer` answers, read as the client reads it; Triton itself is stood in for."""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gistwire_models.errors import (
    ModelOverloadedError,
    ModelUnavailableError,
    SummaryNotWrittenError,
)
from gistwire_models.scripted import ScriptedSummarizer
from gistwire_models.summarizer import (
    Candidate,
    Candidates,
    DraftDelta,
    EarlyCandidates,
    Origin,
    SummaryEvent,
)
from gistwire_models.triton.failures import error_of_message

MODEL = Path(__file__).parents[2] / "model_repo" / "summarizer" / "1" / "model.py"
FINAL = 1
WRITTEN = Candidate("Oil rose.", Origin.GENERATED, log_probability=-0.5)
UNSURE = Candidate("Prices rose.", Origin.GENERATED)


class Sender:
    """Keeps what is sent to the reader."""

    def __init__(self) -> None:
        self.responses: list[tuple[dict[str, list[Any]], str, int]] = []

    def is_cancelled(self) -> bool:
        return False

    def send(self, response: Any = None, flags: int = 0) -> None:
        outputs = {} if response is None else {each.name: each.array.tolist() for each in response.outputs}
        error = "" if response is None or response.error is None else str(response.error)
        self.responses.append((outputs, error, flags))


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, as Triton's Python loads it."""
    triton = SimpleNamespace(
        TRITONSERVER_RESPONSE_COMPLETE_FINAL=FINAL,
        Tensor=lambda name, array: SimpleNamespace(name=name, array=array),
        InferenceResponse=lambda outputs=(), error=None: SimpleNamespace(outputs=outputs, error=error),
        TritonError=str,
    )
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", triton)
    spec = importlib.util.spec_from_file_location("summarizer_model", MODEL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sent(model: Any, *events: SummaryEvent) -> list[tuple[dict[str, list[Any]], str, int]]:
    sender = Sender()
    reader = model._Reader(sender, ScriptedSummarizer())
    for event in events:
        reader.send(event)
    reader.end(None)
    return sender.responses


def test_candidates_come_with_the_draft_still_open_and_at_the_end(model: Any) -> None:
    early, last = EarlyCandidates((WRITTEN,)), Candidates((WRITTEN, UNSURE))
    (delta, _, _), (told, _, is_final), (all_told, _, is_last) = sent(model, DraftDelta("Oil"), early, last)
    assert delta == {"delta": [b"Oil"]}
    # A client of old reads an empty piece of the draft, and no more.
    assert told["delta"] == [b""]
    assert (told["text"], told["log_probability"], is_final) == ([b"Oil rose."], [-0.5], 0)
    assert told["model"] == [b"scripted-summarizer", b"1"]
    assert "delta" not in all_told
    assert (all_told["text"], is_last) == ([b"Oil rose.", b"Prices rose."], FINAL)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SummaryNotWrittenError("the model wrote no word of the article"), SummaryNotWrittenError),
        (ModelOverloadedError("256 articles wait", retry_after_s=1), ModelOverloadedError),
        (ModelUnavailableError("the engine was closed"), ModelUnavailableError),
        (ValueError("body is empty"), ValueError),
    ],
)
def test_the_client_reads_the_error_that_the_engine_raised(
    model: Any, error: Exception, kind: type[Exception]
) -> None:
    sender = Sender()
    model._Reader(sender, ScriptedSummarizer()).end(error)
    ((_, message, flags),) = sender.responses
    assert flags == FINAL
    assert type(error_of_message(message, "10.0.0.1:8001")) is kind
