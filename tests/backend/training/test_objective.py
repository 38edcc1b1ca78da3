# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import pytest
import torch

from backend.models.decoder import DecoderConfig, FieldDecoder
from backend.training.objective import ObjectiveConfig, Subject, losses, smoothness
from backend.training.photometric import PhotometricConfig
from tests.backend.training.balls import ball_subject

CPU = torch.device("cpu")
CONFIG = ObjectiveConfig(photometric=PhotometricConfig(rays=64, pool=1024, beta=0.01), points=100, surface_points=50)


@pytest.mark.parametrize(
    ("supervision", "names"),
    [
        ("views", {"picture", "variation"}),
        ("points", {"sdf", "colour", "variation"}),
        ("both", {"picture", "sdf", "colour", "variation"}),
    ],
)
def test_each_supervision_has_its_terms_and_gradients(supervision: str, names: set[str]) -> None:
    torch.manual_seed(0)
    random = torch.Generator().manual_seed(0)
    config = replace(CONFIG, supervision=supervision)
    data = ball_subject(1)
    subject = Subject(config, data.views if supervision != "points" else None,
                      data.points if supervision != "views" else None, CPU)  # fmt: skip
    decoder, planes = FieldDecoder(DecoderConfig(channels=4, hidden=8)), torch.randn(1, 3, 4, 8, 8, requires_grad=True)
    subject.refresh(planes.detach()[0], decoder, random)
    terms = losses(planes, decoder, [subject], config, random)
    assert set(terms) == names
    (gradient,) = torch.autograd.grad(sum(terms.values()), planes)
    assert gradient.isfinite().all() and gradient.abs().amax() > 0


def test_several_subjects_are_the_mean_of_each() -> None:
    config = replace(CONFIG, supervision="points", points=4000, surface_points=2000)
    torch.manual_seed(0)
    decoder, planes = FieldDecoder(DecoderConfig(channels=4, hidden=8)), torch.randn(2, 3, 4, 8, 8)
    subjects = [Subject(config, None, ball_subject(index).points, CPU) for index in (0, 3)]
    together = losses(planes, decoder, subjects, config, torch.Generator().manual_seed(0))
    alone = [
        losses(planes[k : k + 1], decoder, subjects[k : k + 1], config, torch.Generator().manual_seed(k))
        for k in range(2)
    ]
    for name in ("sdf", "colour", "variation"):
        mean = (alone[0][name] + alone[1][name]) / 2
        torch.testing.assert_close(together[name], mean, rtol=0.05, atol=1e-6)


def test_smoothness_knows_its_weights() -> None:
    flat = torch.full((1, 3, 2, 4, 4), 0.5)
    terms = smoothness(flat, replace(CONFIG, l1_weight=2.0, l2_weight=4.0))
    assert {name: float(value) for name, value in terms.items()} == {"variation": 0.0, "l1": 1.0, "l2": 1.0}
    assert set(smoothness(flat, replace(CONFIG, variation_weight=0.0))) == set()


def test_missing_supervision_is_refused() -> None:
    with pytest.raises(ValueError, match="needs point samples"):
        Subject(CONFIG, ball_subject(0).views, None, CPU)
    with pytest.raises(ValueError, match="needs views"):
        Subject(CONFIG, None, ball_subject(0).points, CPU)
