# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from backend.studio.assets import Pack
from backend.studio.parameters import sample_parameters
from backend.studio.people import build_person
from backend.studio.shading import DISTANCE
from backend.studio.sittings import BUSTS, HEADS, PARTS, sitting_camera, sitting_sample


def test_a_sitting_holds_what_a_shader_needs(pack: Pack) -> None:
    person = build_person(sample_parameters(3, pack), pack)
    arrays = sitting_sample(person, bust_size=24, head_size=32)
    for kind, count, side in (("bust", BUSTS, 24), ("head", HEADS, 32)):
        rgba, normal = arrays[f"{kind}_rgba"], arrays[f"{kind}_normal"].astype(float) / 127
        depth, part, camera = (arrays[f"{kind}_{name}"] for name in ("depth", "part", "camera"))
        assert rgba.shape == (count, side, side, 4) and camera.shape == (count, 4)
        seen = part > 0
        assert seen.any((1, 2)).all() and set(np.unique(part[seen])) <= set(range(1, len(PARTS) + 1))
        assert np.allclose(np.linalg.norm(normal[seen], axis=1), 1, atol=0.03) and not normal[~seen].any()
        assert (np.abs(depth[seen]) < 1.8).all() and not depth[~seen].any()
        assert {PARTS.index("body") + 1} <= set(np.unique(part[seen]))
    again = sitting_sample(person, bust_size=24, head_size=32)
    assert all(np.array_equal(arrays[name], again[name]) for name in arrays)


def test_the_camera_of_a_row_looks_from_there() -> None:
    camera = sitting_camera(np.pi / 2, 0.0, 0.4, 0.1)
    assert np.allclose(camera.cam_to_world[:3, 3].numpy(), [DISTANCE, 0.1, 0], atol=1e-5)
