"""Says by its exit status whether the server in this container serves: the image's health check.

It asks grpc.health.v1 at ``GISTWIRE_HEALTH_TARGET``, in the clear: where the server itself speaks TLS, that is the
address of ``security.health_listen``.
"""

import os
import sys

import grpc
from grpc_health.v1 import health_pb2

_TIMEOUT_S = 5.0


def main() -> int:
    """Returns 0 if the server says that it serves, else 1."""
    target = os.environ.get("GISTWIRE_HEALTH_TARGET", "127.0.0.1:50051")
    with grpc.insecure_channel(target) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_S)
        except grpc.RpcError as error:
            sys.stdout.write(f"{target}: {error.code().name}\n")
            return 1
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    sys.stdout.write(f"{target}: {status}\n")
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1


if __name__ == "__main__":
    sys.exit(main())
