# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.synthesis.spreading import Patch, spread


def patch(points: list[list[float]], rgb: list[list[float]]) -> Patch:
    return Patch(torch.tensor(points), torch.tensor(rgb))


HAIR, SKIN = [0.2, 0.1, 0.1], [0.8, 0.6, 0.5]


def known() -> tuple[Patch, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    points = torch.cat([torch.tensor([0.0, 0.7, 0.3]).expand(200, 3), torch.tensor([0.3, 0.2, 0.4]).expand(200, 3)])
    points = points + 0.05 * torch.randn(400, 3, generator=random)
    rgb = torch.tensor([HAIR] * 200 + [SKIN] * 200)
    change = torch.tensor([[0.3, 0.0, 0.0]] * 200 + [[0.0, 0.0, 0.2]] * 200)
    return Patch(points, rgb), change, torch.ones(400)


def test_the_back_of_the_hair_follows_the_front_and_the_far_cheek_its_mirror_image() -> None:
    unknown = patch([[0.0, 0.6, -0.4], [-0.3, 0.2, 0.4]], [HAIR, SKIN])
    back, cheek = spread(*known(), unknown, torch.Generator().manual_seed(0))
    assert back[0] > 0.2 and back[2] < 0.03
    assert cheek[2] > 0.15 and cheek[0] < 0.03


def test_what_is_like_nothing_seen_does_not_change() -> None:
    unknown = patch([[0.9, -0.9, 0.0]], [[0.0, 1.0, 0.0]])
    assert spread(*known(), unknown, torch.Generator().manual_seed(0)).abs().max() < 0.01
    patches, change, _ = known()
    nothing = spread(patches, change, torch.zeros(400), patches, torch.Generator().manual_seed(0))
    assert nothing.abs().max() == 0


def test_no_points_have_no_answers() -> None:
    nobody = Patch(torch.zeros(0, 3), torch.zeros(0, 3))
    assert spread(*known(), nobody, torch.Generator().manual_seed(0)).shape == (0, 3)
