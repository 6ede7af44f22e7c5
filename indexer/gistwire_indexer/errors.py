"""Errors of the indexer package.

GistwireIndexerError          anything that the indexer could not do
├── ArticleError              an article cannot be indexed as it is
├── SourceError               a source cannot be read at all
│   ├── RobotsExclusionError  the host asks crawlers to stay away from an address
│   └── HostPausedError       the host asked to be left alone for a while
├── CrawlConfigurationError   the configuration of the crawler cannot be read
├── CrawlStateError           the crawler's state cannot be read or written
├── FilterError               a filter expression cannot be read
├── IndexUnavailableError     the index does not answer, or was closed
└── IndexFormatError          the index was written by another version or for another model
"""


class GistwireIndexerError(Exception):
    """Anything that the indexer could not do."""


class ArticleError(GistwireIndexerError):
    """An article cannot be indexed as it is.

    Attributes:
        field: name of the field that is wrong, such as ``"headline"``; empty if none in particular.
        description: what is wrong with it.
    """

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field}: {description}" if field else description)
        self.field = field
        self.description = description


class SourceError(GistwireIndexerError):
    """A source cannot be read at all: no such file, no answer, or not the format it was said to be."""


class RobotsExclusionError(SourceError):
    """The host's robots.txt asks crawlers to stay away from an address, or could not be read."""


class HostPausedError(SourceError):
    """The host asked to be left alone for a while.

    Attributes:
        left_s: how much of that while is left, in seconds.
    """

    def __init__(self, message: str, *, left_s: float) -> None:
        super().__init__(message)
        self.left_s = left_s


class CrawlConfigurationError(GistwireIndexerError):
    """The configuration of the crawler cannot be read, or makes no sense; the message names the field."""


class CrawlStateError(GistwireIndexerError):
    """The crawler's state cannot be read or written, or another crawler uses it."""


class FilterError(GistwireIndexerError):
    """A filter expression cannot be read.

    Attributes:
        column: place of the fault in the expression, from 1; None if it is the expression as a whole.
    """

    def __init__(self, message: str, *, column: int | None = None) -> None:
        super().__init__(message if column is None else f"{message} (column {column})")
        self.column = column


class IndexUnavailableError(GistwireIndexerError):
    """The index does not answer, or was closed."""


class IndexFormatError(GistwireIndexerError):
    """The index was written by another version of Gistwire or for another encoder."""
