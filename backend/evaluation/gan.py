# SPDX-License-Identifier: GPL-3.0-or-later
"""How good the pictures and the normals of an SDF GAN are, beside people it has never seen, and at how many samples.

Trevithick et al. 2024, section 4: the same people rendered with 20 samples a pixel, chosen by the proposal network, and
with 96 in two passes. Normals are compared on portraits, of which shards hold true ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..geometry.alignment import MEAN_FACE, aligned_camera
from ..geometry.cameras import Camera
from ..geometry.proposed import Proposed
from ..geometry.sampling import Sampler, TwoPass
from ..geometry.volume import VolumeView, volume_render
from ..models.portrait_encoder import PortraitEncoder
from ..models.sdf_gan import camera_label
from ..training.gan_sheet import facing
from ..training.gan_views import StudioViews
from ..training.portrait_set import PortraitSet
from ..weights.sdf_gan import TrainedSdfGan
from .frechet import Gaussian, features, floor, frechet

FEW, MANY = 8, 48
"""Samples a pixel beside the probe's 12 of a network with 192 borders and a factor of 4; samples of each of two
passes."""


@dataclass(frozen=True, slots=True)
class GanScore:
    """Fréchet distances to held-out people; lower is better."""

    many: float
    """Of pictures with two passes of `MANY` samples."""
    few: float | None
    """Of pictures whose samples the proposal network chose; None where it was not trained."""
    floor: float
    """Between two halves of the held-out pictures."""
    normals: float
    """Of normal maps of portraits."""
    samples_many: float
    """Questions a pixel."""
    samples_few: float | None
    pictures: int


def evaluate_gan(
    model: TrainedSdfGan, eye: PortraitEncoder, held: Path, count: int, truncation: float = 1.0, seed: int = 0
) -> Iterator[tuple[float, GanScore | None]]:
    """The share that is done after each person; with the last one, the score. `count` is at least 4."""
    side = max(16, model.config.side // 16 * 16)
    random = torch.Generator().manual_seed(seed)
    views, portraits = StudioViews(held, side, training=False), PortraitSet(held, side, training=False)
    real, cameras = views.draw(count, random)
    rows = torch.randint(len(portraits), (count,), generator=random)
    which = torch.randint(portraits.rgba.shape[1], (count,), generator=random)
    rgba, normal, angles = portraits.pick(rows, which)
    true_normals = torch.stack(
        [_shown_normals(n, a, _portrait_camera(angle)) for n, a, angle in zip(normal, rgba[:, 3], angles, strict=True)]
    )
    few: Sampler = Proposed(model.proposal, budget=FEW)
    many: Sampler = TwoPass(MANY, MANY)
    seen: dict[str, list[Tensor]] = {"many": [], "few": [], "normals": []}
    asked = {"many": 0, "few": 0}
    for person in range(count):
        z = torch.randn(1, model.generator.config.mapping.z, generator=random)
        label = camera_label(cameras[person]) if model.generator.config.mapping.labels else None
        with torch.no_grad():
            volume = model.generator.volume(model.generator.planes(model.generator.styles(z, label, truncation)))
            for name, sampler in (("many", many), ("few", few)):
                if name == "few" and not model.config.propose:
                    continue
                view = volume_render(volume, cameras[person], side, side, sampler)
                seen[name].append(_as_picture(view))
                asked[name] += view.queries
            camera = _portrait_camera(angles[person])
            portrait = volume_render(volume, camera, side, side, many)
            seen["normals"].append(facing(portrait, camera).permute(2, 0, 1) * 2 - 1)
        if person < count - 1:
            yield (person + 1) / count, None
    truth, shape = features(eye, real), Gaussian.of(features(eye, true_normals))
    pixels = count * side * side
    distance = {name: frechet(Gaussian.of(features(eye, torch.stack(some))), Gaussian.of(truth))
                for name, some in seen.items() if some and name != "normals"}  # fmt: skip
    yield 1.0, GanScore(
        many=distance["many"], few=distance.get("few"), floor=floor(truth),
        normals=frechet(Gaussian.of(features(eye, torch.stack(seen["normals"]))), shape),
        samples_many=asked["many"] / pixels, samples_few=asked["few"] / pixels if "few" in distance else None,
        pictures=count,
    )  # fmt: skip


def _portrait_camera(angles: Float[Tensor, " 2"]) -> Camera:
    """The camera of an aligned portrait of the average face: alignment hides who it is."""
    return aligned_camera(MEAN_FACE, *angles.tolist())


def _as_picture(view: VolumeView) -> Float[Tensor, "4 S S"]:
    return torch.cat([view.rgb, view.alpha[..., None]], -1).permute(2, 0, 1) * 2 - 1


def _shown_normals(
    normal: Float[Tensor, "3 S S"], alpha: Float[Tensor, "S S"], camera: Camera
) -> Float[Tensor, "3 S S"]:
    """World normals of a portrait as `gan_sheet.facing` colours them, in [-1, 1]."""
    frame = camera.cam_to_world[:3, :3] * normal.new_tensor([1, -1, -1])
    unit = functional.normalize(normal, dim=0)
    colour = torch.einsum("chw,cd->dhw", unit, frame)
    return torch.where(alpha > 0.5, colour, 1.0)


def table(score: GanScore) -> list[str]:
    """For people to read."""
    lines = [f"{score.pictures} pictures; two halves of the real ones are {score.floor:.4f} apart",
             f"{score.samples_many:.0f} samples a pixel, two passes: {score.many:.4f}"]  # fmt: skip
    if score.few is None or score.samples_few is None:
        lines.append("the proposal network was not trained: the run ended before its share of the schedule")
    else:
        ratio = score.few / max(score.many, 1e-9)
        lines.append(f"{score.samples_few:.0f} samples a pixel, proposed: {score.few:.4f}, {ratio:.2f} of that")
    return [*lines, f"normals of portraits: {score.normals:.4f}"]
