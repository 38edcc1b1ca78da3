# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished run of fits that takes a second: planes of balls, learned together with their decoder from points."""

import json
from dataclasses import asdict
from pathlib import Path

import torch

from backend.geometry.triplane import Triplane
from backend.models.decoder import FieldDecoder
from backend.training.replay_config import PlanesConfig, ReplayConfig
from backend.training.replay_state import save_run
from backend.training.stage2 import Fitted, save_fitted
from backend.training.subjects import Subjects

CHANNELS, SIZE = 8, 16


def make_run(subjects: Path, out: Path, steps: int = 40) -> None:
    """Fit everyone of a folder and write what `maquette fit --method replay` writes; pictures are linked beside it."""
    everyone = Subjects(subjects)
    (out / "subjects").symlink_to(subjects)
    config = ReplayConfig(planes=PlanesConfig(resolution=SIZE, channels=CHANNELS), hidden=16)
    torch.manual_seed(0)
    decoder = FieldDecoder(config.decoder())
    planes = (0.1 * torch.randn(len(everyone), 3, CHANNELS, SIZE, SIZE)).requires_grad_(True)
    optimiser = torch.optim.Adam([planes, *decoder.parameters()], lr=0.03)
    points = [everyone.load(name).points for name in everyone.names]
    arrays = {
        key: torch.stack([torch.from_numpy(own[key][:400]).float() for own in points])
        for key in ("points", "sdf", "surface", "colour")
    }
    for _ in range(steps):
        distance, _ = decoder(Triplane(planes).sample(arrays["points"]))
        _, rgb = decoder(Triplane(planes).sample(arrays["surface"]))
        loss = 20 * (distance - arrays["sdf"]).abs().mean() + (rgb - arrays["colour"] / 255).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    done = planes.detach()
    save_run(out, config=asdict(config), seed=0, names=everyone.names, visits=dict.fromkeys(everyone.names, 1),
             mean=done.mean(0), decoder=decoder.state_dict())  # fmt: skip
    index = {}
    for name, own in zip(everyone.names, done, strict=True):
        fitted = Fitted(name, own, steps, 1.0, None, None)
        index[name] = {"file": save_fitted(fitted, out / "fitted").name, "figures": fitted.figures()}
    (out / "fitted/index.json").write_text(json.dumps(index), encoding="utf-8")
