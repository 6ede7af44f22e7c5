"""What `kubectl apply -k` would send, as far as the kustomizations of deploy/kubernetes go: `resources_of`.

They do nothing but list files and make a config map; what this reader does not know it refuses, so that it can't pass
over a patch unseen.
"""

import re
from pathlib import Path
from typing import Any

import msgspec

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"

_KNOWN = {"apiVersion", "kind", "namespace", "resources", "configMapGenerator"}


def documents(path: Path) -> list[dict[str, Any]]:
    """Returns the documents of a YAML file."""
    parts = re.split(r"^---$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [msgspec.yaml.decode(part, type=dict[str, Any]) for part in parts]


def resources_of(folder: Path) -> list[dict[str, Any]]:
    """Returns all resources of a kustomization, those of the ones it lists included.

    Raises:
        ValueError: it has a field that is not known here.
    """
    [kustomization] = documents(folder / "kustomization.yaml")
    if unknown := kustomization.keys() - _KNOWN:
        raise ValueError(f"{folder}: {', '.join(sorted(unknown))}")
    found: list[dict[str, Any]] = []
    for name in kustomization["resources"]:
        path = folder / name
        found += resources_of(path) if path.is_dir() else documents(path)
    for generated in kustomization.get("configMapGenerator", []):
        data = {name: (folder / name).read_text(encoding="utf-8") for name in generated["files"]}
        metadata = {"name": generated["name"]}
        found.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    for each in found:
        if each["kind"] != "Namespace":
            each["metadata"]["namespace"] = kustomization["namespace"]
    return found
