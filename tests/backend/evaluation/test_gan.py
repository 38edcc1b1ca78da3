# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.evaluation.gan import GanScore, _portrait_camera, _shown_normals, evaluate_gan, table
from backend.geometry.fields import SoftField
from backend.geometry.sampling import TwoPass
from backend.geometry.volume import volume_render
from backend.models.portrait_encoder import PortraitEncoder, PortraitEncoderConfig
from backend.training.gan_sheet import facing
from backend.weights.sdf_gan import SdfGanFileConfig, TrainedSdfGan
from tests.analytic import SphereField
from tests.backend.training.gan_balls import PEOPLE, write_shard


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_shard(tmp_path_factory.mktemp("held"))
    (path,) = folder.glob("*.npz")
    stored = dict(np.load(path))
    portraits = np.zeros((PEOPLE, 3, 32, 32, 4), np.uint8)
    portraits[:, :, 8:24, 8:24] = 200
    normals = np.zeros((PEOPLE, 3, 32, 32, 3), np.int8)
    normals[..., 2] = 127
    np.savez(path, **stored, portrait_rgba=portraits, portrait_normal=normals)
    return folder


def run(model: TrainedSdfGan, held: Path, count: int) -> GanScore:
    eye = PortraitEncoder(PortraitEncoderConfig.tiny()).eval()
    *early, (last, score) = evaluate_gan(model, eye, held, count)
    assert [share for share, _ in early] == [(k + 1) / count for k in range(count - 1)]
    assert all(found is None for _, found in early) and last == 1.0 and score is not None
    return score


def test_a_model_has_a_score_at_both_budgets(held: Path) -> None:
    torch.manual_seed(0)
    model = TrainedSdfGan.build(replace(SdfGanFileConfig.tiny(), propose=True))
    score = run(model, held, 6)
    assert score.few is not None and score.samples_few is not None
    assert score.samples_few < 20 < 90 < score.samples_many <= 96
    assert min(score.many, score.few, score.normals, score.floor) >= 0 and score.pictures == 6
    text = "\n".join(table(score))
    assert "96 samples a pixel" in text and "proposed" in text and "normals" in text


def test_without_a_trained_proposal_only_two_passes_count(held: Path) -> None:
    score = run(TrainedSdfGan.build(SdfGanFileConfig.tiny()), held, 4)
    assert score.few is None and "not trained" in "\n".join(table(score))


def test_true_and_rendered_normals_have_the_same_colours() -> None:
    """World normals of a ball, as a portrait holds them, against what is drawn of the ball as a volume."""
    camera = _portrait_camera(torch.tensor([0.4, 0.1]))
    view = volume_render(SoftField(SphereField(), 0.004), camera, 32, 32, TwoPass(64, 64))
    drawn = facing(view, camera).permute(2, 0, 1) * 2 - 1
    true = _shown_normals(view.normal.permute(2, 0, 1), view.alpha, camera)
    torch.testing.assert_close(true, drawn, atol=1e-4, rtol=0)
