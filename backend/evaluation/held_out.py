# SPDX-License-Identifier: GPL-3.0-or-later
"""Portrait to avatar on held-out studio people, beside what the planes could hold at best."""

import math
from dataclasses import asdict, dataclass

import numpy as np
import torch

from ..geometry.cameras import orbit
from ..geometry.fields import Field, TriplaneField
from ..geometry.rendering import render
from ..models.plane_codec import views_to_input
from ..studio.assets import Pack
from ..studio.dataset import person_sample
from ..studio.parameters import sample_parameters
from ..studio.people import HEAD_HEIGHT, Person, build_person
from ..studio.points import FLOOR, VisibleSurface
from ..studio.views import Scene, View, render_view
from ..surface.extract import extract
from ..synthesis.base import Condition
from ..synthesis.rodin import Rodin
from ..training.fit import refine_planes
from ..training.portraits import plain_photograph
from . import metrics

VIEWS = 12
VIEW_SIZE = 128
CLOUD = 20_000


@dataclass(frozen=True, slots=True)
class Score:
    """How close one field is to the person."""

    psnr: float
    """Mean over the views, dB."""
    ssim: float
    mask_iou: float
    chamfer_percent: float
    """Chamfer distance in per cent of the head's height."""


@dataclass(frozen=True, slots=True)
class Row:
    """One held-out person."""

    seed: int
    portrait: Score
    """Avatar from one portrait."""
    fit: Score
    """Planes encoded from views along the axes, then refined on point samples: the ceiling."""
    surface_distance: float
    """Mean |sdf| of the fit at points of the true surface that fitting did not see, box units."""


def evaluate_person(seed: int, pack: Pack, synthesizer: Rodin, steps: int) -> tuple[Row, np.ndarray]:
    """Scores of one person, and a strip of pictures: portrait; truth, avatar and fit, front and turned."""
    person = build_person(sample_parameters(seed, pack), pack)
    sample = person_sample(person)
    cameras = [orbit(2 * math.pi * k / VIEWS, 0.05) for k in range(VIEWS)]
    scene = Scene(person.parts)
    truth = [render_view(scene, camera, VIEW_SIZE, samples=2) for camera in cameras]
    cloud = _true_cloud(person)

    portrait, matte = _portrait(sample)
    avatar = _run(synthesizer, Condition(seed=seed, portrait=portrait, matte=matte, steps=steps))
    fitted = _fit(sample, synthesizer)
    held_out = torch.from_numpy(sample["surface"][::7].astype(np.float32))
    pictures: list[np.ndarray] = []
    scores = [_score(field, cameras, truth, cloud, pictures) for field in (avatar, fitted)]
    distance = float(fitted.sdf(held_out).abs().mean())
    strip = [_square(portrait)]
    for view in (0, 2, 6):
        strip += [_over_white(truth[view]), pictures[view], pictures[VIEWS + view]]
    return Row(seed, scores[0], scores[1], distance), (np.concatenate(strip, 1).clip(0, 1) * 255).astype(np.uint8)


def summary(rows: list[Row]) -> dict[str, dict[str, float]]:
    """Means over people."""
    kinds = {"portrait": [asdict(row.portrait) for row in rows], "fit": [asdict(row.fit) for row in rows]}
    means = {
        kind: {name: round(float(np.mean([score[name] for score in scores])), 4) for name in scores[0]}
        for kind, scores in kinds.items()
    }
    means["fit"]["surface_distance"] = round(float(np.mean([row.surface_distance for row in rows])), 5)
    return means


def _portrait(sample: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The nearly frontal portrait under white light: crop and matte."""
    rgba = torch.from_numpy(sample["portrait_rgba"][:1]).permute(0, 3, 1, 2).float() / 255
    normal = torch.from_numpy(sample["portrait_normal"][:1]).permute(0, 3, 1, 2).float() / 127
    photo = plain_photograph(rgba, normal)[0]
    crop = ((photo[:3] + 1) * 127.5).clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return crop, (photo[3] / 2 + 0.5).numpy()


def _run(synthesizer: Rodin, condition: Condition) -> Field:
    sampling = synthesizer.synthesize(condition)
    while True:
        try:
            next(sampling)
        except StopIteration as done:
            return done.value


def _fit(sample: dict[str, np.ndarray], synthesizer: Rodin) -> TriplaneField:
    model = synthesizer.model
    rgba, depth = (torch.from_numpy(sample[name])[None] for name in ("axis_rgba", "axis_depth"))
    planes = model.field_of_views(views_to_input(rgba, depth, model.codec.config.view_size)).triplane.planes
    kept = {name: values for name, values in sample.items() if name in ("points", "sdf")}
    seen = np.arange(len(sample["surface"])) % 7 != 0
    kept |= {name: sample[name][seen] for name in ("surface", "colour")}
    return TriplaneField(refine_planes(planes.clone(), model.decoder, kept), model.decoder)


def _score(field: Field, cameras: list, truth: list[View], cloud: np.ndarray, pictures: list[np.ndarray]) -> Score:
    per_view = []
    for camera, true_view in zip(cameras, truth, strict=True):
        view = render(field, camera, VIEW_SIZE, VIEW_SIZE)
        picture, wanted = view.rgb.numpy().clip(0, 1), _over_white(true_view)
        pictures.append(picture)
        coverage = metrics.mask_iou(view.alpha.numpy(), true_view.alpha)
        per_view.append((metrics.psnr(picture, wanted), metrics.ssim(picture, wanted), coverage))
    mesh = extract(field, 128)
    points = metrics.surface_samples(mesh.vertices, mesh.faces, CLOUD, np.random.default_rng(0))
    points = points[points[:, 1] > FLOOR + 0.03]  # the cut plane closes the mesh, the person has none
    distance = 100 * metrics.chamfer(points, cloud) / HEAD_HEIGHT
    similarity, structure, overlap = np.mean(per_view, 0)
    return Score(float(similarity), float(structure), float(overlap), distance)


def _true_cloud(person: Person) -> np.ndarray:
    cloud = VisibleSurface(person).cloud
    cloud = cloud[(cloud[:, 1] > FLOOR + 0.03) & (np.abs(cloud).max(1) < 0.99)]
    return cloud[np.random.default_rng(0).choice(len(cloud), CLOUD)]


def _over_white(view: View) -> np.ndarray:
    return (view.rgb + 1 - view.alpha[..., None]).clip(0, 1)


def _square(portrait: np.ndarray) -> np.ndarray:
    fold = portrait.shape[0] // VIEW_SIZE
    return portrait.reshape(VIEW_SIZE, fold, VIEW_SIZE, fold, 3).mean((1, 3)) / 255
