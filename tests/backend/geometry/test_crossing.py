# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.geometry.crossing import find_surface
from tests.analytic import SphereField


def test_surface_is_found_where_it_is_and_misses_come_closest_beside_it() -> None:
    heights = torch.tensor([0.0, 0.3, 0.59, 0.64, 0.95])
    origins = torch.stack([torch.zeros(5), heights, torch.full((5,), 3.0)], -1)
    directions = torch.tensor([0.0, 0.0, -1.0]).expand(5, 3)
    where, least, slope = find_surface(SphereField(0.6), origins, directions)
    true = 3 - (0.36 - heights[:3] ** 2).sqrt()
    torch.testing.assert_close(where[:3], true, atol=2e-3, rtol=0)
    torch.testing.assert_close(slope[:1], torch.ones(1), atol=1e-3, rtol=0)
    assert slope[2] < 0.5 and slope[3] == 0
    torch.testing.assert_close(least[3], torch.tensor(0.04), atol=1e-3, rtol=0)
    torch.testing.assert_close(where[3], torch.tensor(3.0), atol=0.05, rtol=0)
    assert where[4].isinf()
