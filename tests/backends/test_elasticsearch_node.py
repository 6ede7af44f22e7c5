"""Tests of what is said of a node that does not come up; those of one that does are in test_elasticsearch.py."""

import pytest

from tests.backends.elasticsearch_node import node_settings, wait_until_gone, wait_until_ready
from tests.backends.errors import BackendUnavailableError
from tests.backends.ports import free_port


def test_a_node_that_ended_is_not_waited_for_and_its_log_is_told() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(BackendUnavailableError, match="node locks") as told:
        wait_until_ready(url, has_ended=lambda: True, log=lambda: "failed to obtain node locks")
    assert url in str(told.value)


def test_given_settings_overrule() -> None:
    settings = node_settings({"cluster.routing.allocation.disk.watermark.low": "90%", "node.name": "one"})
    assert settings["cluster.routing.allocation.disk.watermark.low"] == "90%"
    assert settings["node.name"] == "one"
    assert settings["discovery.type"] == "single-node"


def test_a_port_that_nobody_has_is_not_waited_for() -> None:
    wait_until_gone(free_port())
