"""Text encoders and summarizers: a Protocol each, and engines behind it.

The engine that runs in this process is in `gistwire_models.local_encoder`, imported by those who use it, as it
loads CTranslate2.
"""

from gistwire_models.batching import DynamicBatcher
from gistwire_models.encoder import Embedding, ModelVersion, Priority, TextEncoder
from gistwire_models.errors import (
    GistwireModelError,
    ModelFormatError,
    ModelNotFoundError,
    ModelOverloadedError,
    ModelUnavailableError,
)
from gistwire_models.extractive import ExtractiveSummarizer
from gistwire_models.scripted import ScriptedEncoder, ScriptedSummarizer, SummaryScript
from gistwire_models.sentences import Sentence, split_sentences
from gistwire_models.summarizer import (
    Candidate,
    Candidates,
    DraftDelta,
    FinishReason,
    Origin,
    Summarizer,
    SummaryRequest,
)

__all__ = [
    "Candidate",
    "Candidates",
    "DraftDelta",
    "DynamicBatcher",
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
    "SummaryRequest",
    "SummaryScript",
    "TextEncoder",
    "split_sentences",
]
