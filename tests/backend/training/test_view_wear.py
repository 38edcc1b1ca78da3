# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Callable

import pytest
import torch

from backend.training import view_wear
from backend.training.view_wear import HeadViews, wear

COUNT, SIDE = 24, 64


def truth() -> HeadViews:
    """Striped discs with the normals of balls."""
    line = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    y, x = torch.meshgrid(-line, line, indexing="ij")
    z = (0.64 - x**2 - y**2).clamp(min=0).sqrt()
    shown = (z > 0).float()[None]
    stripes = torch.stack([0.5 + 0.4 * torch.sin(20 * x), 0.5 + 0.3 * y, 0.4 + 0 * x])
    picture = stripes * shown + 1 - shown
    normal = torch.stack([x, y, z]) / 0.8 * shown

    def many(one: torch.Tensor) -> torch.Tensor:
        return one[None].repeat(COUNT, 1, 1, 1)

    return HeadViews(many(picture), many(shown), many(normal), many(-z[None] * shown))


@pytest.fixture
def worn() -> Callable:
    return lambda seed=0: wear(truth(), torch.Generator().manual_seed(seed))


def test_more_doubt_means_worse_pictures(worn: Callable) -> None:
    views, errors, doubts = truth(), [], []
    for seed in range(3):
        seen = worn(seed)
        update = (1 - seen.generate - seen.keep).clamp(min=0) * views.shown
        error = ((seen.picture - (2 * views.picture - 1)).abs() * update).sum((1, 2, 3)) / update.sum((1, 2, 3))
        errors.append(error[update.sum((1, 2, 3)) > 50])
        doubts.append(seen.doubt[update.sum((1, 2, 3)) > 50])
    error, doubt = torch.cat(errors), torch.cat(doubts)
    assert torch.corrcoef(torch.stack([error, doubt]))[0, 1] > 0.4
    assert error[doubt > 0.7].mean() > 2 * error[doubt < 0.15].mean()


def test_masks_mean_what_they_say(worn: Callable) -> None:
    views, seen = truth(), worn()
    generate, keep = seen.generate, seen.keep
    assert ((generate + keep) <= 1 + 1e-6).all() and generate.max() == 1 and keep.max() > 0.9
    assert not (generate * (1 - views.shown)).any() and not (keep * (1 - views.shown)).any()
    missing = (generate == 1).expand(-1, 3, -1, -1)
    assert (seen.picture[missing] == 0).all()
    kept = (keep == 1).expand(-1, 3, -1, -1)
    torch.testing.assert_close(seen.picture[kept], (2 * views.picture - 1)[kept])


def test_what_is_not_the_head_stays_white(worn: Callable) -> None:
    views, seen = truth(), worn()
    outside = (views.shown == 0).expand(-1, 3, -1, -1)
    assert (seen.picture[outside] > 0.99).all()
    assert not seen.normal[outside].any() and not seen.depth[views.shown == 0].any()


def test_the_shape_stays_a_shape(worn: Callable) -> None:
    views, seen = truth(), worn()
    inside = views.shown[:, 0] > 0
    length = seen.normal.norm(dim=1)
    assert (length[inside] - 1).abs().max() < 0.02
    assert (seen.normal * views.normal).sum(1)[inside].mean() > 0.93
    told = seen.depth.flatten(1).any(1)
    assert 0 < told.sum() < COUNT


def test_sharp_pictures_are_among_them(monkeypatch: pytest.MonkeyPatch, worn: Callable) -> None:
    monkeypatch.setattr(view_wear, "SHARP", 1.1)
    monkeypatch.setattr(view_wear, "WHOLE", 0.0)
    seen, views = worn(), truth()
    known = (seen.generate == 0).expand(-1, 3, -1, -1)
    torch.testing.assert_close(seen.picture[known], (2 * views.picture - 1)[known])
