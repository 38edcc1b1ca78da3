# SPDX-License-Identifier: GPL-3.0-or-later
import math

import numpy as np
import pytest

from backend.studio.assets import Pack
from backend.studio.parameters import sample_parameters
from backend.studio.people import build_person
from backend.studio.surround import SURROUND_VIEWS, cosines, surround_cameras, surround_sample

SIDE = 48


@pytest.fixture(scope="module")
def sample(pack: Pack) -> dict[str, np.ndarray]:
    return surround_sample(build_person(sample_parameters(3, pack), pack), SIDE)


def test_a_head_is_seen_from_every_quarter(sample: dict[str, np.ndarray]) -> None:
    quarters = {round(azimuth / (math.pi / 2)) % 4 for azimuth in sample["surround_angles"][:, 0]}
    assert quarters == {0, 1, 2, 3}
    assert sample["surround_rgba"].shape == (SURROUND_VIEWS, SIDE, SIDE, 4)
    assert (sample["surround_rgba"][..., 3] > 128).mean((1, 2)).min() > 0.2
    assert sample["portrait_rgba"].shape[1:] == (256, 256, 4)


def test_normals_face_the_camera_and_agree_with_depth(sample: dict[str, np.ndarray]) -> None:
    """Where the surface is smooth, its depth falls to the right as the normal leans to the right."""
    solid = (sample["surround_rgba"][..., 3] == 255) & (np.abs(sample["surround_normal"]).sum(-1) > 0)
    normal = sample["surround_normal"].astype(np.float32) / 127
    assert abs(np.linalg.norm(normal[solid], axis=-1) - 1).max() < 0.02
    # Perspective rays at the border of the picture lean by a few degrees: normals may do the same.
    assert np.quantile(normal[solid][:, 2], 0.02) > -0.3
    depth = sample["surround_depth"].astype(np.float32)
    slope = np.gradient(depth, axis=2)
    inner = solid[:, :, 1:-1] & solid[:, :, :-2] & solid[:, :, 2:]
    smooth = inner & (np.abs(slope[:, :, 1:-1]) < 0.03) & (np.abs(normal[:, :, 1:-1, 0]) > 0.2)
    assert smooth.sum() > 100
    # A surface whose normal points right (x > 0) recedes towards the right: depth grows.
    agree = np.sign(slope[:, :, 1:-1][smooth]) == np.sign(normal[:, :, 1:-1, 0][smooth])
    assert agree.mean() > 0.85


def test_depth_is_measured_from_what_the_camera_looks_at(sample: dict[str, np.ndarray]) -> None:
    shown = sample["surround_rgba"][..., 3] == 255
    assert (sample["surround_depth"][~shown & (sample["surround_rgba"][..., 3] == 0)] == 0).all()
    assert -1.2 < np.median(sample["surround_depth"][shown]) < 0.2


def test_cameras_are_the_same_for_a_seed_and_differ_between_seeds() -> None:
    first, again, other = (surround_cameras(seed)[0][1:] for seed in (5, 5, 6))
    assert first == again != other
    camera = surround_cameras(5)[0][0]
    values = cosines(camera, 8)
    assert values.max() <= 1 + 1e-6 and values.argmax() in (27, 28, 35, 36) and values.min() > 0.9
