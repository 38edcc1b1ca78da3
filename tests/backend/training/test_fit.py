# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import torch

from backend.geometry.fields import TriplaneField
from backend.models.plane_codec import CodecConfig
from backend.training.data import People
from backend.training.fit import ARRAYS, FitConfig, fit, load_fitter, refine_planes

CONFIG = FitConfig(minutes=10 / 60, people_per_step=4, points=400, surface_points=300, save_every=10)


def test_balls_are_learned_resumed_and_refined(shards: Path, tmp_path: Path) -> None:
    reports: list[float] = []
    checkpoint = fit(
        shards, tmp_path, CONFIG, CodecConfig.tiny(), report=lambda _, text: reports.append(float(text.split()[1][:-1]))
    )
    steps = torch.load(checkpoint, weights_only=True)["steps"]
    assert steps >= 20 and reports[-1] < 0.7 * reports[0]
    fit(shards, tmp_path, CONFIG, CodecConfig.tiny())  # the budget is spent: nothing more is done
    assert torch.load(checkpoint, weights_only=True)["steps"] == steps

    fitter, people = load_fitter(checkpoint), People(shards, ARRAYS)
    views = fitter.codec.decode(fitter.codec.encode(fitter.views(people, torch.tensor([2]))))
    planes = fitter.planes.as_triplane(fitter.planes(views))
    samples = {name: people.take(name, [2])[0].numpy() for name in ("points", "sdf", "surface", "colour")}
    errors = []
    for triplane in (planes, refine_planes(planes.planes, fitter.decoder, samples, steps=100)):
        field = TriplaneField(triplane, fitter.decoder)
        errors.append(np.abs(field.sdf(torch.from_numpy(samples["points"]).float()).numpy() - samples["sdf"]).mean())
    assert errors[1] < 0.7 * errors[0]
