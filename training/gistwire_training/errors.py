"""Errors of the training package.

GistwireTrainingError       anything that training could not do
├── TrainingDataError       the data is missing, malformed or leaves nothing to learn from
├── RecipeError             the settings contradict each other, or do not fit the model or the run
├── CheckpointError         a checkpoint or a model folder is missing, incomplete or of another run
└── PromotionRefusedError   the new model did not pass the gate
"""


class GistwireTrainingError(Exception):
    """Anything that training could not do."""


class TrainingDataError(GistwireTrainingError):
    """The data is missing, malformed or leaves nothing to learn from."""


class RecipeError(GistwireTrainingError):
    """The settings contradict each other, or do not fit the model or the run."""


class CheckpointError(GistwireTrainingError):
    """A checkpoint or a model folder is missing, incomplete or of another run."""


class PromotionRefusedError(GistwireTrainingError):
    """The new model did not pass the gate.

    Attributes:
        reasons: each gate that refused, with its figures.
    """

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons
