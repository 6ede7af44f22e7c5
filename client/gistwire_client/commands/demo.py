"""`gistwire demo`: a sample corpus, a server in this process, and a few searches, live."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from gistwire_client.client import GistwireClient
from gistwire_client.commands.ingest import closing_line, send
from gistwire_client.commands.options import json_option
from gistwire_client.commands.search import show_search
from gistwire_client.connection import embedded_server
from gistwire_client.exit_status import run_to_end
from gistwire_client.source_articles import SourceArticles
from gistwire_client.terminal.views import open_view

DEMO_QUERIES = (
    "harbour workers protest robots taking their jobs",
    "what caused the nationwide payment failure",
    "台风青鹭登陆",
)
"""What is searched for unless ``--query`` says otherwise."""

_LISTEN = "127.0.0.1:0"
_TOP_K = 5

_EXAMPLES = """\b
Examples:
  gistwire demo
  gistwire demo --query "dam repairs" --query "vaccination"
  gistwire demo --json | jq .summary.text
"""

_NEXT_STEPS = """
To go on with news of your own:
  gistwire ingest news.jsonl            index a file (JSON lines, CSV, RSS or Atom)
  gistwire search "what you look for"   search it
  gistwire serve                        serve it to others, over gRPC"""


@click.command(epilog=_EXAMPLES)
@click.option("--query", "queries", multiple=True, metavar="TEXT", help="What to search for; repeatable.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that keeps the index.  [default: a temporary one]",
)
@json_option
def demo(*, queries: tuple[str, ...], data_dir: Path | None, as_json: bool) -> None:
    """Search a sample corpus, live, without setting anything up."""
    with ExitStack() as stack:
        folder = data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gistwire-demo-")))
        run_to_end(_demonstrate(folder, queries or DEMO_QUERIES, as_json=as_json))


async def _demonstrate(folder: Path, queries: tuple[str, ...], *, as_json: bool) -> None:
    # With --json, standard output is for events alone.
    def tell(text: str) -> None:
        click.echo(text, err=as_json)

    tell("Starting a server in this process …")
    async with embedded_server(folder, listen=_LISTEN) as target, GistwireClient(target) as client:
        tell(f"It listens at {target}. Indexing the sample corpus, news of an invented world …")
        tell(await _index_sample_corpus(client, folder))
        for query in queries:
            tell(f'\n$ gistwire search "{query}" --target {target} --limit {_TOP_K}\n')
            await show_search(client, open_view(as_json=as_json), query, top_k=_TOP_K, timeout_s=None)
    tell(_NEXT_STEPS)


async def _index_sample_corpus(client: GistwireClient, folder: Path) -> str:
    """Indexes the sample corpus; returns the closing line."""
    import gistwire_indexer  # noqa: PLC0415
    from gistwire_indexer.sources import SourceFormat  # noqa: PLC0415

    corpus = Path(gistwire_indexer.__path__[0]) / "sample_corpus"
    files = sorted(str(path) for path in corpus.glob("*.jsonl") if not path.name.startswith("judged-"))
    articles = SourceArticles(files, SourceFormat.JSONL, folder / "dead-letter.jsonl")
    totals = await send(client, articles, total=None, as_json=False)
    return closing_line(totals, articles)
