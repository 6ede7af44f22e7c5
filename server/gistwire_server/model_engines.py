"""Opens the models that a configuration names: `open_encoder` and `open_summarizer`."""

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from gistwire_models.combined_summarizer import CombinedSummarizer
from gistwire_models.cores import default_replicas
from gistwire_models.deferred_summarizer import DeferredSummarizer
from gistwire_models.embedding_cache import CachingEncoder
from gistwire_models.encoder import CountingEncoder, ModelVersion, Priority
from gistwire_models.encoder_folder import EncoderDescription, read_description
from gistwire_models.errors import GistwireModelError
from gistwire_models.extractive import ExtractiveSummarizer
from gistwire_models.shipped import default_encoder_folder, default_summarizer_folder, served_model_folder
from gistwire_models.summarizer import GeneratingSummarizer, Summarizer
from gistwire_models.summarizer_folder import read_summarizer_description

from gistwire_server.config import PromptedConfig, ServerConfig, TritonConfig
from gistwire_server.errors import ConfigurationError

if TYPE_CHECKING:
    from gistwire_models.triton import TritonSettings

_log = structlog.get_logger(__name__)


def describe_encoder(config: ServerConfig) -> EncoderDescription:
    """Reads what is known of the encoder of a configuration before it is open.

    Raises:
        ModelNotFoundError: its folder is not there.
        ModelFormatError: its description cannot be read.
    """
    return read_description(config.encoder_dir or default_encoder_folder())


async def open_encoder(config: ServerConfig) -> CountingEncoder:
    """Opens the encoder of a configuration. One that Triton hosts is not reached yet.

    Raises:
        ModelNotFoundError: its folder is not there.
        ModelFormatError: its files cannot be used.
    """
    encoder = await _open_encoder(config)
    kept = config.cache.embeddings
    return CachingEncoder(encoder, max_texts=kept) if kept else encoder


async def _open_encoder(config: ServerConfig) -> CountingEncoder:
    folder = config.encoder_dir or default_encoder_folder()
    if config.models == "local":
        # A server whose models are elsewhere does without their runtime.
        from gistwire_models.local_encoder import LocalEncoder  # noqa: PLC0415

        local = await asyncio.to_thread(LocalEncoder.load, folder, threads=config.encoder_threads)
        # The first text takes five times as long as others, for which no query is to wait.
        await local.encode(["first"], priority=Priority.QUERY)
        return local
    from gistwire_models.tokenization import TokenCounter, read_tokenizer  # noqa: PLC0415
    from gistwire_models.triton import TritonEncoder  # noqa: PLC0415

    counter = TokenCounter(await asyncio.to_thread(read_tokenizer, folder))
    return TritonEncoder(triton_settings(config.triton), read_description(folder), counter.count_tokens)


async def open_summarizer(
    config: ServerConfig, encoder: CountingEncoder, *, when_asked: bool = False
) -> Summarizer:
    """Opens the summarizer of a configuration, with extracts standing by.

    Args:
        config: the configuration.
        encoder: what extracts are chosen by.
        when_asked: whether a model that runs in this process is opened when it is first asked.

    Raises:
        ModelNotFoundError: its folder is not there.
        ModelFormatError: its files cannot be used, or the template of a prompt.
        ConfigurationError: the template cannot be read.
    """
    extracting = ExtractiveSummarizer(encoder, encoder.count_tokens)
    if config.summarizer == "extracting":
        return extracting
    generating = await (
        _open_local(config, when_asked) if config.models == "local" else _open_on_triton(config)
    )
    return CombinedSummarizer(generating, extracting)


def begun_at_once(config: ServerConfig) -> int | None:
    """Returns how many summaries a model begins at once on the cores of this process; None if it has none of them."""
    if config.models != "local" or config.summarizer == "extracting":
        return None
    return config.summarizer_threads or default_replicas()


def triton_settings(config: TritonConfig) -> "TritonSettings":
    """Returns the settings of Triton servers."""
    from gistwire_models.triton import TritonSettings  # noqa: PLC0415

    return TritonSettings(
        endpoints=config.endpoints,
        ca_file=config.ca_file,
        client_certificate_file=config.client_certificate_file,
        client_key_file=config.client_key_file,
        timeout_s=config.timeout_s,
        reader_timeout_s=config.reader_timeout_s,
        hedge_after_s=config.hedge_after_s,
    )


async def _open_local(config: ServerConfig, when_asked: bool) -> GeneratingSummarizer:
    if when_asked:
        own = await asyncio.to_thread(read_summarizer_description, _summarizer_folder(config))
        model = ModelVersion(own.name, own.version)
        return DeferredSummarizer(model, own.languages, partial(_open_local, config, when_asked=False))
    from gistwire_models.local_summarizer import LocalSummarizer  # noqa: PLC0415

    folder = _summarizer_folder(config)
    return await asyncio.to_thread(LocalSummarizer.load, folder, threads=config.summarizer_threads)


async def _open_on_triton(config: ServerConfig) -> GeneratingSummarizer:
    from gistwire_models.triton import TritonSummarizer  # noqa: PLC0415

    if config.triton.prompted is not None:
        return await asyncio.to_thread(_open_prompted, config.triton, config.triton.prompted)
    own = read_summarizer_description(_summarizer_folder(config))
    summarizer = TritonSummarizer(
        triton_settings(config.triton),
        initial=ModelVersion(own.name, own.version),
        languages=own.languages,
    )
    try:
        await summarizer.describe()
    except GistwireModelError as error:
        # Searches go on with extracts, and with summaries as soon as a server is back, which goes on being asked.
        _log.warning("triton_unavailable_at_start", error=str(error))
    return summarizer


def _open_prompted(triton: TritonConfig, prompted: PromptedConfig) -> GeneratingSummarizer:
    from gistwire_models.triton import PromptedModel, PromptedSummarizer, PromptTemplate  # noqa: PLC0415

    template = PromptTemplate()
    if prompted.template_file is not None:
        try:
            template = PromptTemplate(prompted.template_file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"triton.prompted.template_file: {error}") from error
    model = PromptedModel(
        name=prompted.model,
        version=prompted.version,
        languages=prompted.languages,
        template=template,
        sampling={"temperature": prompted.temperature},
        candidate_temperature=prompted.candidate_temperature,
    )
    return PromptedSummarizer(triton_settings(triton), model)


def _summarizer_folder(config: ServerConfig) -> Path:
    if config.summarizer_dir is None:
        return default_summarizer_folder()
    return served_model_folder(config.summarizer_dir, "summarizer") or config.summarizer_dir
