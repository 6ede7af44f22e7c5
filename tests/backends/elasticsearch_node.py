"""What a node of Elasticsearch needs however it runs: settings, and that it answers before tests begin."""

import http.client
import json
import socket
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from tests.backends.errors import BackendUnavailableError

# Ten seconds on a machine that does nothing else.
_READY_WITHIN_S = 300.0
_ASK_EACH_S = 0.2
_GONE_WITHIN_S = 30.0


def java_options(heap_mb: int) -> str:
    """Returns the options of the Java that runs a node, with the size of its heap."""
    # Tests end before the second compiler has earned what it takes: a third of the start.
    return f"-Xms{heap_mb}m -Xmx{heap_mb}m -XX:TieredStopAtLevel=1"


def node_settings(given: Mapping[str, str] | None) -> dict[str, str]:
    """Returns the settings of a node on its own, overruled and completed by those given."""
    return {
        "discovery.type": "single-node",
        "xpack.security.enabled": "false",
        # Would take half of the start, and needs instructions that not every processor has.
        "xpack.ml.enabled": "false",
        # The disk of the machine may be fuller than a production node would bear; this is what must be free.
        "cluster.routing.allocation.disk.watermark.low": "500mb",
        "cluster.routing.allocation.disk.watermark.high": "400mb",
        "cluster.routing.allocation.disk.watermark.flood_stage": "300mb",
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


def wait_until_gone(port: int) -> None:
    """Waits until nobody takes connections on a port of the loopback interface.

    The end of a killed process with much memory takes a moment, and till then its port and its data are taken.

    Raises:
        BackendUnavailableError: somebody still does.
    """
    deadline = time.monotonic() + _GONE_WITHIN_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            return
        except OSError:
            pass
        time.sleep(0.02)
    raise BackendUnavailableError(f"a killed Elasticsearch still has port {port}")


def _answer(url: str, path: str) -> Any:
    with urllib.request.urlopen(urllib.parse.urljoin(url, path), timeout=5) as response:
        return json.load(response)
