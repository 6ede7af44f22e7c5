"""The `gistwire-train` command: `main` is its entry point. A subcommand's module is imported when it is called."""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import NoReturn

import click
from gistwire_models.errors import GistwireModelError

from gistwire_training.errors import GistwireTrainingError

_COMMANDS = {
    "prepare": "Make training, validation and test pairs of news.",
    "summarizer": "Train a summarizer, or go on with a run.",
    "encoder": "Fine-tune the text encoder on headlines and their bodies.",
    "encoder-export": "Convert a fine-tuned text encoder to a folder that is served.",
    "encoder-evaluate": "Compare an exported text encoder with the one it came from.",
    "evaluate": "Compare summarizers with baselines on what people wrote.",
    "scorer": "Fit the scorer that chooses among candidate summaries.",
    "topics": "Fit the classifier of news categories on the encoder's embeddings.",
    "export": "Convert a trained model to a folder that is served.",
    "promote": "Have an exported summarizer served, if it is good enough.",
    "refresh": "Train the served summarizer on with new pairs.",
    "versions": "List the versions of a model, and which one is served.",
    "roll-back": "Serve the previous version again.",
}
"""Each command with the first line of its help, so that the overview needs none of their imports."""

_EPILOG = """\b
Examples:
  gistwire-train prepare news.jsonl --out data
  gistwire-train summarizer data --run runs/first
  gistwire-train evaluate data --model model_repo/summarizer/1 --report report

\b
Exit status:
  0    done
  1    failed
  2    usage error
  130  interrupted
"""

_INTERRUPTED = 130


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        if find_spec("torch") is None:
            raise click.ClickException("training needs more packages: run `pip install 'gistwire[training]'`")
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"gistwire_training.commands.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyGroup, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gistwire", prog_name="gistwire-train")
def gistwire_train() -> None:
    """Make the models that Gistwire serves: data, fine-tuning, evaluation, export."""


def main() -> NoReturn:
    """Runs the command with the process's arguments and ends the process with its exit status."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs the command with the given arguments; returns its exit status."""
    try:
        status = gistwire_train.main(arguments, prog_name="gistwire-train", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (GistwireTrainingError, GistwireModelError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        return 1
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return _INTERRUPTED
    return status if isinstance(status, int) else 0
