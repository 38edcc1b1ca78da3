# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest

from backend.faces.networks import FaceFinder
from backend.faces.portrait import load_portrait
from backend.pipeline import heads
from backend.pipeline.events import Finished, Painted, Progress, Shaped
from backend.pipeline.head_request import HeadWish
from backend.pipeline.refine_request import RefineRequest
from backend.refinement.prior import Step, View, Wish
from backend.surface.clean import clean
from backend.surface.extract import extract
from backend.surface.unwrap import unwrap
from backend.surface.user_head import HeadError, UserHead
from backend.texture.bake import bake
from tests.backend.refinement.conftest import PaintedHead


class Sharpening:
    """A small real prior: unsharp masking of what may change."""

    name, size = "sharpening", 96

    def paint(self, view: View, wish: Wish) -> Iterator[Step]:
        yield Step(0.5)
        picture = view.image.astype(np.float32)
        sharper = picture + wish.strength * (picture - cv2.GaussianBlur(picture, (0, 0), 2))
        return np.clip(sharper, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def user(portraits: dict[str, bytes], finder: FaceFinder) -> UserHead:
    """A painted head in millimetres, Z up."""
    field = PaintedHead(load_portrait(portraits["bluford"], finder))
    mesh = unwrap(clean(extract(field, 48), 2500), 256)
    vertices = (200 * mesh.vertices @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]).T).astype(np.float32)
    return UserHead(vertices=vertices, faces=mesh.faces, uv=mesh.uv, image=bake(field, mesh, 256).albedo)


def events(user: UserHead, finder: FaceFinder, **wanted) -> list:
    wish = HeadWish(size=wanted.get("size"), up="Z", front="-Y")
    request = RefineRequest(views=2, seed=1, **wanted)
    steps = heads.run(user, request, wish, find_faces=lambda: finder, find_prior=lambda name, settings: Sharpening())
    return list(steps)


def test_a_head_is_repainted_on_its_own_triangles(user: UserHead, finder: FaceFinder) -> None:
    told = events(user, finder, prompt="an astronaut")
    shaped = next(each for each in told if isinstance(each, Shaped))
    assert np.array_equal(shaped.mesh.faces, user.faces) and np.array_equal(shaped.mesh.uv, user.uv)
    fractions = [each.fraction for each in told if isinstance(each, Progress)]
    assert fractions == sorted(fractions) and fractions[-1] <= 1
    painted = [each for each in told if isinstance(each, Painted)]
    assert painted[-1].final and painted[-1].textures.size == 256
    assert (painted[-1].textures.albedo != user.image).any()
    recipe = told[-1].recipe
    assert isinstance(told[-1], Finished) and recipe["kind"] == "refine"
    assert recipe["head"]["layout"] == "own" and recipe["head"]["face_found"]


def test_what_the_weight_keeps_is_bit_by_bit_as_before(user: UserHead, finder: FaceFinder) -> None:
    weight = (user.vertices[:, 0] > 0).astype(np.float32)
    told = events(replace(user, weight=weight), finder)
    final = [each for each in told if isinstance(each, Painted)][-1].textures
    changed = (final.albedo != user.image).any(-1)
    kept = np.zeros_like(changed)
    places = user.uv[weight == 0] * 256
    kept[np.clip(255 - places[:, 1].astype(int), 0, 255), np.clip(places[:, 0].astype(int), 0, 255)] = True
    assert changed.any() and (changed & kept).sum() < 0.05 * kept.sum(), "but texels that a triangle shares"


def test_a_portrait_is_laid_on_a_head_without_colours(user: UserHead, finder: FaceFinder, portraits) -> None:
    told = events(replace(user, image=None), finder, portrait=portraits["bluford"], refiner="reproject", size=256)
    final = [each for each in told if isinstance(each, Painted)][-1].textures
    assert len(np.unique(final.albedo.reshape(-1, 3), axis=0)) > 1000
    assert any("no face was recognised on the mesh" in note for note in told[-1].recipe["notes"])
    assert not told[-1].recipe["head"]["face_found"]


def test_a_bad_mesh_is_a_sentence(user: UserHead, finder: FaceFinder) -> None:
    with pytest.raises(HeadError, match="no faces"):
        events(replace(user, faces=np.zeros((0, 3), np.int32)), finder)
