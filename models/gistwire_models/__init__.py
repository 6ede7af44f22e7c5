"""Text encoders and summarizers: a Protocol each, and engines behind it.

A name is imported with its module when it is first used: who waits for one model does not wait for all. The engine
that runs in this process, `gistwire_models.local_encoder`, is imported by those who use it, as it loads CTranslate2.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gistwire_models.batching import DynamicBatcher
    from gistwire_models.encoder import Embedding, ModelVersion, Priority, TextEncoder
    from gistwire_models.errors import (
        GistwireModelError,
        ModelFormatError,
        ModelNotFoundError,
        ModelOverloadedError,
        ModelUnavailableError,
        SummaryNotWrittenError,
    )
    from gistwire_models.extractive import ExtractiveSummarizer
    from gistwire_models.scripted import ScriptedEncoder, ScriptedSummarizer, SummaryScript
    from gistwire_models.sentences import Sentence, split_sentences
    from gistwire_models.summarizer import (
        Candidate,
        Candidates,
        DraftDelta,
        EarlyCandidates,
        FinishReason,
        Origin,
        Summarizer,
        SummaryEvent,
        SummaryRequest,
    )

__all__ = [
    "Candidate",
    "Candidates",
    "DraftDelta",
    "DynamicBatcher",
    "EarlyCandidates",
    "Embedding",
    "ExtractiveSummarizer",
    "FinishReason",
    "GistwireModelError",
    "ModelFormatError",
    "ModelNotFoundError",
    "ModelOverloadedError",
    "ModelUnavailableError",
    "ModelVersion",
    "Origin",
    "Priority",
    "ScriptedEncoder",
    "ScriptedSummarizer",
    "Sentence",
    "Summarizer",
    "SummaryEvent",
    "SummaryNotWrittenError",
    "SummaryRequest",
    "SummaryScript",
    "TextEncoder",
    "split_sentences",
]

_MODULES = ("batching", "encoder", "errors", "extractive", "scripted", "sentences", "summarizer")


def __getattr__(name: str) -> object:
    if name in __all__:
        for module in _MODULES:
            namespace = vars(import_module(f"gistwire_models.{module}"))
            if name in namespace:
                return namespace[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
