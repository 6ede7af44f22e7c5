"""The versions of a model, which of them is served, and what a new one must reach; reached by `gistwire-train`."""

from gistwire_training.registry.active import (
    ActiveVersion,
    promote,
    read_active,
    read_history,
    roll_back,
    served_version,
)
from gistwire_training.registry.gate import Check, Gate, Measured, Verdict, judge
from gistwire_training.registry.measurement import ServedMeasurement
from gistwire_training.registry.mixture import Mixture, MixtureOptions, SplitCounts, hash_pairs, mix
from gistwire_training.registry.promotion import (
    MeasureVersion,
    add_and_promote,
    promote_summarizer,
    verify_served,
)
from gistwire_training.registry.refresh import (
    ExportCandidate,
    RefreshRecord,
    Stage,
    TrainCandidate,
    read_refresh,
    refresh,
)
from gistwire_training.registry.versions import (
    FileChecksum,
    ModelName,
    StoredVersion,
    add_version,
    list_versions,
    read_checksums,
    read_version,
    record_checksums,
    verify_version,
)

__all__ = [
    "ActiveVersion",
    "Check",
    "ExportCandidate",
    "FileChecksum",
    "Gate",
    "MeasureVersion",
    "Measured",
    "Mixture",
    "MixtureOptions",
    "ModelName",
    "RefreshRecord",
    "ServedMeasurement",
    "SplitCounts",
    "Stage",
    "StoredVersion",
    "TrainCandidate",
    "Verdict",
    "add_and_promote",
    "add_version",
    "hash_pairs",
    "judge",
    "list_versions",
    "mix",
    "promote",
    "promote_summarizer",
    "read_active",
    "read_checksums",
    "read_history",
    "read_refresh",
    "read_version",
    "record_checksums",
    "refresh",
    "roll_back",
    "served_version",
    "verify_served",
    "verify_version",
]
