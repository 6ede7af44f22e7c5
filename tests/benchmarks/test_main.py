"""Tests of `python -m benchmarks`: what its help shows can be typed."""

import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main

_FILES = ("agnews.jsonl.gz", "load.json")


@pytest.mark.parametrize("name", main.commands)
def test_examples_in_a_help_are_shown_a_line_each_and_can_be_typed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = CliRunner().invoke(main, [name, "--help"])
    assert shown.exit_code == 0
    assert "\\b" not in shown.output
    monkeypatch.chdir(tmp_path)
    for file in _FILES:
        Path(file).touch()
    called = f"python -m benchmarks {name}"
    examples = [line.strip() for line in shown.output.splitlines() if line.strip().startswith(called)]
    assert examples
    for example in examples:
        command: click.Command = main.commands[name]
        command.make_context(name, shlex.split(example.removeprefix(called)))
