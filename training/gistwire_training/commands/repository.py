"""Options of the commands that read or change a model repository."""

from pathlib import Path

import click

repository_option = click.option(
    "--repository",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("model_repo"),
    show_default=True,
    help="Folder of the model repository.",
)
model_option = click.option(
    "--model", type=click.Choice(["summarizer", "encoder"]), default="summarizer", show_default=True
)
