"""The `gistwire` command: `main` is its entry point. A subcommand's module is imported when it is called."""

import io
import os
import sys
from importlib import import_module
from typing import NoReturn

import click

from gistwire_client.garbage import collector_paused

_COMMANDS = {
    "crawl": "Follow feeds, and index what is new, corrected or removed.",
    "demo": "Search a sample corpus, live, without setting anything up.",
    "digest": "Write one text over several articles, each sentence with what supports it.",
    "doctor": "Check what is installed and what works.",
    "event": "Tell what users did with articles; show and erase what is known of them.",
    "index": "Look after the indices of a deployment.",
    "ingest": "Index articles from files, feeds or standard input.",
    "keys": "Make, list and revoke the API keys that a server takes.",
    "models": "Look after the models that Triton servers host.",
    "recommend": "Recommend news to a user, and say why.",
    "search": "Search, and watch hits, summaries and their order come in.",
    "serve": "Run a server.",
    "topics": "Show the stories of a time window, with their digests.",
    "watch": "Show past hits, and then each new article that matches.",
}
"""Each command with the first line of its help, so that the overview needs none of their imports."""

_EPILOG = """\b
Examples:
  gistwire demo
  gistwire ingest news.jsonl
  gistwire search "storms in the north"

\b
Exit status:
  0    done, also where a search was degraded (a line on standard error says so)
  1    failed
  2    usage error
  3    the server refused the request
  4    the server cannot be reached
  130  interrupted
"""

_INTERRUPTED = 130


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        with collector_paused():
            command: click.Command = getattr(import_module(f"gistwire_client.commands.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyGroup, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gistwire", prog_name="gistwire")
def gistwire() -> None:
    """Search news: hits first, then summaries as they are written, then the final order."""


def main() -> NoReturn:
    """Runs the command with the process's arguments and ends the process with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        # A headline must not fail a search because the locale lacks one of its letters.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    # gRPC otherwise writes of connections that a server closes as it should, between the command's own lines.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs the command with the given arguments; returns its exit status."""
    try:
        status = gistwire.main(arguments, prog_name="gistwire", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return _INTERRUPTED
    return status if isinstance(status, int) else 0
