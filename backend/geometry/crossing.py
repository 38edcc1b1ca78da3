# SPDX-License-Identifier: GPL-3.0-or-later
"""Where rays first meet a field's surface, or come closest to it: a march without gradients over empty cells."""

import torch
from jaxtyping import Float
from torch import Tensor

from .cameras import Rays
from .fields import Field
from .occupancy import Occupancy, ask, occupancy

MARCH_STEPS = 200
LEAST_STRIDE = 0.008
"""Steps of the march near the surface are at least so long: fits sample windows that are wider than that."""


@torch.inference_mode()
def find_surface(
    field: Field, origins: Float[Tensor, "M 3"], directions: Float[Tensor, "M 3"], grid: Occupancy | None = None
) -> tuple[Float[Tensor, " M"], Float[Tensor, " M"], Float[Tensor, " M"]]:
    """Where each ray first crosses the surface or else comes closest: distance along it, sdf there, slope of the sdf.

    Rays that never come near an occupied cell have an infinite distance; slope is 0 where there is no crossing.
    """
    grid = occupancy(field) if grid is None else grid
    count = len(origins)
    where, least = origins.new_full((count,), torch.inf), origins.new_full((count,), torch.inf)
    slope = origins.new_zeros(count)
    first, last = Rays(origins, directions).span(grid.extent)
    ray = torch.nonzero(last > first)[:, 0]
    t, last = first[ray] + 1e-4, last[ray]
    before, came_from = torch.full_like(t, torch.inf), t.clone()
    clear = grid.clear.reshape(-1)
    for _ in range(MARCH_STEPS):
        if not len(ray):
            break
        points = origins[ray] + t[:, None] * directions[ray]
        stride = clear[grid.cells(points)]
        near = torch.nonzero(stride == 0)[:, 0]
        going = torch.ones_like(ray, dtype=torch.bool)
        if len(near):
            sdf, target, here = ask(field, points[near]), ray[near], t[near]
            crossed = sdf <= 0
            closer = sdf < least[target]
            where[target] = torch.where(closer, here, where[target])
            least[target] = torch.where(closer, sdf, least[target])
            # A secant from the last outer question; a ray that starts inside crosses where it starts.
            outer = before[near]
            share = torch.where(outer.isfinite(), outer / (outer - sdf).clamp_min(1e-6), 1.0)
            exact = came_from[near] + share * (here - came_from[near])
            rise = torch.where(outer.isfinite(), (outer - sdf) / (here - came_from[near]).clamp_min(1e-6), 1.0)
            where[target] = torch.where(crossed, exact, where[target])
            slope[target] = torch.where(crossed, rise, 0.0)
            before[near], came_from[near] = sdf, here
            stride[near] = (0.9 * sdf).clamp_min(LEAST_STRIDE)
            going[near] = ~crossed
        t = t + stride
        alive = torch.nonzero(going & (t < last))[:, 0]
        ray, t, last, before, came_from = ray[alive], t[alive], last[alive], before[alive], came_from[alive]
    return where, least, slope
