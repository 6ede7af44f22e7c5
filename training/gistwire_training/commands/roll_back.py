"""`gistwire-train roll-back`: serves the previous version again."""

from pathlib import Path

import click

from gistwire_training.commands.output import json_option, print_result
from gistwire_training.commands.repository import model_option, repository_option
from gistwire_training.registry import ModelName
from gistwire_training.registry import roll_back as roll_back_model

_EPILOG = """\b
Examples:
  gistwire-train roll-back
  gistwire-train roll-back --repository /srv/models --reason "readers complain of cut sentences"
"""


@click.command(epilog=_EPILOG)
@repository_option
@model_option
@click.option("--reason", default="rolled back", show_default=True, help="What the history says about it.")
@json_option
def roll_back(*, repository: Path, model: ModelName, reason: str, as_json: bool) -> None:
    """Serve the version that was served before. Servers take it when they start."""
    print_result(roll_back_model(repository, model, reason=reason), as_json=as_json)
