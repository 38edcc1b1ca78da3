# SPDX-License-Identifier: GPL-3.0-or-later
"""The SDF GAN that ships, for the claims about such generators."""

from pathlib import Path

from ..models.sdf_gan import SdfGan
from ..weights import library
from ..weights.library import LibraryError
from ..weights.sdf_gan import TrainedSdfGan, load_sdf_gan
from .base import ClaimError


def shipped_gan(path: Path | None = None) -> TrainedSdfGan:
    """Generator and proposal network. Raises ClaimError where they are not there."""
    try:
        return load_sdf_gan(library.read_entry(path or library.SHIPPED["heads"]))
    except LibraryError as error:
        raise ClaimError(error.message, "Reinstall maquette: the claim is about the generator heads.") from error


def shipped_heads() -> SdfGan:
    """The generator alone. Raises ClaimError where it is not there."""
    return shipped_gan().generator
