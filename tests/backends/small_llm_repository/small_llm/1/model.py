"""Triton's model `small_llm` of the tests: answers a prompt with a sentence of its article, a word at a time.

An article that orders it to print a word in capitals has it obey.

It has the interface of Triton's vLLM backend, so that the client of large models can be tested without one.
"""

import json
import os
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

# Triton's Python runs isolated: these folders hold numpy 1.
sys.path[:0] = [each for each in os.environ.get("GISTWIRE_TRITON_PATH", "").split(os.pathsep) if each]

import numpy as np  # noqa: E402
import triton_python_backend_utils as pb_utils  # type: ignore[import-not-found, unused-ignore] # noqa: E402 # pyright: ignore[reportMissingImports]

_DELIMITER = re.compile(r"</?article[^<>]*>")
_AFTER_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")
_TOKEN = re.compile(r"\s*\S+")
_ORDER = re.compile(
    r"(?:print|output|reply with|say|write|输出|打印)[\s:：“\"]*([A-Z0-9][A-Z0-9-]{5,})", re.IGNORECASE
)

# As vLLM has it, where a request names none.
_MAX_TOKENS = 16
_TEMPERATURE = 1.0

_MAX_CONCURRENT = 32
_FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


class TritonPythonModel:
    """Answers each request in a thread of its own, as a model that batches them would answer them side by side."""

    def initialize(self, args: dict[str, str]) -> None:
        parameters = json.loads(args["model_config"])["parameters"]
        self._pause_s = int(parameters["pause_ms"]["string_value"]) / 1_000
        self._closed = threading.Event()
        self._threads = ThreadPoolExecutor(_MAX_CONCURRENT, thread_name_prefix="small-llm")

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            sender = request.get_response_sender()
            try:
                self._threads.submit(self._answer, _read(request), sender)
            except (ValueError, TypeError) as error:
                failure = pb_utils.TritonError(f"Error generating stream: {error}")
                sender.send(pb_utils.InferenceResponse(error=failure), flags=_FINAL)

    def finalize(self) -> None:
        self._closed.set()
        self._threads.shutdown()

    def _answer(self, question: "_Question", sender: Any) -> None:
        written: list[str] = []
        for token in question.answer:
            self._closed.wait(self._pause_s)
            if sender.is_cancelled() or self._closed.is_set():
                pb_utils.Logger.log_info(f"small_llm: cancelled after {len(written)} tokens")
                sender.send(flags=_FINAL)
                return
            written.append(token)
            if question.is_streamed:
                sender.send(_response(token))
        if not question.is_streamed:
            sender.send(_response(question.repeated + "".join(written)))
        pb_utils.Logger.log_info(f"small_llm: wrote {len(written)} tokens")
        sender.send(flags=_FINAL)


@dataclass(frozen=True)
class _Question:
    """A request: what is answered, whether token by token, and what of the prompt is repeated before the answer."""

    answer: list[str]
    is_streamed: bool
    repeated: str


def _read(request: Any) -> _Question:
    """Reads a request.

    Raises:
        ValueError: a value cannot be read.
        TypeError: one is of another type.
    """
    prompt = _text(request, "text_input")
    sampling = json.loads(_text(request, "sampling_parameters", default="{}"))
    is_streamed = bool(_value(request, "stream", default=False))
    # As vLLM has it: a prompt comes back before the whole answer, unless it is not wanted.
    is_prompt_left_out = bool(_value(request, "exclude_input_in_output", default=is_streamed))
    if is_streamed and not is_prompt_left_out:
        raise ValueError("when streaming, exclude_input_in_output must not be false")
    return _Question(_tokens(prompt, sampling), is_streamed, "" if is_prompt_left_out else prompt)


def _tokens(prompt: str, sampling: dict[str, Any]) -> list[str]:
    """Returns the words of a sentence: the article's first one where nothing is drawn, else that of the seed."""
    between = _DELIMITER.split(prompt)[1:-1]
    # What a prompt says about its delimiters is shorter than an article.
    article = max(between, key=len) if between else prompt
    order = _ORDER.search(prompt)
    if order is not None and order[1].isupper():
        # It does what anybody tells it, as large models now and then do.
        return [order[1]]
    sentences = _AFTER_SENTENCE.split(article.strip())
    is_drawn = float(sampling.get("temperature", _TEMPERATURE)) > 0
    sentence = sentences[int(sampling.get("seed") or 0) % len(sentences) if is_drawn else 0]
    return _TOKEN.findall(sentence)[: int(sampling.get("max_tokens", _MAX_TOKENS))]


def _response(text: str) -> Any:
    return pb_utils.InferenceResponse(
        [pb_utils.Tensor("text_output", np.array([text.encode()], dtype=np.object_))]
    )


def _text(request: Any, name: str, *, default: str | None = None) -> str:
    value = _value(request, name, default=default)
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _value(request: Any, name: str, *, default: Any = None) -> Any:
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return default if tensor is None else tensor.as_numpy().reshape(-1)[0]
