"""Tests of encrypted connections to Elasticsearch, which ask for a certificate of the client."""

import ssl
from pathlib import Path

import pytest
from aiohttp import web
from gistwire_indexer.elasticsearch.connection import ElasticsearchSettings, connect, explained_errors
from gistwire_indexer.errors import IndexUnavailableError

from tests.certificates import Authority


@pytest.mark.parametrize("shows_certificate", [True, False])
async def test_a_client_shows_its_certificate(tmp_path: Path, shows_certificate: bool) -> None:
    authority = Authority()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.server().write(tmp_path, "server"))
    context.load_verify_locations(authority.write(tmp_path))
    context.verify_mode = ssl.CERT_REQUIRED

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "green"}, headers={"X-Elastic-Product": "Elasticsearch"})

    application = web.Application()
    application.router.add_get("/_cluster/health", health)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]
    certificate_file, key_file = authority.client().write(tmp_path, "client")
    settings = ElasticsearchSettings(
        urls=(f"https://127.0.0.1:{port}",),
        ca_file=tmp_path / "ca.crt",
        client_certificate_file=certificate_file if shows_certificate else None,
        client_key_file=key_file if shows_certificate else None,
    )
    try:
        async with connect(settings) as cluster:
            if shows_certificate:
                assert (await cluster.cluster.health())["status"] == "green"
            else:
                with pytest.raises(IndexUnavailableError), explained_errors():
                    await cluster.cluster.health()
    finally:
        await runner.cleanup()
