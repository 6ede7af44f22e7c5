"""The methods of Triton's gRPC service that Gistwire calls, by their paths; the messages are in `inference.proto`."""

from typing import Final

_SERVICE: Final = "/inference.GRPCInferenceService/"

MODEL_INFER: Final = f"{_SERVICE}ModelInfer"
MODEL_STREAM_INFER: Final = f"{_SERVICE}ModelStreamInfer"
MODEL_READY: Final = f"{_SERVICE}ModelReady"
