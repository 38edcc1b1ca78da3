# SPDX-License-Identifier: GPL-3.0-or-later
"""Who stands where, how large, which way and how tinted: all chance of a crowd, from its seed. Pure numpy."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..scene import ground as grounds
from ..scene import layout
from .rules import SpecError
from .spec import CrowdSpec, Variation

BASE_RADIUS = 0.17
"""Metres from the middle of a bust's flat base to its rim, about."""
BESIDE = 2.2
"""Spacings within which the same person is not met again, where that can be."""
VIEWING_DISTANCE = 3.0
"""Metres before the crowd from which levels of detail count when there is no camera."""


@dataclass(frozen=True, slots=True)
class Terrain:
    """What the scene has of the objects that a layout names."""

    triangles: np.ndarray | None = None
    """Of the surface or the ground, `[F, 3, 3]`, metres, Z up."""
    path: np.ndarray | None = None
    """Of the curve, `[K, 3]`."""
    camera: np.ndarray | None = None
    """Where the scene's camera is, `[3]`."""


@dataclass(frozen=True, slots=True)
class Standing:
    """N people in their places."""

    people: np.ndarray
    """Number of the distinct person, `[N]`."""
    positions: np.ndarray
    """Of the base's middle, `[N, 3]`, metres."""
    headings: np.ndarray
    """Radians about Z, `[N]`; 0 looks along -Y, positive turns counter-clockwise seen from above."""
    scales: np.ndarray
    """`[N]`."""
    tints: np.ndarray
    """Factors on the colour of the whole person, linear RGB, `[N, 3]`."""
    clothes: np.ndarray
    """The same below the neck, `[N, 3]`."""
    levels: np.ndarray
    """Number of the level of detail, 0 the finest, `[N]`."""


def arranged(spec: CrowdSpec, terrain: Terrain) -> Standing:
    """Everyone in place. The same specification and terrain give the same crowd. Raises LayoutError, SpecError."""
    # One stream of chance each, so that a wider tint moves nobody.
    streams = [np.random.default_rng([spec.seed, number]) for number in range(6)]
    places = _places(spec, terrain, streams[0])
    moved = layout.shifted(places, spec.variation.position, streams[1]) if spec.variation.position else places
    count, variation = len(places.positions), spec.variation
    scales = 1 + variation.scale * _spread(streams[2], count, variation)
    turns = _facing(spec, places, streams[3])
    turns = turns + np.radians(variation.rotation) * _spread(streams[3], count, variation)
    weights = np.array(spec.weights or [1.0] * len(spec.sources))
    people = layout.different_neighbours(
        places.positions, layout.shares(weights, count), BESIDE * spec.spacing, streams[4]
    )
    positions = _put_down(spec, terrain, moved.positions, places.positions, scales)
    return Standing(
        people=people,
        positions=positions,
        headings=(turns + np.pi) % (2 * np.pi) - np.pi,
        scales=scales,
        tints=_tints(streams[5], count, variation.tint),
        clothes=_tints(streams[5], count, variation.clothes),
        levels=_levels(spec, terrain, positions),
    )


def manifest(spec: CrowdSpec, standing: Standing, people: list[dict[str, Any]], plain_spec: dict[str, Any]) -> dict:
    """Who stands where, as JSON values; `people` describes the distinct ones, in order."""
    rows = zip(
        standing.people.tolist(),
        standing.positions.round(4).tolist(),
        np.degrees(standing.headings).round(2).tolist(),
        standing.scales.round(4).tolist(),
        standing.tints.round(3).tolist(),
        standing.clothes.round(3).tolist(),
        standing.levels.tolist(),
        strict=True,
    )
    return {
        "kind": "maquette crowd",
        "spec": plain_spec,
        "units": {"position": "metres, Z up", "heading": "degrees, 0 looks along -Y, counter-clockwise from above"},
        "people": people,
        "standing": [
            {
                "name": f"{spec.collection} {number:05d}",
                "person": person,
                "position": position,
                "heading": heading,
                "scale": scale,
                "tint": tint,
                "clothes": clothes,
                "level": level,
            }
            for number, (person, position, heading, scale, tint, clothes, level) in enumerate(rows)
        ],
    }


