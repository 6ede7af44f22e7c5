"""Tokenizers of converted models, and how long a text is by them: `read_tokenizer` and `TokenCounter`."""

from pathlib import Path

from tokenizers import Tokenizer

from gistwire_models.errors import ModelFormatError
from gistwire_models.model_folder import TOKENIZER_FILE


def read_tokenizer(folder: Path) -> Tokenizer:
    """Reads the tokenizer of a model's folder, without padding and truncation.

    Raises:
        ModelFormatError: it cannot be read.
    """
    path = folder / TOKENIZER_FILE
    try:
        tokenizer: Tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises Exception itself
        raise ModelFormatError(f"{path} cannot be read: {error}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def without_surrogates(text: str) -> str:
    """Replaces lone surrogates, which tokenizers refuse."""
    return text if text.isascii() else text.encode(errors="replace").decode()


class TokenCounter:
    """Tells how long texts are in tokens of a vocabulary.

    Args:
        tokenizer: without padding and truncation.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def count_tokens(self, text: str) -> int:
        """Counts the tokens of a text, without ``[CLS]`` and ``[SEP]`` and without a limit."""
        return len(self._tokenizer.encode(without_surrogates(text), add_special_tokens=False).ids)
