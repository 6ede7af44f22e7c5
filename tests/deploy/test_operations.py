"""Tests that docs/operations.md and docs/deployment.md name alerts, commands and options that there are."""

import re
import shlex
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from gistwire_client.main import gistwire

ROOT = Path(__file__).parents[2]
OPERATIONS = ROOT / "docs" / "operations.md"
DEPLOYMENT = ROOT / "docs" / "deployment.md"


def test_there_is_a_section_for_each_alert() -> None:
    rules = msgspec.yaml.decode(
        (ROOT / "deploy" / "prometheus" / "alerts.yml").read_bytes(), type=dict[str, Any]
    )
    alerts = [rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule]
    assert len(alerts) > 10
    sections = re.findall(r"^### (Gistwire\w+)$\n\S", OPERATIONS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(sections) == sorted(alerts)


def documented_commands() -> list[str]:
    found: list[str] = []
    for path in (OPERATIONS, DEPLOYMENT):
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        found += re.findall(r"(?:^|`)(gistwire [a-z][^`\n#>|]*)", text, re.MULTILINE)
    return sorted({re.sub(r"\s+", " ", command).strip(" …") for command in found})


@pytest.mark.parametrize("command", documented_commands())
def test_each_command_has_the_options_that_it_is_called_with(command: str) -> None:
    _, *words = shlex.split(command)
    found: click.Command = gistwire
    context = click.Context(gistwire, info_name="gistwire")
    while isinstance(found, click.Group) and words:
        inner = found.get_command(context, words.pop(0))
        assert inner is not None
        found = inner
    options = {name for parameter in found.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options
