# SPDX-License-Identifier: GPL-3.0-or-later
import json
from dataclasses import replace

import numpy as np
import pytest

from blender_addon.crowd.plan import BASE_RADIUS, Terrain, arranged, manifest
from blender_addon.crowd.rules import SpecError
from blender_addon.crowd.spec import plain, spec_of
from blender_addon.scene.ground import Ground
from blender_addon.scene.layout import heading, least_distance
from tests.blender_addon.scene.test_ground import hills

FLAT = Terrain()
HILLS = Terrain(triangles=hills(lambda x, y: 0.3 * np.sin(x) * np.cos(y), 40, 12.0))


def spec(**others):
    return spec_of({"count": 60, "seeds": [1, 2, 3, 4, 5, 6, 7, 8], "layout": {"kind": "grid"}} | others)


def test_the_same_specification_gives_the_same_crowd():
    one, two = arranged(spec(), FLAT), arranged(spec(), FLAT)
    other = arranged(spec(seed=1), FLAT)
    for name in one.__slots__:
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert (one.people != other.people).any() and (one.headings != other.headings).any()


def test_one_variation_does_not_disturb_the_others():
    plain_one, tinted = arranged(spec(), FLAT), arranged(spec(variation={"tint": 0.9}), FLAT)
    np.testing.assert_array_equal(plain_one.people, tinted.people)
    np.testing.assert_array_equal(plain_one.headings, tinted.headings)
    np.testing.assert_array_equal(plain_one.scales, tinted.scales)


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_variation_stays_within_its_bounds(distribution):
    variation = {"scale": 0.1, "rotation": 20, "tint": 0.5, "clothes": 0, "distribution": distribution}
    standing = arranged(spec(count=400, variation=variation), FLAT)
    assert 0.9 <= standing.scales.min() < 0.93 and 1.07 < standing.scales.max() <= 1.1
    assert 18 < np.degrees(np.abs(standing.headings)).max() <= 20
    spread = {"uniform": 0.1 / np.sqrt(3), "normal": 0.044}[distribution]
    assert standing.scales.std() == pytest.approx(spread, rel=0.1)
    assert (standing.clothes == 1).all() and standing.tints.std() > 0.1 and standing.tints.min() > 0


def test_weights_decide_who_is_met_how_often():
    counts = np.bincount(arranged(spec(count=100, weights=[5, 1, 1, 1, 1, 1, 0, 0]), FLAT).people, minlength=8)
    assert counts.tolist() == [50, 10, 10, 10, 10, 10, 0, 0]


def test_a_scatter_stands_upright_on_the_hills_and_nobody_touches():
    asked = spec(layout={"kind": "surface", "object": "Hills"}, variation={"scale": 0.1, "position": 0.09})
    standing = arranged(asked, HILLS)
    assert least_distance(standing.positions) >= asked.body - 1e-6
    surface = Ground(HILLS.triangles)
    under = surface.heights(standing.positions[:, :2])
    assert (standing.positions[:, 2] <= under + 1e-9).all()
    assert (under - standing.positions[:, 2]).max() <= BASE_RADIUS * 1.1 * 0.4
    # No point of the rim is in the air.
    turn = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    for x, y in zip(np.cos(turn), np.sin(turn), strict=True):
        offset = BASE_RADIUS * standing.scales[:, None] * np.array([x, y])
        rim = surface.heights(standing.positions[:, :2] + offset)
        assert (np.isnan(rim) | (standing.positions[:, 2] <= rim + 1e-9)).all()


def test_a_grid_is_put_down_on_its_ground_or_refused():
    on = spec(layout={"kind": "grid", "ground": "Hills"})
    standing = arranged(on, HILLS)
    assert np.ptp(standing.positions[:, 2]) > 0.2
    with pytest.raises(SpecError, match=r"layout\.ground: [0-9]+ of 400 people would stand beside 'Hills'"):
        arranged(replace(on, count=400), HILLS)
    with pytest.raises(SpecError, match=r"layout\.ground: there is no mesh 'Hills' in the scene"):
        arranged(on, FLAT)


@pytest.mark.parametrize("layout", [{"kind": "surface", "object": "A"}, {"kind": "curve", "object": "A"}])
def test_an_object_that_is_not_there_is_a_sentence(layout):
    with pytest.raises(SpecError, match=r"layout\.object: there is no (mesh|curve) 'A' in the scene"):
        arranged(spec(layout=layout), FLAT)


def looks(standing):
    return np.stack([np.sin(standing.headings), -np.cos(standing.headings)], axis=1)


def test_everyone_faces_as_asked():
    still = {"rotation": 0}
    ring = {"kind": "circle"}
    inward = arranged(spec(layout=ring, variation=still), FLAT)
    outward = arranged(spec(layout=ring | {"facing": "away"}, variation=still), FLAT)
    radial = inward.positions[:, :2] / np.linalg.norm(inward.positions[:, :2], axis=1, keepdims=True)
    np.testing.assert_allclose(looks(inward), -radial, atol=1e-9)
    np.testing.assert_allclose(looks(outward), radial, atol=1e-9)
    path = {"kind": "curve", "path": [[0, 0], [0, 60]]}
    np.testing.assert_allclose(looks(arranged(spec(layout=path, variation=still), FLAT)), [[0, 1]] * 60, atol=1e-9)
    seen = arranged(spec(layout={"kind": "grid", "look_at": [0, -50]}, variation=still), FLAT)
    np.testing.assert_allclose(seen.headings, heading(np.array([0, -50]) - seen.positions[:, :2]))
    assert (arranged(spec(variation=still), FLAT).headings == 0).all()


def test_detail_falls_with_distance():
    asked = spec(lod={"faces": [8000, 2000, 500], "distances": [2, 4], "viewpoint": [0, -5, 0]})
    standing = arranged(asked, FLAT)
    distance = np.linalg.norm(standing.positions - [0, -5, 0], axis=1)
    np.testing.assert_array_equal(standing.levels, (distance >= 2).astype(int) + (distance >= 4))
    by_camera = arranged(spec(), Terrain(camera=np.array([0, -1000.0, 0])))
    assert (by_camera.levels == 4).all()
    assert 0 < arranged(spec(), FLAT).levels.max() <= 4


def test_the_manifest_says_who_stands_where():
    asked = spec()
    standing = arranged(asked, FLAT)
    found = json.loads(json.dumps(manifest(asked, standing, [{"source": each} for each in asked.seeds], plain(asked))))
    assert spec_of(found["spec"]) == asked and len(found["people"]) == 8 and len(found["standing"]) == 60
    row = found["standing"][17]
    assert row["name"] == "Crowd 00017" and row["person"] == standing.people[17]
    assert row["position"] == pytest.approx(standing.positions[17], abs=1e-4)
    assert row["heading"] == pytest.approx(np.degrees(standing.headings[17]), abs=0.01)
