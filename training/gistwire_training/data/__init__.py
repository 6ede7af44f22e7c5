"""The data of training: `prepare` reads, cleans, filters and splits it; `AugmentedPairs` varies it in training."""

from gistwire_training.data.augmentation import AugmentationOptions, AugmentedPairs
from gistwire_training.data.back_translation import CTranslate2Translator, Translator, back_translate
from gistwire_training.data.filters import FilterLimits
from gistwire_training.data.preparation import Source, prepare
from gistwire_training.data.pseudo_summaries import PseudoSummary, gap_sentences, lead
from gistwire_training.data.reading import FileSource
from gistwire_training.data.report import (
    PreparationOptions,
    PreparationProgress,
    PreparationReport,
    SourceReport,
)
from gistwire_training.data.server_reading import ServerSource
from gistwire_training.data.split_pairs import SplitPairs, read_split
from gistwire_training.data.splitting import assign_splits, group_near_duplicates
from gistwire_training.data.thesaurus import Thesaurus, news_thesaurus, read_thesaurus

__all__ = [
    "AugmentationOptions",
    "AugmentedPairs",
    "CTranslate2Translator",
    "FileSource",
    "FilterLimits",
    "PreparationOptions",
    "PreparationProgress",
    "PreparationReport",
    "PseudoSummary",
    "ServerSource",
    "Source",
    "SourceReport",
    "SplitPairs",
    "Thesaurus",
    "Translator",
    "assign_splits",
    "back_translate",
    "gap_sentences",
    "group_near_duplicates",
    "lead",
    "news_thesaurus",
    "prepare",
    "read_split",
    "read_thesaurus",
]
