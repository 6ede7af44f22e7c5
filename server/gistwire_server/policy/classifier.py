"""A deployment's own judgement of texts: `SummaryClassifier`, loaded by `load_classifier`, asked by `ask`."""

import asyncio
from typing import Protocol

import structlog

from gistwire_server.errors import ConfigurationError
from gistwire_server.policy.config import PolicyConfig

ENTRY_POINT_GROUP = "gistwire.summary_policies"
"""Group of the entry points that are functions without arguments, each of which makes a SummaryClassifier."""

_log = structlog.get_logger(__name__)


class SummaryClassifier(Protocol):
    """Judges texts that are about to be shown. It may be asked about several at a time."""

    async def allows(self, text: str, *, language: str) -> bool:
        """Whether a text may be shown.

        Args:
            text: a summary, extract or headline, masked already.
            language: ISO 639-1 code of the article, or ``"und"``.
        """
        ...


def load_classifier(name: str) -> SummaryClassifier:
    """Loads a classifier by the name of its entry point.

    Only what an installed package declares can be named: a configuration that could name any module would let who
    writes it run any code that lies about.

    Raises:
        ConfigurationError: there is none of this name, or it cannot be made.
    """
    # Servers without a classifier do without the imports.
    from importlib.metadata import entry_points  # noqa: PLC0415

    found = entry_points(group=ENTRY_POINT_GROUP)
    if name not in found.names:
        known = ", ".join(sorted(found.names)) or "none"
        raise ConfigurationError(
            f"policy.classifier: no installed package has an entry point {name!r} in {ENTRY_POINT_GROUP} "
            f"(there are: {known})"
        )
    try:
        classifier: SummaryClassifier = found[name].load()()
    except Exception as error:
        raise ConfigurationError(f"policy.classifier: {name!r} cannot be loaded: {error}") from error
    return classifier


async def ask(classifier: SummaryClassifier, text: str, language: str, config: PolicyConfig) -> str | None:
    """Asks about a text, for no longer than the configuration says.

    Returns:
        the rule that refuses the text, as PolicyAction names it; None if it may be shown.
    """
    try:
        async with asyncio.timeout(config.classifier_timeout_s):
            return None if await classifier.allows(text, language=language) else "classifier"
    except Exception as error:  # noqa: BLE001 (whatever goes wrong in it, the configuration says what follows)
        _log.warning("classifier_failed", error=type(error).__name__, then=config.classifier_failure)
        return "classifier_failure" if config.classifier_failure == "refuse" else None
