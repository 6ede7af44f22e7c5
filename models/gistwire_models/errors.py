"""Errors of the models package.

GistwireModelError          anything that a model could not do
├── ModelNotFoundError      the weights are not where they were looked for
├── ModelFormatError        the weights are there but cannot be used
├── ModelOverloadedError    the engine's queue is full; try again later
├── SummaryNotWrittenError  the model wrote no word of an article
└── ModelUnavailableError   the engine does not answer, or was closed
"""


class GistwireModelError(Exception):
    """Anything that a model could not do."""


class ModelNotFoundError(GistwireModelError):
    """The weights are not where they were looked for."""


class ModelFormatError(GistwireModelError):
    """The weights are there but cannot be used."""


class ModelOverloadedError(GistwireModelError):
    """The engine's queue is full.

    Attributes:
        retry_after_s: seconds after which trying again makes sense.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SummaryNotWrittenError(GistwireModelError):
    """The model wrote no word of an article, which says nothing of the engine, nor of other articles."""


class ModelUnavailableError(GistwireModelError):
    """The engine does not answer, or was closed."""
