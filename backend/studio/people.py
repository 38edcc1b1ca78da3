# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters to a person: a textured bust in the box [-1, 1]^3, chin to crown `HEAD_HEIGHT` tall."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from . import accessories, colours
from .assets import Garment, Pack, load_image
from .parameters import EXPRESSIONS, HAIR_STYLES, PersonParameters
from .subdivision import catmull_clark, subdivide_corners

HEAD_HEIGHT = 1.1
"""Chin to crown, box units."""
CHIN_LEVEL = -0.28
"""Height of the chin of the neutral face: an open mouth must not move the head."""
CHIN, CROWN, FACE_BACK, FACE_FRONT = 791, 881, 962, 5320
Placing = Callable[[np.ndarray], np.ndarray]
"""Decimetres of the assets to box units."""
LIP_CENTRE = 468
"""Base vertex between the lips, as high as the corners of the mouth."""


@dataclass(frozen=True, slots=True)
class Part:
    """One textured mesh of a person."""

    name: str
    """body, eyes, teeth, tongue, brows, lashes, hair, top, hat or glasses."""
    vertices: np.ndarray
    """Positions [V, 3] float32, box units."""
    triangles: np.ndarray
    """Vertex indices [F, 3]."""
    uv: np.ndarray
    """Texture coordinates per corner [F, 3, 2], origin bottom left."""
    texture: np.ndarray
    """sRGB picture with coverage, uint8 [T, T, 4]."""


@dataclass(frozen=True, slots=True)
class Person:
    """A synthetic bust."""

    parameters: PersonParameters
    parts: tuple[Part, ...]
    right_eye: np.ndarray
    """Front of the subject's right eyeball [3]; `left_eye` alike."""
    left_eye: np.ndarray
    mouth: np.ndarray
    """Between the lips [3]."""


def build_person(person: PersonParameters, pack: Pack) -> Person:
    """Morph, dress and colour a person. Deterministic."""
    base = _morph(person, pack, expression=True)
    neutral = _morph(person, pack, expression=False)
    unit = (neutral[CROWN, 1] - neutral[CHIN, 1]) / HEAD_HEIGHT
    origin = np.array([0, neutral[CHIN, 1] - CHIN_LEVEL * unit, (neutral[FACE_BACK, 2] + neutral[FACE_FRONT, 2]) / 2])
    place = lambda points: ((points - origin) / unit).astype(np.float32)  # noqa: E731
    crown = CHIN_LEVEL + HEAD_HEIGHT
    hair = colours.hair_colour(person)
    brows = np.minimum(hair * 0.7 + 0.004, 0.35)

    def garment(kind: str, name: str, picture: np.ndarray | None = None, part: str | None = None) -> Part:
        worn = pack.garment(kind, name)
        if picture is None:
            picture = load_image(worn.texture) if worn.texture else np.ones((4, 4, 4), np.float32)
        triangles, uv = _usable(pack, worn)
        return Part(part or kind, place(worn.fit(base)), triangles, uv, _bytes(picture))

    dressed = []
    hidden: tuple[int, ...] = ()
    if person.top:
        worn = pack.garment("clothes", person.top)
        hidden = tuple(worn.hides.tolist())
        picture = load_image(worn.texture) if worn.texture else None
        dressed.append(garment("clothes", person.top, colours.cloth(person, picture), "top"))
    body = _body(person, pack, base, hidden, place)
    parts = [body, *dressed]
    eye = load_image(pack.texture("eyes/materials", f"{person.eye_colour}_eye"))
    parts += [
        garment("eyes", "high-poly", eye),
        garment("teeth", "teeth_base"),
        garment("tongue", "tongue01"),
        garment("eyebrows", person.eyebrows, _tinted(pack, "eyebrows", person.eyebrows, brows), "brows"),
        garment("eyelashes", person.eyelashes, _tinted(pack, "eyelashes", person.eyelashes, brows * 0.3), "lashes"),
    ]
    if person.hair:
        style = garment("hair", person.hair, _hair_picture(pack, person.hair, hair))
        vertices = accessories.style_hair(person, style.vertices, crown)
        parts.append(Part("hair", vertices, style.triangles, style.uv, style.texture))
    if person.hat:
        felt = colours.opaque(np.broadcast_to(np.array(person.hat_colour, np.float32), (8, 8, 3)))
        hat = garment("clothes", person.hat, felt, "hat")
        parts.append(Part("hat", _over(hat.vertices, crown), hat.triangles, hat.uv, hat.texture))
    right, left = (place(_group_centre(base, cube)) for cube in ((14670, 14742), (14598, 14670)))
    if person.glasses:
        visible = body.vertices[np.unique(body.triangles)]
        vertices, triangles = accessories.glasses(person, visible, right, left)
        frame = colours.opaque(np.broadcast_to(np.array(person.glasses_colour, np.float32), (4, 4, 3)))
        middle = np.full((len(triangles), 3, 2), 0.5, np.float32)
        parts.append(Part("glasses", vertices, triangles, middle, _bytes(frame)))
    front = np.array([0, 0, 0.055], np.float32)
    return Person(person, tuple(parts), right + front, left + front, place(base[LIP_CENTRE]))


