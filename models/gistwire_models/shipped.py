"""Where the models are that come with Gistwire: in the package when it is installed, else in the checkout."""

from pathlib import Path

from gistwire_models.errors import ModelNotFoundError

_INSTALLED = Path(__file__).parent / "shipped"
_CHECKOUT = Path(__file__).parents[2] / "model_repo"


def default_summarizer_folder() -> Path:
    """Returns the folder of the summarizer that comes with Gistwire.

    Raises:
        ModelNotFoundError: it is neither in the package nor in the checkout.
    """
    return _newest("summarizer")


def _newest(model: str) -> Path:
    """Returns the folder of the highest version of a model, as Triton chooses it."""
    for root in (_INSTALLED / model, _CHECKOUT / model):
        versions = [folder for folder in root.glob("[0-9]*") if folder.name.isdecimal() and folder.is_dir()]
        if versions:
            return max(versions, key=lambda folder: int(folder.name))
    raise ModelNotFoundError(f"no {model} comes with this installation: {_INSTALLED / model} is missing")
