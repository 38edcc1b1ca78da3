# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from backend.texture.harmonise import blend, delight, foreign, gains
from backend.texture.preview import to_linear, to_srgb

RNG = np.random.default_rng(0)


def ball(count: int = 4000) -> np.ndarray:
    points = RNG.normal(size=(count, 3)).astype(np.float32)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_the_unseen_side_follows_the_photograph() -> None:
    normals = ball()
    points = normals * 0.4 + np.array([0, 0.2, 0], np.float32)
    field = np.where(points[:, 1:2] > 0.3, [[0.25, 0.2, 0.15]], [[0.7, 0.55, 0.45]]).astype(np.float32)
    field *= RNG.uniform(0.95, 1.05, (len(field), 1)).astype(np.float32)
    tint = np.where(points[:, 1:2] > 0.3, [[1.8, 1.8, 1.6]], [[0.6, 0.5, 0.45]])  # lighter hair, darker skin
    photo = to_srgb(np.clip(to_linear(field) * tint, 0, 1))
    weight = (normals[:, 2] > 0.2).astype(np.float32)
    found = gains(photo, field, weight, points, np.zeros(len(points), bool))
    assert found is not None
    out = blend(photo, field, weight, *found.at(points, field))
    assert np.abs(out - photo)[weight == 0].mean() < 0.02
    assert np.array_equal(out[weight == 1], photo[weight == 1])


def test_clothes_may_take_another_colour_and_hair_may_not() -> None:
    points = RNG.uniform(-0.4, 0.4, (6000, 3)).astype(np.float32)
    points[:3000, 1] = RNG.uniform(-0.95, -0.5, 3000)
    field = np.full((6000, 3), 0.12, np.float32)
    field[:3000] = [0.1, 0.45, 0.2]  # a green shirt, dark hair
    photo = np.tile(np.array([[0.9, 0.45, 0.2]], np.float32), (6000, 1))  # an orange suit, an orange hat
    weight = (points[:, 2] > 0).astype(np.float32)
    found = gains(photo, field, weight, points, np.zeros(6000, bool))
    assert found is not None
    out = blend(photo, field, weight, *found.at(points, field))
    unseen = weight == 0
    assert np.abs(out[:3000][unseen[:3000]] - photo[0]).mean() < 0.05
    assert out[3000:][unseen[3000:]].mean() < 0.3


def test_skin_over_hair_says_nothing() -> None:
    points = RNG.uniform(-0.3, 0.3, (4000, 3)).astype(np.float32)
    face = points[:, 1] < 0.1
    field = np.where(face[:, None], [[0.7, 0.55, 0.45]], [[0.1, 0.1, 0.1]]).astype(np.float32)
    photo = np.tile(np.array([[0.75, 0.6, 0.5]], np.float32), (4000, 1))  # a bald brow where the field has hair
    found = gains(photo, field, np.ones(4000, np.float32), points, face)
    assert found is not None
    factor, _ = found.at(np.array([[0, 0.3, -0.4]], np.float32), np.array([[0.1, 0.1, 0.1]], np.float32))
    assert factor.max() < 1.5


def test_half_of_a_side_light_is_taken_out() -> None:
    normals = ball()
    normals = normals[normals[:, 2] > 0.2]
    field = np.full((len(normals), 3), 0.6, np.float32)
    light = 0.7 + 0.35 * normals[:, :1]
    photo = to_srgb(np.clip(to_linear(field) * light, 0, 1))
    out = delight(photo, field, np.ones(len(normals), np.float32), normals, np.ones(len(normals), bool))

    def slope(rgb: np.ndarray) -> float:
        return float(np.polyfit(normals[:, 0], np.log(to_linear(rgb).mean(1)), 1)[0])

    assert 0.4 < slope(out) / slope(photo) < 0.65
    assert abs(to_linear(out).mean() / to_linear(photo).mean() - 1) < 0.06, "the person stays as bright"


def test_too_little_overlap_leaves_everything() -> None:
    points, photo = np.zeros((30, 3), np.float32), np.full((30, 3), 0.5, np.float32)
    ones, skin = np.ones(30, np.float32), np.ones(30, bool)
    assert gains(photo, photo, ones, points, skin) is None
    assert delight(photo, photo, ones, points, skin) is photo


def test_a_collar_behind_the_jaw_is_foreign_and_shadow_or_hair_on_hair_is_not() -> None:
    points = np.array([[0, 0, 0.4], [0.3, 0, 0], [0.3, 0, 0], [0.3, 0, 0], [0.3, -0.6, 0]], np.float32)
    skin_tone, black = [0.7, 0.5, 0.4], [0.05, 0.05, 0.06]
    field = np.array([skin_tone, skin_tone, skin_tone, black, skin_tone], np.float32)
    photo = np.array([skin_tone, black, [0.35, 0.25, 0.2], black, black], np.float32)
    skin = np.array([True, False, False, False, False])
    held = skin.astype(np.float32)
    assert foreign(photo, field, points, skin, held).tolist() == [0, 1, 0, 0, 0]
    assert (foreign(photo, field, points, np.zeros(5, bool), held) == 0).all()
