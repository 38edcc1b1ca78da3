# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from backend.claims.base import Settings
from backend.claims.h4 import CLAIM, _outcome, effects, experiment, steps_down

RESOLUTIONS, CHANNELS = (16, 32, 64), (4, 8, 16)


def table(rows: list[list[float]]) -> dict[tuple[int, int], list[float]]:
    """A grid, one row for each resolution, three seeds that differ by a constant."""
    return {
        (side, width): [rows[r][c] + seed for seed in (0.0, 0.5, 1.0)]
        for r, side in enumerate(RESOLUTIONS)
        for c, width in enumerate(CHANNELS)
    }


def test_the_published_grid_is_reproduced_and_gives_the_published_size() -> None:
    psnr = table([[30.15, 30.71, 31.21], [30.24, 31.01, 31.44], [30.38, 31.31, 31.60]])
    by_channels, by_resolution = effects(psnr, RESOLUTIONS, CHANNELS)
    assert by_channels == pytest.approx([1.16] * 3) and by_resolution == pytest.approx([0.4067] * 3, abs=1e-3)
    outcome = _outcome(psnr, RESOLUTIONS, CHANNELS, {}, None)
    assert outcome.reproduced and outcome.ours[outcome.headline] == pytest.approx([CLAIM.size] * 3, abs=0.01)


def test_a_step_down_is_named() -> None:
    psnr = table([[24.0, 25.0, 26.0], [24.5, 25.5, 26.5], [24.6, 25.2, 26.6]])
    assert steps_down(psnr, RESOLUTIONS, CHANNELS) == [((32, 8), (64, 8))]
    outcome = _outcome(psnr, RESOLUTIONS, CHANNELS, {}, None)
    assert not outcome.reproduced and "64²x8 is 0.30 dB below 32²x8" in outcome.why


def test_resolution_must_not_matter_more() -> None:
    outcome = _outcome(table([[24.0, 24.1, 24.2], [26, 26.1, 26.2], [28, 28.1, 28.2]]), RESOLUTIONS, CHANNELS, {}, None)
    assert not outcome.reproduced and "not clearly the greater effect" in outcome.why


def test_experiment(settings: Settings) -> None:
    stages: list[float] = []
    outcome = experiment(settings, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[0] >= 0 and stages[-1] <= 1
    assert len(outcome.ours) == 7 and all(len(values) == 3 for values in outcome.ours.values())
    assert len(outcome.pictures) == 2
