"""The policy section of the server's configuration: what the texts that Gistwire shows of articles must not hold."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

Maskable = Literal["email", "phone", "payment_card", "iban", "national_id", "web_address"]


class PolicyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the texts that Gistwire shows of articles must not hold."""

    mask: tuple[Maskable, ...] = ("email", "phone", "payment_card", "iban", "national_id", "web_address")
    """What is masked in them. Empty masks nothing."""
    phone_regions: tuple[str, ...] = ("US", "GB", "CN")
    """Regions (ISO 3166-1 alpha-2) whose telephone numbers are known without their country code; those with one are
    known of all regions."""
    blocked_terms: tuple[str, ...] = ()
    """Words and phrases that no text may hold, whatever their case and width, as whole words."""
    blocked_terms_file: Path | None = None
    """File with further ones, one a line in UTF-8; lines that begin with "#" are comments. None for no file."""
    blocked_terms_action: Literal["refuse", "mask"] = "refuse"
    """What becomes of a text that has one: another takes its place, or the term is masked."""
    leave_out_instructions: bool = True
    """Whether sentences of an article that give orders to whoever summarizes it are kept from the models, and from
    summaries."""
    classifier: str | None = None
    """Name of an entry point of the group ``gistwire.summary_policies``, in a package that is installed, which judges
    each text. None for no classifier."""
    classifier_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 0.5
    """Time that the classifier has for a text, in seconds."""
    classifier_failure: Literal["refuse", "allow"] = "refuse"
    """What becomes of a text that the classifier fails on, or is too slow for."""
