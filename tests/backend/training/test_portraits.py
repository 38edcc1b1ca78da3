# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.training.portraits import photograph, plain_photograph


def bust() -> tuple[torch.Tensor, torch.Tensor]:
    """A skin-coloured square before nothing, facing the camera."""
    rgba = torch.zeros(4, 4, 64, 64)
    rgba[:, :, 16:48, 16:48] = torch.tensor([0.8, 0.6, 0.5, 1.0])[:, None, None]
    normal = torch.zeros(4, 3, 64, 64)
    normal[:, 2] = 1
    return rgba, normal


def test_every_visit_is_another_photograph_of_the_same_person() -> None:
    rgba, normal = bust()
    photo = photograph(rgba, normal, torch.Generator().manual_seed(0))
    assert photo.shape == (4, 4, 64, 64) and photo.abs().max() <= 1 and photo.isfinite().all()
    centres = photo[:, :3, 32, 32]
    assert centres.std(0).min() > 0.02  # light and colour differ
    again = photograph(rgba, normal, torch.Generator().manual_seed(0))
    assert torch.equal(photo, again)


def test_background_is_grey_wherever_the_matte_is_closed() -> None:
    photo = photograph(*bust(), torch.Generator().manual_seed(1))
    closed = photo[:, 3:] == -1
    assert closed.any() and not (photo[:, :3] * closed).any()
    assert (photo[:, 3, 32, 32] > 0.5).all()


def test_plain_light_keeps_hue_and_matte() -> None:
    rgba, normal = bust()
    photo = plain_photograph(rgba, normal)
    red, green, blue = (photo[0, :3, 32, 32] / 2 + 0.5).tolist()
    assert red > green > blue and abs(red - 0.8) < 0.1
    assert torch.equal(photo[:, 3] / 2 + 0.5, rgba[:, 3])
