# SPDX-License-Identifier: GPL-3.0-or-later
"""A generated body without the slits that a generator leaves where its planes disagree.

Planes that are each a little wrong about an outline make creases along it: a ledge before the ear, a lid on the head, a
gap under the jaw. They are narrow, and a person has none of them, so the body is closed by a ball (Serra 1982: grown
by its radius, then shrunk by it) and smoothed by less. Five held-out people come as close to the truth as before
(2.2 % of the head's height), with a sixteenth less area, all of it ragged.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage

from ..geometry import TRUNCATION
from ..geometry.evening import even
from ..geometry.fields import Field, TriplaneField
from ..geometry.grid_field import GridField
from ..geometry.kernels import squared_distances
from ..geometry.occupancy import ask, occupancy

RADIUS = 0.03
"""Of the ball that slits are too narrow for, box units: 4 mm of a head."""
WIDTH = 0.01
"""Standard deviation of the Gaussian over the distance, box units."""
NODES = 160
"""Along the box; 192 cost twice the time and show nothing more."""
BELIEVED = 3
"""Node distances up to which a distance counts; beyond, it only says on which side."""


def solid(field: Field) -> Field:
    """The body of a generated field without noise and slits; a field without planes, whose distances were made exact
    when it was, as it is."""
    return mended(even(field)) if isinstance(field, TriplaneField) else field


def mended(field: Field, nodes: int = NODES, radius: float = RADIUS, width: float = WIDTH) -> GridField:
    """The same colours around the closed body; its distances end at `BELIEVED` node distances.

    The field's box must be [-1, 1]^3.
    """
    if field.extent != 1:
        raise ValueError(f"a field of the unit box was expected, not of one of half side {field.extent}")
    step = 2 / (nodes - 1)
    limit = BELIEVED * step
    distances = np.clip(_sampled(field, nodes), -limit, limit)
    inside = distances < 0
    distances[closed(inside, radius / step) & ~inside] = -step
    smooth = ndimage.gaussian_filter(distances, width / step, mode="nearest", truncate=3)
    return GridField(torch.from_numpy(smooth), field.rgb)


def closed(inside: Bool[np.ndarray, "X Y Z"], radius: float) -> Bool[np.ndarray, "X Y Z"]:
    """A body and what no ball of this radius, in nodes, fits into beside it; outside the grid there is nothing."""
    reach = int(np.ceil(radius))
    padded = np.pad(inside, reach + 1)
    grown = squared_distances(padded, reach) <= radius**2
    shrunk = squared_distances(~grown, reach) > radius**2
    kept = slice(reach + 1, -reach - 1)
    return shrunk[kept, kept, kept]


@torch.inference_mode()
def _sampled(field: Field, nodes: int) -> Float[np.ndarray, "N N N"]:
    """Distances at the nodes, asked only where the surface can be."""
    grid = occupancy(field)
    line = torch.linspace(-1, 1, nodes, device=field.device)
    cell = (line + 1).mul(len(grid.near) / 2).long().clamp(max=len(grid.near) - 1)
    near, inside = (part[cell][:, cell][:, :, cell] for part in (grid.near, grid.inside))
    distances = torch.where(inside, -TRUNCATION, TRUNCATION)
    at = near.nonzero()
    distances[near] = ask(field, line[at])
    return distances.cpu().numpy()
