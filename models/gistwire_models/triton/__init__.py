"""Encoder and summarizers that Triton servers host; import it explicitly, as it loads gRPC."""

from gistwire_models.triton.encoder import TritonEncoder
from gistwire_models.triton.endpoints import EndpointPool
from gistwire_models.triton.prompt import PromptTemplate
from gistwire_models.triton.prompted import PromptedModel, PromptedSummarizer
from gistwire_models.triton.settings import TritonSettings
from gistwire_models.triton.summarizer import TritonSummarizer

__all__ = [
    "EndpointPool",
    "PromptTemplate",
    "PromptedModel",
    "PromptedSummarizer",
    "TritonEncoder",
    "TritonSettings",
    "TritonSummarizer",
]
