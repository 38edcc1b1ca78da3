# SPDX-License-Identifier: GPL-3.0-or-later
"""A reconstruction model whose planes are known makes the body that they describe, as the portrait was framed."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from backend.geometry.alignment import MEAN_FACE
from backend.models.lrm import Lrm, LrmConfig
from backend.synthesis.base import Condition, Progress, Sample
from backend.synthesis.lrm import ConvertedLrm, Framing, framed
from backend.synthesis.source import SourceError

RADIUS = 0.5


@pytest.fixture(scope="module")
def ball() -> ConvertedLrm:
    """A model that answers every picture with a ball of `RADIUS`, red above (+Z) and blue below."""
    config = replace(LrmConfig.tiny(), side=16, depth=1, hidden=4)
    model = Lrm(config)
    for value in model.parameters():
        value.data.zero_()
    at = ((torch.arange(16) + 0.5) / 16 * 2 - 1) * config.radius
    model.tokens.data[:, 0] = at[None, None, :] ** 2 + at[None, :, None] ** 2  # columns, rows of every plane
    model.tokens.data[:, 1] = at[None, :, None]
    model.upsample.weight.data[0, 0] = 1.0
    model.upsample.weight.data[1, 1] = 1.0
    first, last = model.decoder
    first.weight.data[0, [0, 8, 16]] = -20.0  # xy + xz + yz: twice the squared distance
    first.bias.data[0] = 60.0
    last.weight.data[0, 0] = 1.0
    last.bias.data[0] = math.log(config.threshold) + 1 + 2 * 20 * RADIUS**2 - 60
    first.weight.data[1, 8 + 1] = 10.0  # rows of xz are z
    first.bias.data[1] = 60.0
    last.weight.data[1, 1], last.bias.data[1] = 1.0, -60.0
    last.weight.data[3, 1], last.bias.data[3] = -1.0, 60.0
    return ConvertedLrm(model.eval(), "ball", "0123456789abcdef", torch.device("cpu"), side=65)


def picture(rows: slice = slice(64, 192), columns: slice = slice(64, 192)) -> dict[str, np.ndarray]:
    portrait, matte = np.full((256, 256, 3), 200, np.uint8), np.zeros((256, 256), np.float32)
    matte[rows, columns] = 1
    return {"portrait": portrait, "matte": matte}


def finish(model: ConvertedLrm, **asked: object) -> tuple[Sample, list[Progress]]:
    sampling, seen = model.synthesize(Condition(**asked)), []  # type: ignore[arg-type]
    while True:
        try:
            seen.append(next(sampling))
        except StopIteration as done:
            return done.value, seen


def test_the_body_is_where_its_planes_say(ball: ConvertedLrm) -> None:
    asked = picture()
    sample, seen = finish(ball, **asked)
    framing = framed(asked["portrait"], asked["matte"], None, 32)[1]
    points = torch.rand(4000, 3) * 2 - 1
    outside = framing.to_theirs(points).norm(dim=1) - RADIUS
    sure = outside.abs() > 0.08
    assert torch.equal(sample.field.sdf(points)[sure] > 0, outside[sure] > 0) and (outside[sure] < 0).sum() > 30
    assert [each.fraction for each in seen] == sorted(each.fraction for each in seen)
    centre = torch.tensor([framing.shift[0], framing.shift[1], 0.0])
    above, below = sample.field.rgb(torch.stack([centre, centre]) + torch.tensor([[0, 0.3, 0], [0, -0.3, 0.0]]))
    assert above[0] > 0.7 > 0.3 > above[2] and below[2] > 0.7 > 0.3 > below[0]


def test_their_frame_is_turned_to_ours() -> None:
    """+X to the viewer, +Y right, +Z up there; +Z, +X, +Y here."""
    straight = Framing(2.0, (0.0, 0.0), 0.0)
    assert torch.allclose(straight.to_theirs(torch.tensor([[0.2, 0.4, 0.6]])), torch.tensor([[0.3, 0.1, 0.2]]))
    turned = Framing(1.0, (0.0, 0.0), 0.5)
    seen_from = torch.tensor([[math.sin(0.5), 0.0, math.cos(0.5)]])
    assert torch.allclose(turned.to_theirs(seen_from), torch.tensor([[1.0, 0.0, 0.0]]), atol=1e-6)


def test_the_subject_fills_its_share_on_grey() -> None:
    asked = picture(slice(100, 200), slice(20, 70))
    seen, framing = framed(asked["portrait"], asked["matte"], None, 118)
    subject = (seen[0, 0] - 200 / 255).abs() < 0.02
    rows, columns = subject.nonzero().unbind(1)
    assert abs(int(rows.max() - rows.min()) + 1 - 100) <= 2 and abs(int(columns.max() - columns.min()) + 1 - 50) <= 2
    assert torch.allclose(seen[0, :, 0, 0], torch.tensor(0.5))
    assert framing.shift[0] < 0  # left in the picture is left in the box


def test_a_face_in_the_middle_of_the_crop_stays_at_its_height() -> None:
    whole = picture(slice(0, 256), slice(0, 256))
    framing = framed(whole["portrait"], whole["matte"], None, 32)[1]
    eyes, mouth = MEAN_FACE[:2].mean(0), MEAN_FACE[2]
    assert abs(framing.shift[0]) < 0.01 and mouth[1] < framing.shift[1] < eyes[1]


def test_what_the_model_cannot_do_is_refused(ball: ConvertedLrm) -> None:
    with pytest.raises(SourceError, match="ball makes people from a portrait alone"):
        finish(ball, seed=3)
    with pytest.raises(SourceError, match="ball makes people from a portrait alone"):
        finish(ball, **picture(), sentence="a man")
    nobody = picture()
    nobody["matte"][:] = 0
    with pytest.raises(SourceError, match="shows nobody"):
        finish(ball, **nobody)


def test_closing_cancels_between_blocks(ball: ConvertedLrm) -> None:
    sampling = ball.synthesize(Condition(**picture()))  # type: ignore[arg-type]
    assert next(sampling).fraction == 0.5  # one block of one
    sampling.close()
    with pytest.raises(StopIteration):
        next(sampling)
