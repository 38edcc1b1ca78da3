# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that the assets lack, made by rule: frames of glasses, the volume of a beard, bent and mirrored hair."""

import numpy as np

from .parameters import PersonParameters

FRAME_RADIUS = 0.013
"""Half the thickness of a frame, box units: thinner ones vanish between the texels of a small plane."""


def glasses(
    person: PersonParameters, skin: np.ndarray, right_eye: np.ndarray, left_eye: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and triangles of a frame: two rims, a bridge and two temples that reach the ears.

    Takes the body's vertices and the centres of the eyeballs, in the box's frame.
    """
    spacing = left_eye[0] - right_eye[0]
    middle = (left_eye + right_eye) / 2
    half_width = 0.39 * spacing * person.glasses_size
    half_height = half_width * {"round": 0.95, "square": 0.72, "oval": 0.68}[person.glasses]
    power = {"round": 2.0, "square": 5.0, "oval": 2.3}[person.glasses]
    near = (np.abs(skin[:, 0]) < spacing) & (np.abs(skin[:, 1] - middle[1] + 0.02) < half_height)
    bridge = skin[near & (np.abs(skin[:, 0]) < 0.1 * spacing)][:, 2].max()
    depth = max(bridge - 0.3 * FRAME_RADIUS, left_eye[2] + 0.28 * spacing)
    tubes = []
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    for side in (-1, 1):
        ring_x = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** (2 / power) * half_width
        ring_y = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** (2 / power) * half_height
        wrap = 0.16 * (side * ring_x + half_width) ** 2 / half_width  # rims curve back around the face
        ring = np.stack([side * spacing / 2 + ring_x, middle[1] - 0.02 + ring_y, depth - wrap], 1)
        tubes.append(_tube(ring, closed=True))
        outer = ring[np.argmax(side * ring[:, 0])]
        head = (np.abs(skin[:, 1] - outer[1]) < 0.06) & (side * skin[:, 0] > 0) & (np.abs(skin[:, 2] - 0.2) < 0.05)
        width = np.abs(skin[head][:, 0]).max() if head.any() else abs(outer[0]) + 0.05
        hinge = np.array([side * (width + 0.3 * FRAME_RADIUS), outer[1] + 0.02, outer[2] - 0.12])
        tubes.append(_tube(np.stack([outer, hinge, [hinge[0], hinge[1], 0.0]]), closed=False))
    inner = 0.5 * spacing - half_width
    span = np.linspace(-inner, inner, 7)
    arch = middle[1] + 0.02 - 0.25 * span**2 / inner
    tubes.append(_tube(np.stack([span, arch, np.full(7, depth)], 1), closed=False))
    return _join(tubes)


def grow_beard(person: PersonParameters, vertices: np.ndarray, normals: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Body vertices moved out where the beard is; stubble has no volume."""
    if person.beard in (None, "stubble"):
        return vertices
    thickness = (0.012 + 0.04 * person.beard_length) * weights[:, None]
    down = np.array([0, -0.4, 0.15], np.float32) * person.beard_length
    return vertices + thickness * (normals + down)


def style_hair(person: PersonParameters, vertices: np.ndarray, crown: float) -> np.ndarray:
    """A fitted hair style mirrored, scaled away from the skull and bent sideways, in the box's frame."""
    centre = np.array([0.0, crown - 0.5, 0.0], np.float32)
    local = vertices - centre
    if person.hair_mirrored:
        local = local * np.array([-1, 1, 1], np.float32)
    local = local * np.array(person.hair_scale, np.float32)
    below = np.clip(0.2 - local[:, 1], 0, None)[:, None] ** 2
    bend = np.array([person.hair_bend[0], 0, person.hair_bend[1]], np.float32)
    return (centre + local + below * bend).astype(np.float32)


def _tube(path: np.ndarray, closed: bool, sides: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """A tube along a polyline, its ends capped."""
    ahead = np.roll(path, -1, 0) - np.roll(path, 1, 0)
    if not closed:
        ahead[0], ahead[-1] = path[1] - path[0], path[-1] - path[-2]
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    first = np.cross(ahead, [0.0, 0.31, 0.95])
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(ahead, first)
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = np.cos(turn)[None, :, None] * first[:, None] + np.sin(turn)[None, :, None] * second[:, None]
    vertices = (path[:, None] + FRAME_RADIUS * ring).reshape(-1, 3)
    count = len(path)
    start = np.arange(count if closed else count - 1)
    k = np.arange(sides)
    a = start[:, None] * sides + k
    b = start[:, None] * sides + (k + 1) % sides
    c, d = (a + sides) % len(vertices), (b + sides) % len(vertices)
    faces = np.concatenate([np.stack([a, b, d], -1).reshape(-1, 3), np.stack([a, d, c], -1).reshape(-1, 3)])
    if not closed:
        last = (count - 1) * sides
        fan = np.stack([np.zeros(sides - 2, int), k[1:-1], k[2:]], 1)
        faces = np.concatenate([faces, fan[:, ::-1], fan + last])
    return vertices.astype(np.float32), faces


def _join(pieces: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    starts = np.cumsum([0] + [len(vertices) for vertices, _ in pieces])
    faces = [faces + start for (_, faces), start in zip(pieces, starts, strict=False)]
    return np.concatenate([vertices for vertices, _ in pieces]), np.concatenate(faces).astype(np.int32)
