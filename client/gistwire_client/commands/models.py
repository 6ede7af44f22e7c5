"""`gistwire models`: which models Triton servers host, and in which version; and a local server."""

import asyncio
import json
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gistwire_client.terminal.safe_text import folded

if TYPE_CHECKING:
    from gistwire_models.triton.repository import HostedVersion, Promotion, TritonRepository

_EXAMPLES = """\b
Examples:
  gistwire models serve
  gistwire models list
  gistwire models promote summarizer 2
  gistwire models roll-back summarizer
"""

_DEFAULT_URL = "http://127.0.0.1:8000"

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _url_option(command: _Command) -> _Command:
    return click.option(
        "--url",
        "urls",
        multiple=True,
        default=(_DEFAULT_URL,),
        show_default=True,
        help="Address of a server's HTTP service; repeatable, one server after the other.",
    )(command)


def _json_option(command: _Command) -> _Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON objects, one a line.")(command)


@click.group(epilog=_EXAMPLES)
def models() -> None:
    """Look after the models that Triton servers host.

    What is promoted here lasts until a server is started again, which then serves what its model repository says;
    `gistwire-train promote` changes that, and `gistwire models load` has a running server follow.
    """


@models.command(name="list", epilog="\b\nExample:\n  gistwire models list --url http://10.0.0.7:8000 --json")
@_url_option
@_json_option
def list_models(*, urls: tuple[str, ...], as_json: bool) -> None:
    """Show models and versions, which of them are served, and what they have answered."""

    async def show(url: str, repository: "TritonRepository") -> None:
        versions = await repository.versions()
        if as_json:
            for each in versions:
                click.echo(json.dumps(_as_json(url, each), ensure_ascii=False))
            return
        click.echo(f"{url}")
        for each in versions:
            click.echo(f"  {_readable(each)}")

    _on_each(urls, show)


@models.command(epilog="\b\nExample:\n  gistwire models load summarizer")
@click.argument("model")
@_url_option
@_json_option
def load(*, model: str, urls: tuple[str, ...], as_json: bool) -> None:
    """Load a model, or load it anew as its repository says now."""

    async def load_one(url: str, repository: "TritonRepository") -> None:
        version = await repository.load(model)
        if as_json:
            click.echo(json.dumps({"url": url, "model": model, "version": version}))
        else:
            click.echo(f"{url}: {model} is served in version {version}")

    _on_each(urls, load_one)


@models.command(epilog="\b\nExample:\n  gistwire models unload summarizer")
@click.argument("model")
@_url_option
def unload(*, model: str, urls: tuple[str, ...]) -> None:
    """Unload a model once the requests under way are answered."""

    async def unload_one(url: str, repository: "TritonRepository") -> None:
        await repository.unload(model)
        click.echo(f"{url}: {model} is not served any more")

    _on_each(urls, unload_one)


@models.command(epilog="\b\nExample:\n  gistwire models promote summarizer 2")
@click.argument("model")
@click.argument("version", type=click.IntRange(min=1))
@_url_option
@_json_option
def promote(*, model: str, version: int, urls: tuple[str, ...], as_json: bool) -> None:
    """Have a version served in place of the present one, without a failed request."""

    async def promote_one(url: str, repository: "TritonRepository") -> None:
        _say(url, await repository.promote(model, version), as_json=as_json)

    _on_each(urls, promote_one)


@models.command(name="roll-back", epilog="\b\nExample:\n  gistwire models roll-back summarizer")
@click.argument("model")
@_url_option
@_json_option
def roll_back(*, model: str, urls: tuple[str, ...], as_json: bool) -> None:
    """Have the version served that was before the last promotion."""

    async def roll_back_one(url: str, repository: "TritonRepository") -> None:
        _say(url, await repository.roll_back(model), as_json=as_json)

    _on_each(urls, roll_back_one)


