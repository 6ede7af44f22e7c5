"""Triton's model `encoder`: texts in, unit vectors out, by the weights beside this file."""

import json
import os
import sys
from pathlib import Path
from typing import Any

# Triton's Python runs isolated: these folders hold what it needs, numpy 1 before any other.
sys.path[:0] = [each for each in os.environ.get("GISTWIRE_TRITON_PATH", "").split(os.pathsep) if each]

import numpy as np
import triton_python_backend_utils as pb_utils
from gistwire_models.encoder_engine import EncoderEngine
from gistwire_models.errors import ModelFormatError
from gistwire_models.model_repository import ModelParameters, check_configuration, dimension_of

_INPUTS = {"text": "TYPE_STRING"}
_OUTPUTS = {"embedding": "TYPE_FP32", "model": "TYPE_STRING"}


class TritonPythonModel:
    """Computes batches, one at a time in each instance."""

    def initialize(self, args: dict[str, str]) -> None:
        """Loads the weights.

        Raises:
            ModelFormatError: the configuration or the weights cannot be used.
            ModelNotFoundError: there are no weights.
        """
        config: dict[str, Any] = json.loads(args["model_config"])
        check_configuration(config, inputs=_INPUTS, outputs=_OUTPUTS, decoupled=False)
        placement = ModelParameters(config).placement(
            args["model_instance_kind"], args["model_instance_device_id"]
        )
        self._engine = EncoderEngine.load(Path(__file__).parent, placement=placement)
        description = self._engine.description
        if dimension_of(config, "embedding") != description.dimension:
            raise ModelFormatError(f"encoder: the weights give {description.dimension} dimensions")
        self._model = np.array([description.name.encode(), description.version.encode()], dtype=np.object_)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Embeds the texts of all requests together, and answers each."""
        texts = [_texts_of(request) for request in requests]
        try:
            embeddings = self._engine.embed_many([text for each in texts for text in each])
        except (RuntimeError, ValueError) as error:
            failure = pb_utils.TritonError(f"UNAVAILABLE: {error}", pb_utils.TritonError.UNAVAILABLE)
            return [pb_utils.InferenceResponse(error=failure) for _ in requests]
        responses = []
        end = 0
        for each in texts:
            start, end = end, end + len(each)
            model = np.tile(self._model, (len(each), 1))
            responses.append(
                pb_utils.InferenceResponse(
                    [pb_utils.Tensor("embedding", embeddings[start:end]), pb_utils.Tensor("model", model)]
                )
            )
        return responses

    def finalize(self) -> None:
        """Gives back the weights."""
        self._engine.close()


def _texts_of(request: Any) -> list[str]:
    tensor = pb_utils.get_input_tensor_by_name(request, "text").as_numpy()
    return [text.decode(errors="replace") for text in tensor.reshape(-1)]
