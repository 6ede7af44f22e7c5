"""Text encoders and summarizers: a Protocol each, and engines behind it.

The engines stay in their modules, so that importing this package is light.
"""

from gistwire_models.encoder import Embedding, ModelVersion, Priority, TextEncoder
from gistwire_models.errors import (
    GistwireModelError,
    ModelFormatError,
    ModelNotFoundError,
    ModelOverloadedError,
    ModelUnavailableError,
)
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
    "Embedding",
    "FinishReason",
    "GistwireModelError",
    "ModelFormatError",
    "ModelNotFoundError",
    "ModelOverloadedError",
    "ModelUnavailableError",
    "ModelVersion",
    "Origin",
    "Priority",
    "Summarizer",
    "SummaryRequest",
    "TextEncoder",
]
