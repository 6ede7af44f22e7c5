"""Turns trained models into the folders that are served; reached by `gistwire-train export`."""

from gistwire_training.export.parity import Parity, measure_parity
from gistwire_training.export.summarizer_export import export_summarizer

__all__ = ["Parity", "export_summarizer", "measure_parity"]
