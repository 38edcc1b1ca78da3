# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest
import torch

from backend.models.portrait_encoder import PortraitEncoder, PortraitEncoderConfig
from backend.training.gan_codes import normal_scores, principal, subject_codes
from backend.training.gan_views import FolderViews
from tests.backend.training.gan_balls import write_folder


class Faces:
    """Two squares whose brightness says who it is, the more so the more the picture is from the right."""

    subjects = 40

    def likenesses(self, first: int, last: int, side: int) -> tuple[torch.Tensor, torch.Tensor]:
        who = torch.arange(first, last).float()
        towards = torch.stack([torch.tensor([[s, 0.0, 1.0 - s]]).expand(len(who), 3) for s in (0.0, 0.4)], 1)
        pictures = torch.zeros(len(who), 2, 4, side, side)
        pictures[:, :, 0, :, : side // 2] = (who / 20 - 1)[:, None, None, None]
        pictures[:, :, 1, : side // 2] = (who % 7 / 3 - 1)[:, None, None, None]
        pictures[:, 1, 2] = 0.8  # what the camera alone explains
        return pictures, towards


def eye() -> PortraitEncoder:
    torch.manual_seed(0)
    return PortraitEncoder(PortraitEncoderConfig.tiny())


def test_codes_are_normal_and_tell_people_apart() -> None:
    found = subject_codes(Faces(), eye(), 3)
    codes = found.z
    assert codes.shape == (40, 3)
    assert bool((found.weight.diff() <= 0).all())  # the most telling first
    torch.testing.assert_close(found.weight.square().mean(), torch.tensor(1.0))
    torch.testing.assert_close(codes.mean(0), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(codes.std(0), torch.ones(3), atol=0.06, rtol=0)
    nearest = (codes[:, None] - codes).norm(dim=-1) + 9 * torch.eye(40)
    assert float(nearest.min()) > 0.01
    # Whoever has one of the two properties is found from the code by a line.
    who = torch.arange(40.0)
    known = torch.cat([codes, torch.ones(40, 1)], 1)
    for truth in (who / 20, who % 7 / 3):
        fitted = known @ (torch.linalg.pinv(known) @ truth)
        assert float((fitted - truth).var() / truth.var()) < 0.3


def test_the_first_coordinates_hold_most_and_their_sign_is_no_chance() -> None:
    random = torch.Generator().manual_seed(0)
    hidden = torch.randn(200, 2, generator=random)
    features = hidden @ torch.randn(2, 9, generator=random) + 0.01 * torch.randn(200, 9, generator=random)
    found = principal(features, 2)
    known = torch.cat([found, torch.ones(200, 1)], 1)
    assert float((known @ (torch.linalg.pinv(known) @ hidden) - hidden).abs().max()) < 0.1
    torch.testing.assert_close(principal(features, 2), found)


def test_scores_keep_the_order() -> None:
    values = torch.tensor([[3.0], [-1.0], [100.0]])
    scores = normal_scores(values)
    assert scores[:, 0].argsort().tolist() == values[:, 0].argsort().tolist()
    torch.testing.assert_close(scores[2, 0], -scores[1, 0])
    torch.testing.assert_close(scores[0, 0], torch.tensor(0.0), atol=1e-6, rtol=0)


def test_too_few_people_for_the_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 subjects"):
        subject_codes(FolderViews(write_folder(tmp_path), 32), eye(), 3)
