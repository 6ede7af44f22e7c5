"""Reads a thesaurus: words with others that can stand in their place. For `AugmentedPairs`."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from gistwire_training.errors import TrainingDataError

Thesaurus: TypeAlias = Mapping[str, tuple[str, ...]]
"""For each word in lower case its synonyms in the same form: "buys" has "purchases", not "purchase"."""


def read_thesaurus(path: Path) -> Thesaurus:
    """Reads a text file with lines such as ``buys: purchases, acquires``; ``#`` begins a comment.

    Raises:
        TrainingDataError: the file cannot be read, or a line is none of these; says which.
    """
    try:
        return _parse(path.read_text(encoding="utf-8"), origin=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingDataError(f"{path}: cannot be read: {error}") from error


def news_thesaurus() -> Thesaurus:
    """Returns the thesaurus that comes with Gistwire: some 150 words that are common in English news."""
    text = (files("gistwire_training.data") / "thesaurus.txt").read_text(encoding="utf-8")
    return _parse(text, origin="thesaurus.txt")


def _parse(text: str, *, origin: str) -> Thesaurus:
    entries: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        word, colon, rest = content.partition(":")
        synonyms = tuple(synonym.strip() for synonym in rest.split(",") if synonym.strip())
        if not colon or not word.strip() or not synonyms:
            raise TrainingDataError(f"{origin}, line {number}: expected 'word: synonym, synonym'")
        entries[word.strip().lower()] = synonyms
    return MappingProxyType(entries)
