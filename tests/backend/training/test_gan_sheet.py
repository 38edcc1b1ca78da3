# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.geometry.cameras import orbit
from backend.geometry.fields import SoftField
from backend.geometry.sampling import TwoPass
from backend.geometry.volume import volume_render
from backend.training.gan_sheet import draw_people, facing
from tests.analytic import SphereField


def test_a_sphere_faces_every_camera_alike() -> None:
    """In the camera's frame normals are the same from all sides: blue in the middle, red at the right."""
    field = SoftField(SphereField(), 0.01)
    pictures = []
    for azimuth in (0.0, 1.2):
        camera = orbit(azimuth, target=(0.0, 0.0, 0.0))
        pictures.append(facing(volume_render(field, camera, 32, 32, TwoPass(48, 48)), camera))
    torch.testing.assert_close(pictures[0], pictures[1], atol=0.15, rtol=0)
    middle = pictures[0][15:17, 15:17].mean((0, 1))
    assert float(middle[2]) > 0.95 and abs(float(middle[0]) - 0.5) < 0.1
    row = pictures[0][16]
    seen = torch.nonzero((row < 0.99).any(-1))[:, 0]
    assert float(row[seen[-3], 0]) > 0.7 > 0.3 > float(row[seen[2], 0])
    assert torch.equal(pictures[0][0, 0], torch.ones(3))


def test_a_sheet_has_a_column_a_person() -> None:
    field = SoftField(SphereField(), 0.01)
    sheet = draw_people([field] * 3, [orbit(0.0), orbit(1.0)], 8)
    assert sheet.shape == (2 * 2 * 8, 3 * 8, 3) and sheet.min() < 250
