"""The methods of Triton's gRPC service that Gistwire calls, by their paths; the messages are in `inference.proto`."""

from typing import Final

_SERVICE: Final = "/inference.GRPCInferenceService/"

MODEL_INFER: Final = f"{_SERVICE}ModelInfer"
MODEL_STREAM_INFER: Final = f"{_SERVICE}ModelStreamInfer"
SERVER_READY: Final = f"{_SERVICE}ServerReady"
MODEL_READY: Final = f"{_SERVICE}ModelReady"
REPOSITORY_INDEX: Final = f"{_SERVICE}RepositoryIndex"
REPOSITORY_MODEL_LOAD: Final = f"{_SERVICE}RepositoryModelLoad"
REPOSITORY_MODEL_UNLOAD: Final = f"{_SERVICE}RepositoryModelUnload"
