"""Where the models are that come with Gistwire: in the package when it is installed, else in the checkout."""

from pathlib import Path

import msgspec

from gistwire_models.errors import ModelFormatError, ModelNotFoundError
from gistwire_models.model_folder import version_numbers

_INSTALLED = Path(__file__).parent / "shipped"
_CHECKOUT = Path(__file__).parents[2] / "model_repo"
_ACTIVE_FILE = "active.json"


def default_encoder_folder() -> Path:
    """Returns the folder of the text encoder that comes with Gistwire.

    Raises:
        ModelNotFoundError: it is neither in the package nor in the checkout.
        ModelFormatError: what says which version is served cannot be read.
    """
    return _served("encoder")


def default_summarizer_folder() -> Path:
    """Returns the folder of the summarizer that comes with Gistwire.

    Raises:
        ModelNotFoundError: it is neither in the package nor in the checkout.
        ModelFormatError: what says which version is served cannot be read.
    """
    return _served("summarizer")


def default_repository() -> Path:
    """Returns the model repository that comes with Gistwire, laid out for Triton.

    Raises:
        ModelNotFoundError: it is neither in the package nor in the checkout.
    """
    for repository in (_INSTALLED, _CHECKOUT):
        if repository.is_dir():
            return repository
    raise ModelNotFoundError(f"no models come with this installation: {_INSTALLED} is missing")


def served_model_folder(repository: Path, model: str) -> Path | None:
    """Returns the folder of the version of a model that a repository has served; None if it has none.

    That is the version that ``active.json`` names, or the highest one where none was ever promoted.

    Args:
        repository: a model repository, laid out for Triton.
        model: the model's name in it.

    Raises:
        ModelFormatError: ``active.json`` cannot be read, or there is no such version.
    """
    active = repository / model / _ACTIVE_FILE
    try:
        number = msgspec.json.decode(active.read_bytes(), type=_Active).version
    except FileNotFoundError:
        numbers = version_numbers(repository / model)
        return repository / model / str(numbers[-1]) if numbers else None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelFormatError(f"{active} cannot be read: {error}") from error
    folder = repository / model / str(number)
    if not folder.is_dir():
        raise ModelFormatError(f"{active} names version {number}, which is missing")
    return folder


class _Active(msgspec.Struct, frozen=True):
    """What ``active.json`` says.

    Attributes:
        version: number of the version that is served.
    """

    version: int


def _served(model: str) -> Path:
    for repository in (_INSTALLED, _CHECKOUT):
        if folder := served_model_folder(repository, model):
            return folder
    raise ModelNotFoundError(f"no {model} comes with this installation: {_INSTALLED / model} is missing")