def _places(spec: CrowdSpec, terrain: Terrain, random: np.random.Generator) -> layout.Places:
    asked = spec.layout
    spacing, count = spec.spacing, spec.total
    match asked.kind:
        case "grid":
            found = layout.grid(count, spacing, asked.columns)
            return layout.Places(found.positions + np.array(asked.origin), found.forward)
        case "circle":
            found = layout.circle(count, spacing, asked.radius, np.radians(asked.arc))
            return layout.Places(found.positions + np.array(asked.origin), found.forward)
        case "curve":
            path = terrain.path if asked.path is None else _points(asked.path)
            if path is None:
                raise SpecError(f"layout.object: there is no curve {asked.object!r} in the scene")
            return layout.along(path, count, spacing, asked.rows)
        case "surface":
            if terrain.triangles is None:
                raise SpecError(f"layout.object: there is no mesh {asked.object!r} in the scene")
            return layout.scatter(terrain.triangles, count, spacing, random, np.radians(asked.max_slope))
        case _:
            least = spec.body + 2 * spec.variation.position
            return layout.at_points(_points(asked.points or ()), least)


def _points(values: tuple[tuple[float, ...], ...]) -> np.ndarray:
    return np.array([[*each, 0.0][:3] for each in values], dtype=float)


def _put_down(
    spec: CrowdSpec, terrain: Terrain, wanted: np.ndarray, unmoved: np.ndarray, scales: np.ndarray
) -> np.ndarray:
    """On the surface or ground, upright, no rim in the air; with neither, as they are."""
    on_ground = spec.layout.ground is not None or spec.layout.kind == "surface"
    if not on_ground:
        return wanted
    if terrain.triangles is None:
        raise SpecError(f"layout.ground: there is no mesh {spec.layout.ground!r} in the scene")
    surface = grounds.Ground(terrain.triangles)
    positions = wanted.copy()
    if spec.layout.kind == "surface":
        # Who was moved over the edge stays where the surface was hit.
        positions = np.where(np.isnan(surface.heights(wanted[:, :2]))[:, None], unmoved, wanted)
    else:
        positions[:, 2] = surface.heights(wanted[:, :2])  # of several floors the highest
    put = grounds.stand(surface, positions, BASE_RADIUS * scales)
    if beside := int(np.isnan(put[:, 2]).sum()):
        raise SpecError(
            f"layout.ground: {beside} of {len(put)} people would stand beside {spec.layout.ground!r}",
            "Make the ground larger, or the crowd smaller.",
        )
    return put


def _facing(spec: CrowdSpec, places: layout.Places, random: np.random.Generator) -> np.ndarray:
    """Headings before variation."""
    flat = places.positions[:, :2]
    if spec.layout.look_at is not None:
        return layout.heading(np.array(spec.layout.look_at) - flat)
    default = {"circle": "centre", "curve": "along"}.get(spec.layout.kind, "front")
    match spec.layout.facing or default:
        case "along":
            return layout.heading(places.forward)
        case "centre":
            return layout.heading(flat.mean(axis=0) - flat)
        case "away":
            return layout.heading(flat - flat.mean(axis=0))
        case "random":
            return random.uniform(-np.pi, np.pi, len(flat))
        case _:
            return np.zeros(len(flat))


def _spread(random: np.random.Generator, count: int, variation: Variation) -> np.ndarray:
    """Numbers in [-1, 1], `[N]`."""
    if variation.distribution == "uniform":
        return random.uniform(-1, 1, count)
    drawn = random.standard_normal(count)
    while (far := np.abs(drawn) > 2).any():
        drawn[far] = random.standard_normal(int(far.sum()))
    return drawn / 2


def _tints(random: np.random.Generator, count: int, strength: float) -> np.ndarray:
    """Factors around 1: a hue, and more often darker than lighter, for white cloth has no lighter."""
    hue = random.random((count, 1)) * 2 * np.pi
    light = random.uniform(-1, 0.4, (count, 1))
    wheel = np.cos(hue - np.arange(3) * 2 * np.pi / 3)
    return np.clip(1 + strength * (0.5 * wheel + 0.4 * light), 0.05, 1.3)


def _levels(spec: CrowdSpec, terrain: Terrain, positions: np.ndarray) -> np.ndarray:
    if spec.lod.viewpoint is not None:
        eye = np.array(spec.lod.viewpoint)
    elif terrain.camera is not None:
        eye = terrain.camera
    else:
        middle = (positions.min(axis=0) + positions.max(axis=0)) / 2
        eye = np.array([middle[0], positions[:, 1].min() - VIEWING_DISTANCE, middle[2]])
    distance = np.linalg.norm(positions - eye, axis=1)
    return np.searchsorted(np.array(spec.distances), distance, side="right").astype(np.int64)
