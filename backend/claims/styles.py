# SPDX-License-Identifier: GPL-3.0-or-later
"""What the claims about adaptation share: the shipped generator and prior, adapted arms that a run keeps, pictures.

Equal arms of two claims are one run: its plan, person and start name its folder in the cache.
"""

import hashlib
import json
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..adaptation.adapt import RESULT, adapt
from ..adaptation.adaptable import opened
from ..adaptation.adaptable_sdf import AdaptableSdfGan, with_case
from ..adaptation.plan import AdaptPlan
from ..adaptation.prior import PicturePrior, load_prior
from ..models.portrait_encoder import PortraitEncoder
from ..weights import store
from ..weights.library import read_entry
from ..weights.sdf_gan import TrainedSdfGan, load_sdf_gan
from .base import Progress, Settings

MODEL = "heads"
TRUNCATION = 0.8
RATE = 1e-2
"""Of the synthesis networks."""


def start(case: bool = False, fresh: int | None = None) -> AdaptableSdfGan:
    """The shipped generator; with `fresh`, one of its sizes that knows nothing, by a seed."""
    generator = opened(MODEL, case=case)
    assert isinstance(generator, AdaptableSdfGan)
    if fresh is None:
        return generator
    with torch.random.fork_rng():
        torch.manual_seed(fresh)
        untrained = TrainedSdfGan.build(generator.model.config)
    return AdaptableSdfGan(with_case(untrained) if case else untrained, "fresh", f"fresh {fresh}", generator.device)


@lru_cache(1)
def prior() -> PicturePrior:
    """The shipped prior."""
    return load_prior("studio")


@lru_cache(1)
def eye() -> PortraitEncoder:
    """By which pictures are compared."""
    return store.load().embedding.portrait_encoder


def plan(settings: Settings, prompt: str, seed: int, steps: int) -> AdaptPlan:
    """The usual plan at half the side and with fewer samples, in fewer and longer steps: what many arms in minutes of
    one core allow. The claims speak of a diffusion prior, so it decides, also on what could be painted exactly."""
    whole = AdaptPlan(
        prompt=prompt, model=MODEL, seed=seed, steps=steps, batch=4, painted=False, side=32, samples=12,
        learning_rate=RATE, average=0.9, sheet_every=10_000, save_every=10_000,
    )  # fmt: skip
    return whole if settings.size != "tiny" else replace(whole, steps=2, batch=2, side=16, samples=6)


def arm(
    settings: Settings,
    wanted: AdaptPlan,
    progress: Progress,
    label: str,
    styles: Float[Tensor, "1 K W"] | None = None,
    fresh: int | None = None,
) -> AdaptableSdfGan:
    """The generator after a plan; from the cache where that was run before."""
    told = json.dumps([wanted.to_json(), fresh, None if styles is None else styles.flatten()[:8].tolist()])
    folder = settings.cache / "styles" / hashlib.sha256(told.encode()).hexdigest()[:16]
    generator = start(case=wanted.case_rate > 0, fresh=fresh)
    if not (folder / RESULT).exists():
        for step in adapt(generator, prior(), wanted, folder, styles):
            progress(f"adapting, {label}", step.fraction)
    model = load_sdf_gan(read_entry(folder / RESULT))
    return AdaptableSdfGan(model, generator.name, generator.model_hash, generator.device)


def tile(picture: Float[Tensor, "C S S"]) -> Float[np.ndarray, "S S 3"]:
    """One picture for a grid."""
    return picture[:3].permute(1, 2, 0).clamp(0, 1).cpu().numpy()
