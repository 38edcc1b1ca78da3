# SPDX-License-Identifier: GPL-3.0-or-later
"""A GAN whose planes are known makes the body that they describe, where it belongs in our box."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from backend.models.plane_gan import PlaneGan, PlaneGanConfig
from backend.models.stylegan import SynthesisConfig
from backend.synthesis.base import Condition, Edit, Progress, Sample
from backend.synthesis.plane_gan import HEAD, ConvertedGan
from backend.synthesis.source import SourceError
from tests import foreign


@pytest.fixture(scope="module")
def gan() -> ConvertedGan:
    return ConvertedGan(foreign.round_gan(), "round", "0123456789abcdef", torch.device("cpu"), side=65)


def finish(gan: ConvertedGan, **asked: object) -> tuple[Sample, list[Progress]]:
    sampling, seen = gan.synthesize(Condition(**asked)), []  # type: ignore[arg-type]
    while True:
        try:
            seen.append(next(sampling))
        except StopIteration as done:
            return done.value, seen


def squared(points: torch.Tensor) -> torch.Tensor:
    """The sum of the three planes' patterns at points of our box."""
    scale, shift = HEAD
    x, y, z = ((points - torch.tensor(shift)) / scale).unbind(-1)
    columns, rows = (x, x, z), (y, z, x)
    return sum(
        ((c - foreign.CENTRE[0]) ** 2 + (r - foreign.CENTRE[1]) ** 2 for c, r in zip(columns, rows, strict=True)), x * 0
    )


def test_the_body_is_where_its_planes_say(gan: ConvertedGan) -> None:
    sample, seen = finish(gan, seed=1)
    points = (torch.rand(4000, 3) * 2 - 1) * 0.8
    distance, inside = sample.field.sdf(points), 0.16 - squared(points)
    sure = inside.abs() > 0.03
    assert sure.sum() > 1000 and (inside[sure] > 0).float().mean() > 0.05
    assert torch.equal(distance[sure] < 0, inside[sure] > 0)
    assert [each.fraction for each in seen] == sorted(each.fraction for each in seen)
    assert any(each.preview is not None for each in seen)


def test_distances_are_distances(gan: ConvertedGan) -> None:
    field = finish(gan, seed=1)[0].field
    points = torch.rand(4000, 3) * 2 - 1
    near = points[field.sdf(points).abs() < 0.05]
    step = 0.004 * torch.nn.functional.normalize(torch.randn_like(near), dim=1)
    assert ((field.sdf(near + step) - field.sdf(near)).abs() <= 2 * 0.004 + 1e-5).all()


def test_colours_are_the_decoders(gan: ConvertedGan) -> None:
    rgb = finish(gan, seed=1)[0].field.rgb(torch.zeros(2, 3))
    expected = torch.sigmoid(torch.tensor([2.0, 0.0, -2.0])) * 1.002 - 0.001
    assert torch.allclose(rgb, expected.expand(2, 3), atol=1e-5)


def test_same_seed_same_source_and_a_blend_of_one_is_it_again(gan: ConvertedGan) -> None:
    first, again, other = (finish(gan, seed=seed)[0].source for seed in (1, 1, 2))
    assert np.array_equal(first.latent, again.latent) and not np.array_equal(first.latent, other.latent)
    one = finish(gan, blend=((first, 2.0),))[0].source
    half = finish(gan, blend=((first, 1.0), (other, 1.0)))[0].source
    assert np.array_equal(one.latent, first.latent)
    assert np.allclose(half.latent, (first.latent.astype(np.float32) + other.latent) / 2, atol=2e-3)


def test_truncation_draws_to_the_mean(gan: ConvertedGan) -> None:
    full, none = (finish(gan, seed=3, temperature=value)[0].source.latent for value in (1.0, 0.0))
    assert np.abs(full).max() > 0 and np.allclose(none, gan.model.mapping.mean.numpy(), atol=1e-6)


def test_what_the_model_cannot_do_is_refused(gan: ConvertedGan) -> None:
    source = finish(gan, seed=1)[0].source
    for asked in ({"sentence": "an old man"}, {"edit": Edit(source=source, sentence="older")}):
        with pytest.raises(SourceError, match="round makes people from seeds only"):
            finish(gan, **asked)
    with pytest.raises(SourceError, match="was not made by the model round"):
        finish(gan, blend=((replace(source, model_hash="x"), 1.0),))


def test_a_model_without_a_surface_is_told() -> None:
    config = replace(PlaneGanConfig.tiny(), synthesis=SynthesisConfig(w=16, side=8, channels=24, base=64, most=8))
    empty = PlaneGan(config)
    empty.decoder.last.weight.data.zero_()
    with pytest.raises(SourceError, match="no surface"):
        finish(ConvertedGan(empty.eval(), "empty", "0", torch.device("cpu"), side=17), seed=1)


def test_closing_cancels(gan: ConvertedGan) -> None:
    sampling = gan.synthesize(Condition(seed=1))
    next(sampling)
    sampling.close()
    with pytest.raises(StopIteration):
        next(sampling)
