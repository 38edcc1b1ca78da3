# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.evaluation import styles
from backend.evaluation.styles import evaluate_style, hue, hue_moved, outside_psnr, people, shown, spread
from backend.models.portrait_encoder import PortraitEncoder, PortraitEncoderConfig
from tests.backend.adaptation.worlds import small_generator


def test_hues_are_where_the_colour_circle_has_them() -> None:
    for colour, angle in (((1.0, 0.0, 0.0), 0), ((0.0, 1.0, 0.0), 120), ((0.0, 0.0, 1.0), 240), ((1.0, 1.0, 0.0), 60)):
        assert hue(torch.tensor(colour)) == pytest.approx(angle, abs=1e-3)
    assert hue(torch.tensor([0.5, 0.51, 0.5])) is None


def test_only_the_region_moves_and_only_the_rest_is_measured() -> None:
    region = torch.zeros(2, 1, 8, 8)
    region[:, :, :4] = 1
    before = torch.tensor([0.5, 0.2, 0.1])[None, :, None, None].expand(2, 3, 8, 8)
    now = torch.where(region > 0.5, torch.tensor([0.1, 0.6, 0.1])[None, :, None, None], before + 0.01)
    assert outside_psnr(before, now, region) == pytest.approx(40, abs=0.01)
    was, becomes = hue_moved(before, now, region, (0.2, 0.62, 0.22))
    assert was > 80 and becomes < 5


def test_equal_pictures_have_no_spread() -> None:
    torch.manual_seed(0)
    eye = PortraitEncoder(PortraitEncoderConfig.tiny()).eval()
    pictures = torch.rand(3, 4, 32, 32)
    assert spread(pictures[:1].expand(3, -1, -1, -1), eye) == pytest.approx(0, abs=1e-6)
    near = pictures[:1] + 0.05 * pictures
    assert 0 < spread(near, eye) < spread(pictures, eye)


def test_everybody_is_shown_from_every_side() -> None:
    generator = small_generator()
    pictures = shown(generator, people(generator, 2, 0, 0.8), 16, (0.0, 0.6, 3.1), 8)
    assert pictures.shape == (6, 4, 16, 16) and pictures.min() >= 0 and pictures.max() <= 1
    assert pictures[:, 3].amax() > 0.8


def test_a_style_that_changed_nothing_is_seen_through() -> None:
    same = small_generator()
    score = evaluate_style(same, same, "a golden statue", count=2, side=16)
    assert score.pictures == 6 and score.diversity == pytest.approx(1) and score.in_look == 0 and score.outside is None
    other = small_generator(seed=1)
    assert evaluate_style(other, same, "an old man", count=2, side=16).diversity != pytest.approx(1)


def test_a_style_of_one_part_is_measured_in_it_and_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    upper = torch.zeros(1, 1, 16, 16)
    upper[:, :, :8] = 1
    monkeypatch.setattr(styles, "part_region", lambda pictures, part: upper.expand(len(pictures), -1, -1, -1))
    same = small_generator()
    score = evaluate_style(same, same, "a person with green hair", count=1, side=16)
    assert score.in_look is None and score.outside == pytest.approx(100) and score.hue_before == score.hue
    assert evaluate_style(same, same, "a person with white hair", count=1, side=16).hue is None
