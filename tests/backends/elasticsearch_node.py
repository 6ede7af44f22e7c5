"""What a node of Elasticsearch needs however it runs: its settings, and that it answers before tests begin."""

import http.client
import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping

from tests.backends.errors import BackendUnavailableError

_READY_WITHIN_S = 120.0
_ASK_EACH_S = 0.2


def node_settings(given: Mapping[str, str] | None) -> dict[str, str]:
    """Returns the settings of a node on its own, overruled and completed by those given."""
    return {
        "discovery.type": "single-node",
        "xpack.security.enabled": "false",
        # Would take half of the start, and needs instructions that not every processor has.
        "xpack.ml.enabled": "false",
        # The disk of the machine may be fuller than a production node would bear.
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        **(given or {}),
    }


def wait_until_ready(url: str, *, has_ended: Callable[[], bool], log: Callable[[], str]) -> str:
    """Waits until a node answers that it can take documents.

    Args:
        url: where it answers.
        has_ended: whether it has stopped running, so that waiting is in vain.
        log: what it has written so far.

    Returns:
        Its version.

    Raises:
        BackendUnavailableError: it ended, or does not answer; the message has the end of its log.
    """
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline and not has_ended():
        try:
            if _answer(url, "/_cluster/health")["status"] in ("green", "yellow"):
                [node] = _answer(url, "/_nodes/_local?filter_path=nodes.*.version")["nodes"].values()
                return str(node["version"])
        except (OSError, http.client.HTTPException, ValueError):
            time.sleep(_ASK_EACH_S)
    raise BackendUnavailableError(f"Elasticsearch does not answer at {url}:\n{log()[-3000:]}")


def _answer(url: str, path: str) -> dict[str, dict[str, dict[str, str]]]:
    with urllib.request.urlopen(urllib.parse.urljoin(url, path), timeout=5) as response:
        answer: dict[str, dict[str, dict[str, str]]] = json.load(response)
        return answer
