# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces of generated people with eyes, brows and lips, by example: face hallucination (Baker and Kanade 2000; Liu, Shum
and Freeman 2007).

The field of a drawn person shows the mean of all who fit what was drawn, and that mean is blurred. Hundreds of studio
people are known both ways: as the generator draws them, blurred alike, and as they are. For eyes, nose and mouth each,
the one whose blurred picture is most like the given one lends what the sharp picture has beyond it. Everything is seen
from the front, in the frame that all generated heads share.
"""

import math
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from ..faces.parts import hair_mask
from ..geometry.alignment import CROP_SIZE, MEAN_FACE, aligned_camera, face_square
from ..geometry.cameras import Camera, orbit
from ..studio.shading import DISTANCE
from ..weights.faces import FACES, Faces, load_faces
from ..weights.store import WeightsError
from .prior import PriorError, PriorSettings, Step, View, Wish

SIDE = 768
"""Of the views, pixels: the square of the face then has as many as the examples."""
TOP, LEFT, WINDOW = 72, 56, 144
"""The part of the aligned square, pixels of 256, that examples show."""
COARSER = 2
"""Pixels of the examples' own pictures to one of what the generator draws of them."""
SLIGHTLY = 0.35
"""Azimuth up to which a view counts as frontal, radians."""
WHOLE = 0.3
"""Weight of the whole window's distance beside that of a part: eyes come from somebody like the person."""
TONE = 24.0
"""Deviation of the Gaussian, pixels of the square, beyond which differences are tones of skin and stay."""
BRIGHTER = (0.6, 1.5)
"""Bounds of how detail is scaled with the brightness of whom it comes to."""
SKIN = 0.12
"""Most that may be lent beside eyes, nose and mouth: more is somebody's hair or outline."""
OUTLINE = 0.012
"""Share of a view's side that stays as it is along the outline of the head."""
EYES = {
    "brown": ("brown", "brownlight"), "blue": ("blue", "lightblue", "deepblue", "ice"), "green": ("green",),
    "grey": ("grey", "ice"), "gray": ("grey", "ice"),
}  # fmt: skip
"""What a sentence calls eyes, and the studio's names."""


@dataclass(frozen=True, slots=True)
class Region:
    """An ellipse of the aligned square, pixels of 256."""

    across: float
    down: float
    width: float
    height: float

    def mask(self, side: int) -> Float[np.ndarray, "s s 1"]:
        """1 inside, 0 outside, of the window at a side; soft at its border."""
        place = (np.arange(side) + 0.5) * WINDOW / side
        x, y = (place + LEFT - self.across) / self.width, (place + TOP - self.down) / self.height
        share = np.clip((1.25 - np.hypot(x[None], y[:, None])) / 0.5, 0, 1)
        return (share * share * (3 - 2 * share)).astype(np.float32)[..., None]


FACE = Region(128, 146, 47, 60)
PARTS = {"nose": Region(128, 147, 26, 28), "mouth": Region(128, 176, 40, 22), "eyes": Region(128, 117, 54, 25)}
"""In the order in which they are laid over each other."""


class Sharpen:
    """Sharpens the frontal view; leaves the others as they are."""

    name = "sharpen"
    size = SIDE

    def __init__(self, faces: Faces) -> None:
        self.faces = faces
        self.drawn = faces.drawn.astype(np.float32) / 255

    def paint(self, view: View, wish: Wish) -> Generator[Step, None, UInt8[np.ndarray, "S S 3"]]:
        """The view with a sharp face; what is kept stays. Of the sentence, eyes' colour and a smile are heard."""
        if abs(view.azimuth) > SLIGHTLY:
            yield Step(1.0)
            return view.image
        side, place = len(view.image), square_in(view)
        window = cut(view, place, self.drawn.shape[1])
        detail = self.detail(window, wish.prompt)
        laid = cv2.warpAffine(detail, _scaled(place, len(detail)), (side, side), flags=cv2.INTER_CUBIC)
        share = _within(view) * (1 - view.keep)
        after = view.image.astype(np.float32) / 255 + share[..., None] * laid
        image = (after.clip(0, 1) * 255 + 0.5).astype(np.uint8)
        yield Step(1.0, image)
        return image

    def detail(self, window: Float[np.ndarray, "s s 3"], sentence: str = "") -> Float[np.ndarray, "w w 3"]:
        """What is to be added to a window of a face, at the examples' own side."""
        allowed = self._allowed(sentence)
        whole = self._distances(window, FACE)
        found = self._lent(window, FACE, whole).clip(-SKIN, SKIN)
        for name, region in PARTS.items():
            apart = self._distances(window, region)
            apart = apart / apart.mean() + WHOLE * whole / whole.mean()
            lent = self._lent(window, region, np.where(allowed.get(name, True), apart, np.inf))
            found += region.mask(len(found)) * (lent - found)
        return found * FACE.mask(len(found))

    def _distances(self, window: Float[np.ndarray, "s s 3"], region: Region) -> Float[np.ndarray, "2 N"]:
        """To all examples and to their mirror images, whatever the colour of the skin."""
        mask = region.mask(len(window))

        def plain(pictures: Float[np.ndarray, "*N s s 3"]) -> Float[np.ndarray, "*N s s 3"]:
            return (pictures - _mean(pictures, mask)) * mask

        known = plain(self.drawn)
        return np.stack([np.square(known - plain(each)).sum((1, 2, 3)) for each in (window, window[:, ::-1])])

    def _lent(
        self, window: Float[np.ndarray, "s s 3"], region: Region, distances: Float[np.ndarray, "2 N"]
    ) -> Float[np.ndarray, "w w 3"]:
        """What the nearest example's own picture has beyond the drawn one, tones aside."""
        mirrored, index = np.unravel_index(int(distances.argmin()), distances.shape)
        truth, drawn = self.faces.truth[index].astype(np.float32) / 255, self.drawn[index]
        if mirrored:
            truth, drawn = truth[:, ::-1], drawn[:, ::-1]
        drawn = np.ascontiguousarray(drawn)
        beyond = truth - cv2.resize(drawn, truth.shape[:2], interpolation=cv2.INTER_CUBIC)
        beyond = beyond - cv2.GaussianBlur(beyond, (0, 0), TONE * len(truth) / WINDOW)
        mask = region.mask(len(window))
        scale = _mean(window, mask) / np.maximum(_mean(drawn, mask), 0.05)
        return beyond * np.clip(scale, *BRIGHTER)

    def _allowed(self, sentence: str) -> dict[str, Bool[np.ndarray, " N"]]:
        """Who may lend a part, where the sentence speaks of it and there is somebody."""
        said = sentence.lower()
        wanted = re.search(r"(\w+)[ -]eye", said)
        names: Sequence[str] = EYES.get(wanted[1], ()) if wanted else ()
        found = {"eyes": np.array([each in names for each in self.faces.eyes]) if names else None,
                 "mouth": np.array(self.faces.smiling) if "smil" in said or "laugh" in said else None}  # fmt: skip
        return {name: who for name, who in found.items() if who is not None and who.any()}


