"""Every rpc of the contract, called without knowing its messages: `rpcs_of_contract`."""

import importlib
import pkgutil
from dataclasses import dataclass
from typing import Any

import gistwire.v1
import grpc
from google.protobuf.descriptor import MethodDescriptor


@dataclass(frozen=True, slots=True)
class Rpc:
    """An rpc of the contract.

    Attributes:
        path: as gRPC has it, such as ``"/gistwire.v1.SearchService/Search"``.
        name: its last part.
        from_client: whether the client streams.
        from_server: whether the server streams.
    """

    path: str
    name: str
    from_client: bool
    from_server: bool

    async def call(self, channel: grpc.aio.Channel, *, metadata: Any = None) -> grpc.StatusCode:
        """Calls it with an empty request, and returns how it ended."""
        kind = f"{'stream' if self.from_client else 'unary'}_{'stream' if self.from_server else 'unary'}"
        method: Any = getattr(channel, kind)(self.path)
        call = method(iter([b""]) if self.from_client else b"", metadata=metadata, timeout=30)
        try:
            if self.from_server:
                async for _ in call:
                    pass
            else:
                await call
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK


def rpcs_of_contract() -> list[Rpc]:
    """Every rpc of every service of the contract, by its descriptors."""
    found = []
    for module in pkgutil.iter_modules(gistwire.v1.__path__, "gistwire.v1."):
        if module.name.endswith("_pb2"):
            services = importlib.import_module(module.name).DESCRIPTOR.services_by_name.values()
            found += [_rpc(method) for service in services for method in service.methods]
    return found


def _rpc(method: MethodDescriptor) -> Rpc:
    path = f"/{method.containing_service.full_name}/{method.name}"
    return Rpc(path, method.name, method.client_streaming, method.server_streaming)
