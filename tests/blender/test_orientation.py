# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole chain keeps its orientation: what the field is coloured at a place is what Blender shows there."""

from collections.abc import Generator

import numpy as np
import pytest
import torch

bpy = pytest.importorskip("bpy")

from backend.pipeline.avatar import run  # noqa: E402
from backend.pipeline.request import AvatarRequest  # noqa: E402
from backend.service.translate import message_of  # noqa: E402
from backend.synthesis.base import Condition, Progress, Sample  # noqa: E402
from backend.synthesis.source import Source  # noqa: E402
from blender_addon.protocol import Finished, MeshReady, TextureReady  # noqa: E402
from blender_addon.scene import avatar, axes, image, tags  # noqa: E402
from tests.analytic import BustField  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty")]


class PlaceAsColour(BustField):
    """A bust whose red, green and blue are its x, y and z."""

    def rgb(self, points: torch.Tensor) -> torch.Tensor:
        return (points.clamp(-1, 1) + 1) / 2


class Sculptor:
    name, model_hash, device = "sculptor", "0" * 64, torch.device("cpu")

    def synthesize(self, condition: Condition) -> Generator[Progress, None, Sample]:
        yield Progress("denoising", 0.5, None)
        return Sample(PlaceAsColour(), Source(np.ones((1, 1, 3), np.float16), np.ones(1, np.float16), "0" * 16))


def test_blender_shows_the_fields_colour_at_every_vertex():
    small = {"steps": 1, "resolution": 48, "faces": 1500, "texture_size": 256}
    request = AvatarRequest(seed=1, preset="draft", options=small)
    events = [message_of(event, "one") for event in run(request, Sculptor())]
    shape = next(event for event in events if isinstance(event, MeshReady))
    texture = [event for event in events if isinstance(event, TextureReady)][-1]
    assert isinstance(events[-1], Finished)
    packed = image.packed(texture.albedo, texture.level)
    avatar.show(bpy.context.scene, "one", "Avatar", shape, packed, events[-1].recipe)

    mesh = tags.find_object("one").data
    assert 2 * len(mesh.edges) == 3 * len(mesh.polygons)  # closed: the texture's seams are welded
    corners = np.empty(len(mesh.loops), dtype=np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    places = np.empty(3 * len(mesh.vertices), dtype=np.float32)
    mesh.vertices.foreach_get("co", places)
    uv = np.empty(2 * len(mesh.loops), dtype=np.float32)
    mesh.uv_layers.active.uv.foreach_get("vector", uv)
    texels = image.read_image(tags.find_image("one"))
    side = len(texels)
    # Blender's UVs start at the bottom left, rows of `texels` at the top.
    column, row = (uv.reshape(-1, 2) * side - 0.5).round().astype(int).clip(0, side - 1).T
    shown = texels[side - 1 - row, column] / 255
    expected = (axes.points_to_box(places.reshape(-1, 3))[corners] + 1) / 2
    assert np.abs(shown - expected).mean() < 0.02