def examples_camera() -> Camera:
    """The camera whose picture is the aligned square that examples are windows of."""
    return aligned_camera(MEAN_FACE, field_of_view=2 * math.atan(0.7 / DISTANCE))


def windows(squares: UInt8[np.ndarray, "*N S S 3"]) -> UInt8[np.ndarray, "*N s s 3"]:
    """The part of aligned squares that examples show."""
    share = squares.shape[-2] / CROP_SIZE
    rows, columns = (slice(round(begin * share), round((begin + WINDOW) * share)) for begin in (TOP, LEFT))
    return np.ascontiguousarray(squares[..., rows, columns, :])


def square_in(view: View) -> Float[np.ndarray, "2 3"]:
    """From the square of the average face, x and y in [-1, 1], to pixels of a view."""
    points, _ = orbit(view.azimuth, view.elevation).project(torch.from_numpy(MEAN_FACE).float())
    centre, x_half, y_half = face_square(*(points.double().numpy() * len(view.image)))
    return np.stack([x_half, y_half, centre], 1)


def cut(view: View, place: Float[np.ndarray, "2 3"], side: int) -> Float[np.ndarray, "s s 3"]:
    """The window over white, in [0, 1]; averaged over what a pixel holds."""
    shown = view.shown[..., None]
    over = np.where(shown, view.image, 255).astype(np.float32) / 255
    fine = 4 * side
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    found = cv2.warpAffine(over, _scaled(place, fine), (fine, fine), flags=flags, borderValue=(1.0, 1.0, 1.0))
    return np.asarray(cv2.resize(found, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def _scaled(place: Float[np.ndarray, "2 3"], side: int) -> Float[np.ndarray, "2 3"]:
    """From pixels of the window at a side to pixels of the view; pixel centres are whole numbers for OpenCV."""
    step = 2 * WINDOW / CROP_SIZE / side
    first = [2 * begin / CROP_SIZE - 1 + step / 2 for begin in (LEFT, TOP)]
    found = place @ np.array([[step, 0, first[0]], [0, step, first[1]], [0, 0, 1]])
    found[:, 2] -= 0.5
    return found


def _within(view: View) -> Float[np.ndarray, "S S"]:
    """1 on the head, falling to 0 towards its outline and where hair hangs into the face."""
    border = max(1.0, OUTLINE * len(view.image))
    far = cv2.distanceTransform(view.shown.astype(np.uint8), cv2.DIST_L2, 5)
    picture = torch.from_numpy(np.where(view.shown[..., None], view.image, 255).astype(np.float32) / 255)
    hair = hair_mask(picture.permute(2, 0, 1)[None])[0, 0].numpy()
    return np.clip(far / border - 1, 0, 1).astype(np.float32) * np.clip(1.5 - 2 * hair, 0, 1)


def _mean(pictures: Float[np.ndarray, "*N s s 3"], mask: Float[np.ndarray, "s s 1"]) -> Float[np.ndarray, "*N 1 1 3"]:
    return (pictures * mask).sum((-3, -2), keepdims=True) / mask.sum()


def load(settings: PriorSettings) -> Sharpen:
    """With the examples of a folder, or those that ship. Raises PriorError if they cannot be used."""
    path = FACES if settings.folder is None else settings.folder / FACES.name
    try:
        return Sharpen(load_faces(path))
    except WeightsError as error:
        raise PriorError(error.message, error.hint) from error
