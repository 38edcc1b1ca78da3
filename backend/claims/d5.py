# SPDX-License-Identifier: GPL-3.0-or-later
"""D5: refining a texture view by view beats repainting it in texture space and repainting each view on its own."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from ..evaluation.seams import chart_seams, sharpness, view_seams, views_disagree
from ..geometry.cameras import orbit
from ..refinement.canvas import Canvas
from ..refinement.prior import PriorError, Step, View, ViewPrior, Wish, load_prior
from ..refinement.progressive import refine_views, repaint, spread
from ..refinement.trimap import trimap
from ..refinement.viewpoints import viewpoints
from ..surface.clean import clean
from ..surface.extract import extract
from ..surface.mending import solid
from ..surface.mesh import Mesh
from ..surface.unwrap import unwrap
from ..synthesis import load
from ..synthesis.base import Condition
from ..texture.bake import bake
from ..texture.differentiable import texture_view
from ..texture.maps import TextureSet
from ..texture.preview import picture
from ..texture.raster import raster_uv
from ..texture.resize import resized
from .base import Claim, ClaimError, Outcome, Progress, Settings, clearly_positive, plus_minus, subtract
from .pictures import grid

T = TypeVar("T")
PRIOR = "diffuse-local"
VIEWS, TINY_VIEWS = 8, 2
SIZE, TINY_SIZE = 1024, 128
STRENGTH = 0.6
PEOPLE = ("an old man with a grey beard", "a young woman with long red hair", "a bald man with freckles")
ARMS = ("progressive", "texture space", "each view alone")
LEAST_SHARP = 0.95
"""Share of the other arms' sharpness that progressive refinement must keep."""
CLAIM = Claim(
    id="D5",
    title="Refining a texture view by view leaves fewer seams than repainting it in texture space, and views that "
    "agree better than when each is repainted alone",
    source="DiffusionGAN3D (arXiv 2312.16837), progressive texture refinement with adaptive blend.",
    published="User studies and pictures; no numbers for this part were found.",
    size=None,
    unit="levels of 255",
    expected="Same heads, prior, sentence and seed: colours on both sides of chart borders clearly closer than after "
    "repainting in texture space; pictures of neighbouring views, where both show a texel, clearly closer than when "
    "each is repainted alone; sharpness at least 95 % of what repainting each view alone leaves.",
)


@dataclass(frozen=True, slots=True)
class Judged:
    """One arm on one head."""

    charts: float
    """Colour difference at chart borders, of 255."""
    borders: float
    """Steepness of colours where the best view changes, over elsewhere, more than before."""
    disagreement: float
    """Between views, of 255; 0 where there is only one picture."""
    sharpness: float
    """Over that of the texture before."""


class Watched:
    """A prior, and what it painted."""

    def __init__(self, prior: ViewPrior, told: Callable[[], None]) -> None:
        self.name, self.size = prior.name, prior.size
        self.pictures: list[tuple[tuple[float, float], np.ndarray]] = []
        """Direction and picture of each view."""
        self._prior, self._told = prior, told

    def paint(self, view: View, wish: Wish) -> Generator[Step, None, np.ndarray]:
        """As the prior paints."""
        painted = yield from self._prior.paint(view, wish)
        self.pictures.append(((view.azimuth, view.elevation), painted))
        self._told()
        return painted


def experiment(settings: Settings, progress: Progress) -> Outcome:
    """One head and one sentence for each seed, repainted in three ways."""
    try:
        prior = load_prior(PRIOR)
    except PriorError as error:
        raise ClaimError(error.message, error.hint) from error
    views = settings.pick(VIEWS, TINY_VIEWS)
    total, done = len(settings.seeds) * (2 * views + 1), [0]

    def told() -> None:
        done[0] += 1
        progress("repainting", min(done[0] / total, 1.0))

    judged: dict[str, list[Judged]] = {arm: [] for arm in ARMS}
    rows = []
    for number, seed in enumerate(settings.seeds):
        mesh, textures = head(settings, seed)
        wish = Wish(prompt=PEOPLE[number % len(PEOPLE)], strength=STRENGTH, seed=seed)
        shown = [textures]
        for arm, make in zip(ARMS, (progressively, in_texture_space, alone), strict=True):
            watched = Watched(prior, told)
            better = make(mesh, textures, watched, wish, views)
            judged[arm].append(judge(mesh, textures, better, watched, views, arm))
            shown.append(better)
        rows.append([picture(mesh, each, orbit(0.5), 192, lit=False) / 255 for each in shown])
    return outcome(judged, rows)


def head(settings: Settings, seed: int) -> tuple[Mesh, TextureSet]:
    """An avatar of the shipped generator, as it is before refinement."""
    sampling = load().synthesize(Condition(seed=1000 + seed, steps=settings.pick(12, 2)))
    while True:
        try:
            next(sampling)
        except StopIteration as done:
            sculpture = done.value.field
            break
    size = settings.pick(SIZE, TINY_SIZE)
    rough = extract(solid(sculpture), settings.pick(192, 32))
    mesh = unwrap(clean(rough, settings.pick(20_000, 500)), size)
    return mesh, bake(sculpture, mesh, size)


def progressively(mesh: Mesh, textures: TextureSet, prior: ViewPrior, wish: Wish, views: int) -> TextureSet:
    """What is claimed to be better."""
    return _result(refine_views(mesh, textures, prior, wish, views, textures.size))