def macro_weights(person: PersonParameters) -> dict[str, float]:
    """Weights of the macro targets: the product of piecewise linear weights along each axis."""

    def fall(value: float, low: float, high: float) -> float:
        return float(np.interp(value, [low, high], [1, 0]))

    def three(value: float, stem: str) -> dict[str, float]:
        low, high = fall(value, 0, 0.5), 1 - fall(value, 0.5, 1)
        return {f"min{stem}": low, f"average{stem}": 1 - low - high, f"max{stem}": high}

    def two(value: float, low: str, high: str) -> dict[str, float]:
        return {low: fall(value, 0, 0.5), high: 1 - fall(value, 0.5, 1)}

    young, old = fall(person.age, 0.1875, 0.5), 1 - fall(person.age, 0.5, 1)
    age = {"child": young, "young": 1 - young - old, "old": old}

    weights: dict[str, float] = {}
    for sex, sex_share in {"female": 1 - person.gender, "male": person.gender}.items():
        for years, years_share in age.items():
            for family, share in person.ethnic.items():
                weights[f"{family}-{sex}-{years}"] = share * sex_share * years_share
            for muscle, muscle_share in three(person.muscle, "muscle").items():
                for mass, mass_share in three(person.weight, "weight").items():
                    stem = f"{sex}-{years}-{muscle}-{mass}"
                    joint = sex_share * years_share * muscle_share * mass_share
                    weights[f"universal-{stem}"] = joint
                    for name, part in two(person.height, "minheight", "maxheight").items():
                        weights[f"height/{stem}-{name}"] = joint * part
                    for name, part in two(person.proportions, "uncommonproportions", "idealproportions").items():
                        weights[f"proportions/{stem}-{name}"] = joint * part
    return {f"macrodetails/{name}": float(weight) for name, weight in weights.items() if weight > 1e-4}


def _morph(person: PersonParameters, pack: Pack, expression: bool) -> np.ndarray:
    """The deformed base mesh, decimetres."""
    weights = macro_weights(person)
    for _, name, negative, positive in pack.sliders:
        value = person.sliders.get(name, 0.0)
        if value > 0:
            weights[positive] = value
        elif value < 0 and negative:
            weights[negative] = -value
    weights |= {f"asym/{name}": weight for name, weight in person.asymmetry.items()}
    if expression:
        for unit, share in EXPRESSIONS[person.expression].items():
            for family, part in person.ethnic.items():
                weights[f"expression/units/{family}/{unit}"] = share * person.expression_strength * part
    vertices = pack.base.vertices.copy()
    for name, weight in weights.items():
        if weight > 1e-3:
            index, displacement = pack.target(name)
            vertices[index] += weight * displacement
    return vertices


def _body(person: PersonParameters, pack: Pack, base: np.ndarray, hidden: tuple[int, ...], place: Placing) -> Part:
    """The skin: covered quads dropped, subdivided once, the beard grown."""
    matrix, triangles, uv = _skin_topology(pack, hidden)
    vertices = base
    if person.beard:
        weights = colours.beard_weights(pack, person.beard)
        normals = _normals(base, pack.base.quads)
        unit = (base[CROWN, 1] - base[CHIN, 1]) / HEAD_HEIGHT
        vertices = base + unit * (accessories.grow_beard(person, base, normals, weights) - base)
    return Part("body", place(matrix @ vertices), triangles, uv, _bytes(colours.skin(person, pack)))


@lru_cache(64)
def _skin_topology(pack: Pack, hidden: tuple[int, ...]) -> tuple[object, np.ndarray, np.ndarray]:
    quads, quad_uv = pack.base.quads, pack.base.quad_uv
    covered = np.zeros(len(pack.base.vertices), bool)
    covered[list(hidden)] = True
    stays = pack.kept[quads].all(1) & ~covered[quads].all(1)
    matrix, children = catmull_clark(quads[stays], len(pack.base.vertices))
    corner_uv = subdivide_corners(pack.base.uv[quad_uv[stays]])
    split = [0, 1, 2, 0, 2, 3]
    return matrix, children[:, split].reshape(-1, 3), corner_uv[:, split].reshape(-1, 3, 2)


def _usable(pack: Pack, worn: Garment) -> tuple[np.ndarray, np.ndarray]:
    """Triangles and corner UVs of a garment that hang on base vertices which the pack can move."""
    good = pack.kept[worn.bound].all(1)[worn.surface.triangles].all(1)
    return worn.surface.triangles[good], worn.surface.uv[worn.surface.triangle_uv[good]]


def _tinted(pack: Pack, kind: str, name: str, colour: np.ndarray) -> np.ndarray:
    texture = pack.garment(kind, name).texture
    return colours.tinted(load_image(texture), colour) if texture else colours.strands(colour, curly=False)


def _hair_picture(pack: Pack, name: str, colour: np.ndarray) -> np.ndarray:
    texture = pack.garment("hair", name).texture
    curly = "afro" in HAIR_STYLES.get(name, ("", 0, ""))[2]
    return colours.tinted(load_image(texture), colour) if texture else colours.strands(colour, curly)


def _over(vertices: np.ndarray, crown: float) -> np.ndarray:
    """A hat slightly wider than the skull, so that hair below does not pierce it."""
    centre = np.array([0, crown - 0.3, 0], np.float32)
    return centre + (vertices - centre) * np.float32(1.06)


def _group_centre(base: np.ndarray, span: tuple[int, int]) -> np.ndarray:
    return base[span[0] : span[1]].mean(0)


def _normals(vertices: np.ndarray, quads: np.ndarray) -> np.ndarray:
    corners = vertices[quads]
    face = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normals = np.zeros_like(vertices)
    for k in range(4):
        np.add.at(normals, quads[:, k], face)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _bytes(picture: np.ndarray) -> np.ndarray:
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
