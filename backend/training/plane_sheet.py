# SPDX-License-Identifier: GPL-3.0-or-later
"""Portraits beside renders of planes, as one picture."""

from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ..geometry.cameras import orbit
from ..geometry.fields import TriplaneField
from ..geometry.rendering import render
from ..geometry.triplane import Triplane
from ..models.decoder import FieldDecoder

AZIMUTHS = (0.0, 0.8)
TILE = 96


def save_sheet(
    path: Path, portraits: Float[Tensor, "B 4 S S"], versions: list[Float[Tensor, "B 3 C R R"]], decoder: FieldDecoder
) -> None:
    """One row per person: the portrait, then each version of the planes from the front and from the side."""
    rows = []
    for index, picture in enumerate(portraits):
        shown = functional.interpolate(picture[None, :3] / 2 + 0.5, (TILE, TILE), mode="area")[0].permute(1, 2, 0)
        tiles = [shown]
        for planes in versions:
            field = TriplaneField(Triplane(planes[index : index + 1]), decoder)
            tiles += [torch.as_tensor(render(field, orbit(a, 0.05), TILE, TILE, background=1.0).rgb) for a in AZIMUTHS]
        rows.append(torch.cat(tiles, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((torch.cat(rows).clamp(0, 1) * 255).byte().numpy()).save(path)
