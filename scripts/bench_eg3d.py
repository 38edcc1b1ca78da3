# SPDX-License-Identifier: GPL-3.0-or-later
"""EG3D's own renderer, imported from a check-out, beside ours on people of the studio; nothing of it is copied.

EG3D renders planes of the same size with its own decoder and camera, random weights, as cost does not depend on values.
Ours renders fitted people, and every picture is held to one made with thousands of samples a ray.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

LONG_HAIR = ("long01", "ponytail01", "braid01", "bob02")
"""Styles whose outlines are hardest."""
SIDE = 128
REPEATS = 7


def people(pack_folder: Path) -> Iterator[tuple[str, Any, dict[str, np.ndarray]]]:
    """Held-out people of the studio with long hair, on planes that are encoded from views and then refined on point
    samples; their samples."""
    from backend.studio.assets import Pack
    from backend.studio.dataset import person_sample
    from backend.studio.parameters import EVALUATION_SEEDS, sample_parameters
    from backend.studio.people import build_person
    from backend.weights import store

    pack, model = Pack(pack_folder), store.load_encoder()
    wanted = set(LONG_HAIR)
    for seed in range(EVALUATION_SEEDS, EVALUATION_SEEDS + 1000):
        parameters = sample_parameters(seed, pack)
        if parameters.hair in wanted:
            wanted.remove(parameters.hair)
            sample = person_sample(build_person(parameters, pack))
            yield str(parameters.hair), fitted(sample, model), sample
        if not wanted:
            return


def fitted(sample: dict[str, np.ndarray], model: Any) -> Any:
    """One person's field, from views along the axes and points."""
    from backend.geometry.fields import TriplaneField
    from backend.models.plane_codec import views_to_input
    from backend.training.fit import refine_planes

    rgba, depth = (torch.from_numpy(sample[name])[None] for name in ("axis_rgba", "axis_depth"))
    planes = model.field_of_views(views_to_input(rgba, depth, model.codec.config.view_size)).triplane.planes
    points = {name: sample[name] for name in ("points", "sdf", "surface", "colour")}
    return TriplaneField(refine_planes(planes.clone(), model.decoder, points), model.decoder)


def enlarged(field: Any, sample: dict[str, np.ndarray]) -> Any:
    """The same person on planes of 256^2 x 32: bicubic, new channels small and random, then refined."""
    from backend.geometry.fields import TriplaneField
    from backend.models.decoder import DecoderConfig, FieldDecoder
    from backend.training.fit import refine_planes

    random = torch.Generator().manual_seed(0)
    planes, old = field.triplane.planes[0].contiguous(), field.decoder
    large = torch.nn.functional.interpolate(planes, size=(256, 256), mode="bicubic", align_corners=False)
    more = 0.02 * large.std() * torch.randn(large.shape, generator=random)
    decoder = FieldDecoder(DecoderConfig(channels=2 * planes.shape[1], hidden=old.config.hidden)).requires_grad_(False)
    decoder.load_state_dict(old.state_dict() | {"first.weight": old.first.weight.repeat(1, 2)})
    kept = {name: sample[name] for name in ("points", "sdf", "surface", "colour")}
    return TriplaneField(refine_planes(torch.cat([large, more], 1)[None], decoder, kept, steps=120), decoder)


def eg3d(folder: Path, planes: Tensor) -> Callable[[], Any]:
    """One picture of 128 x 128 by EG3D: 48 samples a ray, then 48 where those found something."""
    sys.path.insert(0, str(folder if (folder / "training").is_dir() else folder / "eg3d"))
    from training.triplane import OSGDecoder
    from training.volumetric_rendering.ray_sampler import RaySampler
    from training.volumetric_rendering.renderer import ImportanceRenderer

    decoder = OSGDecoder(planes.shape[2], {"decoder_lr_mul": 1.0, "decoder_output_dim": 32}).eval()
    renderer = ImportanceRenderer()
    pose = torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0]))[None]
    pose[0, 2, 3] = 2.7
    intrinsics = torch.tensor([[[4.2647, 0.0, 0.5], [0.0, 4.2647, 0.5], [0.0, 0.0, 1.0]]])
    origins, directions = RaySampler()(pose, intrinsics, SIDE)
    options = {
        "disparity_space_sampling": False, "clamp_mode": "softplus", "depth_resolution": 48,
        "depth_resolution_importance": 48, "ray_start": 2.25, "ray_end": 3.3, "box_warp": 1,
    }  # fmt: skip
    contiguous = planes.contiguous()

    def draw() -> Any:
        with torch.no_grad():
            return renderer(contiguous, decoder, origins, directions, options)

    return draw


def converged(field: Any, camera: Any, side: int) -> Tensor:
    """The picture [H, W, 3] over white to which ours converges: samples a sixth of the softness apart, none skipped."""
    from backend.geometry.rendering import softness

    rays, beta = camera.rays(side, side), softness(camera, side)
    near, far = rays.span(field.extent)
    picture = torch.ones(side * side, 3)
    for rows in torch.nonzero(far > near)[:, 0].split(256):
        count = int((far - near)[rows].max() / (beta / 6)) + 2
        t = near[rows, None] + (far - near)[rows, None] * torch.linspace(0, 1, count)
        points = rays.origins[rows, None] + t[..., None] * rays.directions[rows, None]
        values = field.values(points.reshape(-1, 3))
        passing = torch.sigmoid(values.sdf.reshape(t.shape).cummin(1)[0].double() / beta)
        weight = torch.cat([torch.ones(len(rows), 1), passing], 1).diff(dim=1).neg()[..., None]
        colour = values.rgb.reshape(*t.shape, 3)
        between = torch.cat([colour[:, :1], (colour[:, 1:] + colour[:, :-1]) / 2], 1)
        picture[rows] = ((weight * between).sum(1) + passing[:, -1:]).float()
    return picture.reshape(side, side, 3)


def compare(field: Any, folder: Path | None) -> tuple[dict[str, float], float]:
    """Median seconds of interleaved repeats, and the PSNR of our picture of 128 x 128 to the converged one."""
    from backend.evaluation.metrics import psnr
    from backend.geometry.cameras import orbit
    from backend.geometry.occupancy import occupancy
    from backend.geometry.rendering import render

    camera = orbit(0.5, 0.1)
    grid = occupancy(field)
    runs: dict[str, Callable[[], Any]] = {
        "map": lambda: occupancy(field),
        "ours 128": lambda: render(field, camera, SIDE, SIDE, grid=grid, normals=False),
        "ours 128 with normals": lambda: render(field, camera, SIDE, SIDE, grid=grid),
        "ours 512": lambda: render(field, camera, 512, 512, grid=grid, normals=False),
    }
    if folder is not None:
        runs["EG3D 128"] = eg3d(folder, field.triplane.planes)
    taken: dict[str, list[float]] = {stage: [] for stage in runs}
    for repeat in range(REPEATS + 1):
        for stage, work in runs.items():  # one after the other, so that all see the same machine
            started = time.perf_counter()
            work()
            if repeat:  # the first one compiles
                taken[stage].append(time.perf_counter() - started)
    picture, truth = runs["ours 128"]().rgb.numpy(), converged(field, camera, SIDE).numpy()
    return {stage: statistics.median(times) for stage, times in taken.items()}, psnr(picture, truth)
