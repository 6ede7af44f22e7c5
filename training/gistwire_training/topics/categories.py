"""From the categories of data sets to ours: `CategoryMapping`, read from a TOML file such as categories.toml."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gistwire_training.errors import TrainingDataError

SHIPPED_MAPPING = Path(__file__).with_name("categories.toml")
"""The mapping of the classifier that comes with Gistwire."""


@dataclass(frozen=True, slots=True)
class CategoryMapping:
    """Which of our categories stands for one of a data set.

    Attributes:
        by_source: for each data set our category of each of its own.
    """

    by_source: Mapping[str, Mapping[str, str]]

    def label(self, source: str, category: str) -> str | None:
        """Returns our category; None for articles that are not to be learned from.

        Args:
            source: the data set; case does not count.
            category: as it has it; one of ours stands for itself in data sets that are not mapped.
        """
        own = self.by_source.get(source.casefold())
        if own is not None:
            return own.get(category.casefold())
        return category.casefold() if category.casefold() in self.labels else None

    @property
    def labels(self) -> frozenset[str]:
        """Our categories."""
        return frozenset(label for labels in self.by_source.values() for label in labels.values())


def read_mapping(path: Path) -> CategoryMapping:
    """Reads a mapping.

    Raises:
        TrainingDataError: the file cannot be read, or is no table of tables of names.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        tables = msgspec.convert(content, dict[str, dict[str, str]])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise TrainingDataError(f"{path}: {error}") from error
    return CategoryMapping(
        {
            source.casefold(): {category.casefold(): label for category, label in categories.items()}
            for source, categories in tables.items()
        }
    )


def shipped_mapping() -> CategoryMapping:
    """Returns the mapping of the classifier that comes with Gistwire."""
    return read_mapping(SHIPPED_MAPPING)
