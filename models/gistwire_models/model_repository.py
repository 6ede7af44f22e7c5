"""What the models of our Triton repository read of their configuration; imported by their `model.py`."""

from collections.abc import Mapping
from typing import Any

from gistwire_models.errors import ModelFormatError
from gistwire_models.placement import Placement


def check_configuration(
    config: Mapping[str, Any], *, inputs: Mapping[str, str], outputs: Mapping[str, str], decoupled: bool
) -> None:
    """Checks that a model's configuration is one that its code can serve.

    Args:
        config: the configuration, as Triton hands it over.
        inputs: data type of each input, by name: ``"TYPE_STRING"``…
        outputs: data type of each output.
        decoupled: whether a request has several responses.

    Raises:
        ModelFormatError: it is not; the message names the field.
    """
    name = config.get("name", "model")
    for kind, expected in (("input", inputs), ("output", outputs)):
        found = {each["name"]: each["data_type"] for each in config.get(kind, ())}
        for tensor, data_type in expected.items():
            if found.get(tensor) != data_type:
                raise ModelFormatError(
                    f"{name}: {kind} {tensor!r} must be {data_type}, not {found.get(tensor)}"
                )
        if unknown := found.keys() - expected.keys():
            raise ModelFormatError(f"{name}: unknown {kind} {min(unknown)!r}")
    if bool(config.get("model_transaction_policy", {}).get("decoupled")) is not decoupled:
        raise ModelFormatError(f"{name}: model_transaction_policy.decoupled must be {str(decoupled).lower()}")


def dimension_of(config: Mapping[str, Any], output: str) -> int:
    """Returns the length of an output's last axis."""
    return int(next(each["dims"][-1] for each in config["output"] if each["name"] == output))


class ModelParameters:
    """The parameters of a model's configuration.

    Args:
        config: the configuration.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._name = config.get("name", "model")
        self._values = {
            key: str(value["string_value"]) for key, value in config.get("parameters", {}).items()
        }

    def text(self, key: str, default: str = "") -> str:
        """Returns a parameter."""
        return self._values.get(key, default)

    def number(self, key: str, default: int) -> int:
        """Returns a parameter that is a whole number from 0.

        Raises:
            ModelFormatError: it is not.
        """
        value = self._values.get(key, str(default))
        if not value.isdecimal():
            raise ModelFormatError(f"{self._name}: parameter {key!r} must be a whole number, not {value!r}")
        return int(value)

    def placement(self, instance_kind: str, instance_device_id: str) -> Placement:
        """Returns where an instance computes.

        Args:
            instance_kind: ``"CPU"`` or ``"GPU"``, as Triton says.
            instance_device_id: which GPU.
        """
        if instance_kind != "GPU":
            return Placement()
        return Placement("cuda", int(instance_device_id), self.text("gpu_compute_type", "default"))
