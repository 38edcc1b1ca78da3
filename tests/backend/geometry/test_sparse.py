# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.geometry.cameras import orbit
from backend.geometry.fields import PointValues, SoftField
from backend.geometry.sampling import Uniform
from backend.geometry.sparse import SparseField
from backend.geometry.volume import volume_render
from tests.analytic import BustField


class Counting(SoftField):
    """Remembers how many points were asked."""

    asked = 0

    def values(self, points: torch.Tensor) -> PointValues:
        self.asked += len(points)
        return super().values(points)


def test_the_picture_is_the_same_for_a_part_of_the_questions() -> None:
    field = Counting(BustField(), 0.004)
    sparse = SparseField(field)
    whole = volume_render(field, orbit(0.4, 0.2), 24, 24, Uniform(256))
    before, field.asked = field.asked, 0
    thin = volume_render(sparse, orbit(0.4, 0.2), 24, 24, Uniform(256))
    assert (thin.rgb - whole.rgb).abs().max() < 1e-4 and (thin.depth - whole.depth).abs().max() < 1e-3
    assert field.asked < before / 3
