"""Tests of gistwire_training.main."""

import pytest
from gistwire_training import main


@pytest.mark.parametrize("command", ["prepare", "summarizer", "encoder", "evaluate", "export"])
def test_every_command_has_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([command, "--help"]) == 0
    help_text = capsys.readouterr().out
    assert f"gistwire-train {command}" in help_text
    assert "Examples:" in help_text


def test_the_overview_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--help"]) == 0
    overview = capsys.readouterr().out
    assert all(command in overview for command in ("prepare", "summarizer", "encoder", "evaluate", "export"))


def test_without_the_packages_of_training_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main, "find_spec", lambda name: None)
    assert main.run(["summarizer", "--help"]) == 1
    assert "gistwire[training]" in capsys.readouterr().err


def test_an_unknown_command_is_a_usage_error() -> None:
    assert main.run(["train"]) == 2
