"""The folder of a converted summarizer: written by the export, read by local_summarizer.py."""

from pathlib import Path
from typing import Annotated

import msgspec

from gistwire_models.errors import ModelFormatError
from gistwire_models.model_folder import read_description_of
from gistwire_models.summarizer_source import MIN_SOURCE_TOKENS

VOCABULARY_MAP_FILE = "vmap.txt"
"""CTranslate2's name of the list of tokens that may be written for a source."""


class SummarizerDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder says about the summarizer in it.

    Attributes:
        name: the model's name.
        version: changes whenever the model's output may change.
        languages: ISO 639-1 codes of the languages it writes.
        max_source_tokens: longest source, in tokens, with the marks around headline and body.
        max_target_tokens: longest text it was trained to write, in tokens.
    """

    name: str
    version: str
    languages: tuple[str, ...]
    max_source_tokens: Annotated[int, msgspec.Meta(ge=MIN_SOURCE_TOKENS)]
    max_target_tokens: Annotated[int, msgspec.Meta(ge=1)]


def read_summarizer_description(folder: Path) -> SummarizerDescription:
    """Reads what a folder says about its summarizer.

    Raises:
        ModelNotFoundError: there is no converted summarizer in `folder`.
        ModelFormatError: the description cannot be read.
    """
    return read_description_of(SummarizerDescription, folder, model="summarizer")


def read_always_allowed(folder: Path) -> tuple[str, ...]:
    """Reads which tokens may be written whatever the source: the map's first line, which has an empty key.

    Raises:
        ModelFormatError: the map cannot be read, or has no such line.
    """
    path = folder / VOCABULARY_MAP_FILE
    try:
        with path.open(encoding="utf-8") as lines:
            key, separator, tokens = next(lines, "").partition("\t")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelFormatError(f"{path} cannot be read: {error}") from error
    if key or not separator:
        raise ModelFormatError(f"{path} does not begin with the tokens that are always allowed")
    return tuple(tokens.split())