@models.command(epilog="\b\nExample:\n  gistwire models serve --repository ./model_repo --grpc-port 8001")
@click.option(
    "--repository",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The model repository.  [default: the one that comes with Gistwire]",
)
@click.option("--model", "names", multiple=True, default=("encoder", "summarizer"), show_default=True)
@click.option("--grpc-port", type=click.IntRange(0, 65_535), default=8001, show_default=True)
@click.option("--http-port", type=click.IntRange(0, 65_535), default=8000, show_default=True)
@click.option("--metrics-port", type=click.IntRange(0, 65_535), default=8002, show_default=True)
@click.option("--log-file", type=click.Path(dir_okay=False, path_type=Path), help="Where its log goes.")
def serve(
    *,
    repository: Path | None,
    names: tuple[str, ...],
    grpc_port: int,
    http_port: int,
    metrics_port: int,
    log_file: Path | None,
) -> None:
    """Run a Triton server on this machine, on the CPU, without Docker.

    The first start fetches it. It listens on the loopback interface alone, and ends on SIGINT or SIGTERM.
    """
    from gistwire_models.errors import GistwireModelError  # noqa: PLC0415
    from gistwire_models.shipped import default_repository  # noqa: PLC0415
    from gistwire_models.triton.launcher import TritonProcess  # noqa: PLC0415

    try:
        click.echo("preparing Triton…", err=True)
        server = TritonProcess(
            repository or default_repository(),
            names,
            ports=(grpc_port, http_port, metrics_port),
            log_file=log_file,
        )
        try:
            server.start()
            click.echo(f"gRPC {server.target}, HTTP {server.url}, metrics {server.metrics_url}", err=True)
            asyncio.run(_until_told_to_end(server.has_ended))
            if server.has_ended():
                raise click.ClickException(f"Triton ended by itself:\n{server.log()[-2000:]}")
            server.stop()
        finally:
            server.close()
    except (GistwireModelError, OSError) as error:
        raise click.ClickException(str(error)) from error


async def _until_told_to_end(has_ended: Callable[[], bool]) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    while not told.is_set() and not has_ended():
        try:
            async with asyncio.timeout(1):
                await told.wait()
        except TimeoutError:
            # Looks whether it still runs.
            continue


def _on_each(
    urls: tuple[str, ...], work: Callable[[str, "TritonRepository"], Coroutine[Any, Any, None]]
) -> None:
    from gistwire_models.errors import GistwireModelError  # noqa: PLC0415
    from gistwire_models.triton.repository import TritonRepository  # noqa: PLC0415

    async def run() -> None:
        for url in urls:
            async with TritonRepository(url) as repository:
                await work(url, repository)

    try:
        asyncio.run(run())
    except GistwireModelError as error:
        raise click.ClickException(folded(str(error))) from error


def _say(url: str, promotion: "Promotion", *, as_json: bool) -> None:
    if as_json:
        shown = {
            "url": url,
            "model": promotion.model,
            "before": promotion.before,
            "after": promotion.after,
        }
        click.echo(json.dumps(shown))
    elif promotion.before == promotion.after:
        click.echo(f"{url}: {promotion.model} is served in version {promotion.after} already")
    else:
        click.echo(f"{url}: {promotion.model} {promotion.before} → {promotion.after}")


def _as_json(url: str, version: "HostedVersion") -> dict[str, object]:
    return {
        "url": url,
        "model": version.model,
        "version": version.version,
        "state": version.state,
        "reason": version.reason,
        "served": version.is_served,
        "requests": version.requests,
        "meanMs": None if version.mean_ms is None else round(version.mean_ms, 3),
    }


def _readable(version: "HostedVersion") -> str:
    if version.version is None:
        return folded(f"{version.model}: not loaded")
    line = f"{version.model} {version.version}: {version.state.lower() or 'not loaded'}"
    if version.is_served:
        line += ", served"
    if version.mean_ms is not None:
        line += f"; {version.requests:,} requests, {version.mean_ms:.1f} ms on average"
    return folded(f"{line} ({version.reason})" if version.reason else line)
