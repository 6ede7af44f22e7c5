"""Errors of this package.

PeersError
├── ElasticsearchNeededError  a system was chosen that needs a cluster, and none was named
├── SystemFailedError         a system under measurement ended, or could not answer a search
├── SystemsDisagreeError      a system finds so much else that its times mean nothing beside ours
├── TooFewArticlesError       the articles are too few for so many queries
└── UnknownWeightsError       a file of weights is not as CTranslate2 writes it
"""


class PeersError(Exception):
    """Systems cannot be compared."""


class ElasticsearchNeededError(PeersError):
    """A system was chosen that needs a cluster, and none was named."""


class SystemFailedError(PeersError):
    """A system under measurement ended, or could not answer a search."""


class SystemsDisagreeError(PeersError):
    """A system finds so much else that its times mean nothing beside ours."""


class TooFewArticlesError(PeersError):
    """The articles are too few for so many queries."""


class UnknownWeightsError(PeersError):
    """A file of weights is not as CTranslate2 writes it."""
