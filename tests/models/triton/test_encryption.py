"""Tests of encrypted connections to Triton, which ask for a certificate of the client."""

from pathlib import Path
from typing import Any

import grpc
import pytest
from gistwire.triton.v1 import inference_pb2
from gistwire_models.triton import TritonSettings, methods
from gistwire_models.triton.endpoints import Endpoint

from tests.certificates import Authority


@pytest.mark.parametrize("shows_certificate", [True, False])
async def test_a_client_shows_its_certificate(tmp_path: Path, shows_certificate: bool) -> None:
    authority = Authority()
    pair = authority.server()
    server = grpc.aio.server()
    port = server.add_secure_port(
        "127.0.0.1:0",
        grpc.ssl_server_credentials(
            [(pair.key, pair.certificate)], authority.certificate, require_client_auth=True
        ),
    )

    async def ready(request: bytes, _: object) -> bytes:
        assert request
        return inference_pb2.ModelReadyResponse(ready=True).SerializeToString()

    handler: Any = grpc.unary_unary_rpc_method_handler(ready)
    _, service, method = methods.MODEL_READY.split("/")
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {method: handler})])
    await server.start()
    certificate_file, key_file = authority.client().write(tmp_path, "client")
    settings = TritonSettings(
        ca_file=authority.write(tmp_path),
        client_certificate_file=certificate_file if shows_certificate else None,
        client_key_file=key_file if shows_certificate else None,
    )
    endpoint = Endpoint(f"127.0.0.1:{port}", settings)
    try:
        assert await endpoint.is_ready("encoder") is shows_certificate
    finally:
        await endpoint.close()
        await server.stop(None)
