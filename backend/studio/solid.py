# SPDX-License-Identifier: GPL-3.0-or-later
"""Solid patterns: numbers at places in space, so that veins and grain run through a head and all its views agree
(Perlin 1985, Peachey 1985)."""

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

LATTICE = 24
"""Side of the lattice of random numbers, which repeats."""


def noise(places: Float[Tensor, "3 *S"], frequency: float, seed: int = 0) -> Float[Tensor, "*S"]:
    """Smooth numbers of about unit deviation, `frequency` of them along a box unit."""
    random = torch.Generator().manual_seed(seed)
    offset = torch.rand(3, generator=random) * LATTICE
    cell = (places.flatten(1).T * frequency + offset) % LATTICE
    grid = cell / LATTICE * 2 - 1
    found = functional.grid_sample(_lattice(), grid[None, None, None], align_corners=False, padding_mode="border")
    return found.reshape(places.shape[1:]) * 1.6


def fractal(places: Float[Tensor, "3 *S"], frequency: float, octaves: int = 3, seed: int = 0) -> Float[Tensor, "*S"]:
    """Noise on noise, each octave half as strong and twice as fine."""
    total = noise(places, frequency, seed)
    for octave in range(1, octaves):
        total = total + 0.5**octave * noise(places, frequency * 2**octave, seed + 101 * octave)
    return total


def veins(places: Float[Tensor, "3 *S"], frequency: float, sharpness: float, seed: int = 0) -> Float[Tensor, "*S"]:
    """1 on thin winding sheets, 0 between them: where fractal noise changes its sign."""
    bent = places + 0.12 * torch.stack([noise(places, 2 * frequency, seed + 7 + k) for k in range(3)])
    return torch.exp(-sharpness * fractal(bent, frequency, 3, seed).abs())


@lru_cache(1)
def _lattice() -> Float[Tensor, "1 1 L L L"]:
    """Random numbers with a border that continues on the other side."""
    values = torch.randn(1, 1, LATTICE, LATTICE, LATTICE, generator=torch.Generator().manual_seed(5))
    return functional.pad(values, (0, 1, 0, 1, 0, 1), mode="circular")