def alone(mesh: Mesh, textures: TextureSet, prior: ViewPrior, wish: Wish, views: int) -> TextureSet:
    """Each view repainted from the texture as it was, then all brought together by the same weights."""
    canvas = Canvas(mesh, textures, textures.size)
    normals, painted = mesh.normals(), np.zeros(len(canvas.rows), np.float32)
    for number, direction in enumerate(viewpoints(views)):
        camera = orbit(*direction)
        look = texture_view(mesh, camera, prior.size, canvas.texels)
        plan = trimap(mesh, normals, camera, look, Canvas(mesh, textures, textures.size), direction)
        own = Wish(prompt=wish.prompt, strength=wish.strength, seed=wish.seed + number)
        answer = _result(prior.paint(plan.view, own)).astype(np.float32) / 255
        painted += repaint(canvas, look, plan, answer)
    spread(mesh, canvas, painted)
    return canvas.textures(textures.level + 1)


def in_texture_space(mesh: Mesh, textures: TextureSet, prior: ViewPrior, wish: Wish, views: int) -> TextureSet:
    """The texture repainted as if it were a picture, guided by the surface's normals in their places (Paint3D)."""
    side = prior.size
    small = resized(textures, mesh, side)
    raster = raster_uv(mesh, side)
    shown = raster.face >= 0
    normal = np.zeros((side, side, 3), np.float32)
    normal[shown] = raster.interpolate(mesh.faces, mesh.normals())
    nothing = np.zeros((side, side), np.float32)
    flat = View(
        image=np.where(shown[..., None], small.albedo, 255).astype(np.uint8), shown=shown, normal=normal,
        depth=np.where(shown, 4.4, np.inf).astype(np.float32), generate=nothing, keep=1 - shown.astype(np.float32),
        azimuth=0.0, elevation=0.0,
    )  # fmt: skip
    painted = _result(prior.paint(flat, wish)).astype(np.float32) / 255
    canvas = Canvas(mesh, textures, textures.size)
    change = TextureSet(np.clip(127.5 + 127.5 * (painted - flat.image / 255), 0, 255).astype(np.uint8), shown, 0)
    grown = resized(change, mesh, textures.size).albedo[canvas.texels.coverage].astype(np.float32) / 127.5 - 1
    canvas.rows = np.clip(canvas.rows + grown, 0, 1)
    return canvas.textures(textures.level + 1)


def judge(mesh: Mesh, before: TextureSet, after: TextureSet, watched: Watched, views: int, arm: str) -> Judged:
    """An arm's texture beside the one it came from."""
    cameras = [orbit(*direction) for direction in viewpoints(views)]
    steeper = view_seams(mesh, after, cameras) - view_seams(mesh, before, cameras)
    gain = sharpness(mesh, after) / max(sharpness(mesh, before), 1e-6)
    apart = 0.0 if arm == ARMS[1] else _disagreement(mesh, before, watched)
    return Judged(chart_seams(mesh, after), steeper, apart, gain)


def outcome(judged: dict[str, list[Judged]], rows: list[list[Float[np.ndarray, "S S 3"]]]) -> Outcome:
    """The verdict: two comparisons, and nothing lost for them."""
    step, flat, single = (judged[arm] for arm in ARMS)
    charts = subtract([each.charts for each in flat], [each.charts for each in step])
    agreement = subtract([each.disagreement for each in single], [each.disagreement for each in step])
    kept = [mine.sharpness / other.sharpness for mine, other in zip(step, single, strict=True)]
    fewer, closer, sharp = clearly_positive(charts), clearly_positive(agreement), float(np.mean(kept)) >= LEAST_SHARP
    why = (
        f"Chart borders {plus_minus([each.charts for each in step])} of 255 against "
        f"{plus_minus([each.charts for each in flat])} in texture space; views differ by "
        f"{plus_minus([each.disagreement for each in step])} against "
        f"{plus_minus([each.disagreement for each in single])} alone; sharpness {np.mean(kept):.2f} of theirs."
    )
    missing = [
        text
        for holds, text in (
            (fewer, "Seams are not clearly fewer."),
            (closer, "Views do not clearly agree better."),
            (sharp, "Too much sharpness is lost."),
        )
        if not holds
    ]
    ours = {"fall of the difference at chart borders": charts, "fall of the difference between views": agreement,
            "sharpness over that of each view alone": kept}  # fmt: skip
    for arm, results in judged.items():
        ours |= {f"{arm}: chart borders": [each.charts for each in results]}
        ours |= {f"{arm}: borders of views": [each.borders for each in results]}
        ours |= {f"{arm}: sharpness gained": [each.sharpness for each in results]}
        if arm != ARMS[1]:
            ours |= {f"{arm}: views differ": [each.disagreement for each in results]}
    return Outcome(
        ours=ours, headline="fall of the difference between views", reproduced=fewer and closer and sharp,
        why=" ".join([why, *missing]), pictures={"One head for each seed": grid(rows, ["before", *ARMS])},
    )  # fmt: skip


def _disagreement(mesh: Mesh, before: TextureSet, watched: Watched) -> float:
    canvas = Canvas(mesh, before, before.size)
    normals, looks, weights = mesh.normals(), [], []
    for direction, shown in watched.pictures:
        camera = orbit(*direction)
        looks.append(texture_view(mesh, camera, len(shown), canvas.texels))
        weights.append(trimap(mesh, normals, camera, looks[-1], canvas, direction).weight)
    return views_disagree(looks, weights, [shown for _, shown in watched.pictures])


def _result(events: Generator[Any, None, T]) -> T:
    while True:
        try:
            next(events)
        except StopIteration as done:
            return done.value
