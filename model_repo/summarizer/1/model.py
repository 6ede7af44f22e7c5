"""Triton's model `summarizer`: an article in, the draft as it is written and then the candidates out."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Triton's Python runs isolated: these folders hold what it needs, numpy 1 before any other.
sys.path[:0] = [each for each in os.environ.get("GISTWIRE_TRITON_PATH", "").split(os.pathsep) if each]

import numpy as np
import triton_python_backend_utils as pb_utils
from gistwire_models.errors import ModelFormatError, ModelOverloadedError, SummaryNotWrittenError
from gistwire_models.local_summarizer import LocalSummarizer
from gistwire_models.model_repository import ModelParameters, check_configuration
from gistwire_models.summarizer import (
    Candidate,
    Candidates,
    DraftDelta,
    EarlyCandidates,
    GeneratingSummarizer,
    SummaryEvent,
    SummaryRequest,
    check_request,
)
from gistwire_models.summary_streams import SummaryStreams

_INPUTS = {
    "headline": "TYPE_STRING",
    "body": "TYPE_STRING",
    "max_tokens": "TYPE_INT32",
    "candidates": "TYPE_INT32",
    "stream_drafts": "TYPE_BOOL",
    "describe": "TYPE_BOOL",
}
_OUTPUTS = {
    "delta": "TYPE_STRING",
    "text": "TYPE_STRING",
    "log_probability": "TYPE_FP32",
    "finish_reason": "TYPE_STRING",
    "model": "TYPE_STRING",
    "languages": "TYPE_STRING",
}
_FIRST_ARTICLE = SummaryRequest(
    article_id="first",
    revision="",
    headline="River rises after rain",
    body="The river rose by two metres after three days of rain, and the lower town was closed to traffic.",
    language="en",
)
_FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


class TritonPythonModel:
    """Takes articles as they come, and streams each while the engine writes them all."""

    def initialize(self, args: dict[str, str]) -> None:
        """Loads the weights and writes a first summary, which is the slowest.

        Raises:
            ModelFormatError: the configuration or the weights cannot be used.
            ModelNotFoundError: there are no weights.
        """
        config: dict[str, Any] = json.loads(args["model_config"])
        check_configuration(config, inputs=_INPUTS, outputs=_OUTPUTS, decoupled=True)
        self._streams = SummaryStreams(lambda: _load_engine(ModelParameters(config), args))
        self._streams.warm_up(_FIRST_ARTICLE)

    def execute(self, requests: list[Any]) -> None:
        """Begins with each article, and returns before any is written."""
        for request in requests:
            reader = _Reader(request.get_response_sender(), self._streams.summarizer)
            try:
                if _flag(request, "describe"):
                    reader.describe()
                else:
                    self._streams.start(_read(request), reader)
            except ValueError as error:
                reader.end(error)

    def finalize(self) -> None:
        """Ends what is under way, and gives back the weights."""
        self._streams.close()


class _Reader:
    """Who sent a request. Implements SummaryReader."""

    def __init__(self, sender: Any, summarizer: GeneratingSummarizer) -> None:
        self._sender = sender
        self._summarizer = summarizer
        self._ended = False

    def is_gone(self) -> bool:
        # Triton crashes if it is asked about a request that has had its last response.
        return not self._ended and bool(self._sender.is_cancelled())

    def send(self, event: SummaryEvent) -> None:
        match event:
            case DraftDelta(text):
                self._sender.send(pb_utils.InferenceResponse([_texts("delta", [text])]))
            case EarlyCandidates(candidates):
                # To who knows of none before the last, a piece of the draft that is empty.
                early = [_texts("delta", [""]), *self._candidates(candidates)]
                self._sender.send(pb_utils.InferenceResponse(early))
            case Candidates(candidates):
                self._send_last(*self._candidates(candidates))

    def describe(self) -> None:
        self._send_last(self._model(), _texts("languages", self._summarizer.languages))

    def end(self, error: Exception | None) -> None:
        if self._ended:
            return
        self._ended = True
        if error is None:
            self._sender.send(flags=_FINAL)
            return
        failure = pb_utils.TritonError(f"{_reason(error)}: {error}")
        self._sender.send(pb_utils.InferenceResponse(error=failure), flags=_FINAL)

    def _send_last(self, *tensors: Any) -> None:
        self._ended = True
        self._sender.send(pb_utils.InferenceResponse(list(tensors)), flags=_FINAL)

    def _candidates(self, candidates: Sequence[Candidate]) -> list[Any]:
        scores = [np.nan if each.log_probability is None else each.log_probability for each in candidates]
        return [
            _texts("text", [each.text for each in candidates]),
            pb_utils.Tensor("log_probability", np.array(scores, dtype=np.float32)),
            _texts("finish_reason", [each.finish_reason.value for each in candidates]),
            self._model(),
        ]

    def _model(self) -> Any:
        return _texts("model", [self._summarizer.model.name, self._summarizer.model.version])


def _load_engine(parameters: ModelParameters, args: dict[str, str]) -> GeneratingSummarizer:
    placement = parameters.placement(args["model_instance_kind"], args["model_instance_device_id"])
    max_batch, max_waiting = parameters.number("max_batch", 0), parameters.number("max_waiting", 256)
    folder = Path(__file__).parent
    match parameters.text("engine", "ctranslate2"):
        case "ctranslate2":
            return LocalSummarizer.load(
                folder,
                threads=parameters.number("threads", 0) or None,
                placement=placement,
                max_batch=max_batch or None,
                max_waiting=max_waiting,
            )
        case "torch":
            sys.path.append(str(folder))
            from torch_engine import TorchSummarizer  # noqa: PLC0415 (only this engine has torch)

            summarizer: GeneratingSummarizer = TorchSummarizer.load(
                folder / parameters.text("checkpoint", "checkpoint"),
                device=f"cuda:{placement.device_index}" if placement.is_gpu else "cpu",
                dtype=parameters.text("gpu_compute_type", "bfloat16") if placement.is_gpu else "float32",
                max_batch=max_batch or 8,
                max_waiting=max_waiting,
                languages=parameters.text("languages", "en").split(),
                prompt=parameters.text("prompt") or None,
            )
            return summarizer
        case other:
            raise ModelFormatError(
                f"summarizer: parameter 'engine' must be ctranslate2 or torch, not {other!r}"
            )


def _read(request: Any) -> SummaryRequest:
    """Reads an article.

    Raises:
        ValueError: a value is out of its limits; the message names it.
    """
    article = SummaryRequest(
        article_id=request.request_id() or "article",
        revision="",
        headline=_text(request, "headline"),
        body=_text(request, "body"),
        language="und",
        candidates=int(_value(request, "candidates")),
        max_tokens=int(_value(request, "max_tokens")),
        stream_drafts=_flag(request, "stream_drafts"),
    )
    check_request(article)
    return article


def _text(request: Any, name: str) -> str:
    return str(_value(request, name).decode(errors="replace"))


def _flag(request: Any, name: str) -> bool:
    return bool(_value(request, name, default=False))


def _value(request: Any, name: str, *, default: Any = None) -> Any:
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return default if tensor is None else tensor.as_numpy().reshape(-1)[0]


def _texts(name: str, texts: Any) -> Any:
    return pb_utils.Tensor(
        name, np.array([text.encode(errors="replace") for text in texts], dtype=np.object_)
    )


def _reason(error: Exception) -> str:
    if isinstance(error, ModelOverloadedError):
        return "OVERLOADED"
    if isinstance(error, SummaryNotWrittenError):
        return "UNWRITTEN"
    return "INVALID" if isinstance(error, ValueError) else "UNAVAILABLE"
