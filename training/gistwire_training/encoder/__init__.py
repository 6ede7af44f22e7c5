"""Fine-tunes the text encoder on (headline → body) and lets no worse one through; start at `train_encoder`."""

from gistwire_training.encoder.export import embed_exported, export_encoder, measure_parity, write_encoder
from gistwire_training.encoder.interpolation import Interpolation, InterpolationScore, choose_interpolation
from gistwire_training.encoder.recipe import EncoderRecipe
from gistwire_training.encoder.retrieval_evaluation import (
    EncoderComparison,
    RetrievalSet,
    compare_encoders,
    judged_sets,
    known_items,
    read_judged_set,
)
from gistwire_training.encoder.run_log import EncoderProgress
from gistwire_training.encoder.training import EncoderRun, RunResult, train_encoder

__all__ = [
    "EncoderComparison",
    "EncoderProgress",
    "EncoderRecipe",
    "EncoderRun",
    "Interpolation",
    "InterpolationScore",
    "RetrievalSet",
    "RunResult",
    "choose_interpolation",
    "compare_encoders",
    "embed_exported",
    "export_encoder",
    "judged_sets",
    "known_items",
    "measure_parity",
    "read_judged_set",
    "train_encoder",
    "write_encoder",
]
