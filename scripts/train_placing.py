#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Teach the network that places samples along rays, alone, for a generator that is done: `heads` got it so.

python scripts/train_placing.py runs/gan/gan.pt --data people --minutes 7 --out heads.safetensors
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backend.training.gan import trained_gan  # noqa: E402 (the checkout is put on the path first)
from backend.training.gan_presets import GANS  # noqa: E402
from backend.training.gan_rendering import shoot  # noqa: E402
from backend.training.gan_views import picture_source  # noqa: E402
from backend.weights.licences import Licence  # noqa: E402
from backend.weights.sdf_gan import save_sdf_gan  # noqa: E402

PEOPLE, PATCH, SIDE, RATE = 2, 32, 16, 2e-3
TERMS = "Any use under the terms of Maquette itself: trained here, on synthetic people made of CC0 assets."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="of maquette train gan --config heads")
    parser.add_argument("--data", type=Path, required=True, help="folder whose cameras are taken")
    parser.add_argument("--minutes", type=float, default=7)
    parser.add_argument("--out", type=Path, required=True, help="file of weights")
    flags = parser.parse_args()
    model, preset = trained_gan(flags.checkpoint), GANS["heads"]
    generator, network = model.generator, model.proposal.train().requires_grad_(True)
    views = picture_source(flags.data, preset.views or model.config.side)
    rendering = replace(preset.stage.rendering, patch=PATCH)
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE, betas=(0.9, 0.99))
    average = {name: value.clone() for name, value in network.state_dict().items()}
    random, begun, steps = torch.Generator().manual_seed(1), time.monotonic(), 0
    while (done := (time.monotonic() - begun) / (60 * flags.minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, (steps + 1) / 20) * (1 - 0.95 * done)
        cameras = views.cameras(PEOPLE, random)
        z = torch.randn(PEOPLE, generator.config.mapping.z, generator=random)
        with torch.no_grad():
            planes = generator.planes(generator.styles(z, None, 1.0 if steps % 2 else 0.7))
        losses = [
            shoot(generator.volume(planes[k : k + 1], cameras[k]), cameras[k], SIDE, model.config.side, network,
                  rendering, random, supervise=True).sampler
            for k in range(PEOPLE)
        ]  # fmt: skip
        loss = torch.stack([each for each in losses if each is not None]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        steps += 1
        for name, value in network.state_dict().items():
            average[name].lerp_(value, max(0.01, 9 / (steps + 9)))
        if steps % 25 == 0:
            print(steps, round(float(loss.detach()), 3), flush=True)
    network.load_state_dict(average)
    licence = Licence(name="GPL-3.0-or-later", commercial=True, terms=TERMS)
    save_sdf_gan(replace(model, config=replace(model.config, propose=True)), flags.out, licence)
    return 0


if __name__ == "__main__":
    sys.exit(main())
