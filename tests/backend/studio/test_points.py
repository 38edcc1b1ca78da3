# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.geometry import TRUNCATION
from backend.studio.assets import Pack
from backend.studio.parameters import sample_parameters
from backend.studio.people import Part, Person, build_person
from backend.studio.points import VisibleSurface, sample_person


def ball(radius: float, centre: tuple[float, float, float], name: str, share: float = 1.0) -> Part:
    """A ball, or its upper cap only."""
    polar, turn = np.meshgrid(np.linspace(0, np.pi * share, 40), np.linspace(0, 2 * np.pi, 81), indexing="ij")
    place = np.stack([np.sin(polar) * np.sin(turn), np.cos(polar), np.sin(polar) * np.cos(turn)], -1)
    index = np.arange(40 * 81).reshape(40, 81)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    vertices = (radius * place.reshape(-1, 3) + centre).astype(np.float32)
    texture = np.full((4, 4, 4), 200, np.uint8)
    texture[..., 3] = 255
    return Part(name, vertices, triangles, np.full((len(triangles), 3, 2), 0.5, np.float32), texture)


@pytest.fixture
def nested(pack: Pack) -> Person:
    """A ball of a body under a shell of hair, with a gap between them."""
    parts = (ball(0.4, (0, 0, 0), "body"), ball(0.55, (0, 0, 0), "hair", share=0.5))
    return Person(sample_parameters(0, pack), parts, np.zeros(3), np.zeros(3), np.zeros(3))


def test_distance_to_a_ball(pack: Pack) -> None:
    person = Person(sample_parameters(0, pack), (ball(0.5, (0, 0, 0), "body"),), *np.zeros((3, 3)))
    points = np.random.default_rng(0).uniform(-0.9, 0.9, (4000, 3))
    true = np.linalg.norm(points, axis=1) - 0.5
    assert np.abs(VisibleSurface(person).sdf(points) - true).max() < 0.01


def test_gap_under_hair_is_solid(nested: Person) -> None:
    surface = VisibleSurface(nested)
    gap, above, below = np.array([[0, 0.47, 0]]), np.array([[0, 0.6, 0]]), np.array([[0, -0.47, 0]])
    assert surface.sdf(gap) < 0 < surface.sdf(above)
    assert surface.sdf(below) > 0


def test_samples_of_a_person(pack: Pack) -> None:
    samples = sample_person(build_person(sample_parameters(2, pack), pack), near=2000, spread=1000, surface=500)
    assert samples.points.shape == (3000, 3) and np.abs(samples.points).max() <= 1
    assert np.abs(samples.sdf.astype(float)).max() <= TRUNCATION + 1e-3
    assert (samples.sdf < 0).any() and (samples.sdf > 0).any()
    assert samples.colour.dtype == np.uint8 and len(samples.surface) == len(samples.colour)
