# SPDX-License-Identifier: GPL-3.0-or-later
"""R1: 3D-aware convolutions against a plain roll-out and planes stacked as channels, at equal size."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..diffusion.denoiser import diffuse
from ..diffusion.parametrisation import clean
from ..diffusion.schedule import ScheduleConfig
from ..models.unet import Coupling, PlaneUNet, PlaneUNetConfig, with_parameters
from .base import Claim, Outcome, Progress, Settings, clearly_positive, part, plus_minus, subtract
from .generation import Denoising, Standard, front, gather, learn, pictures
from .likeness import feature_error, shipped_features
from .pictures import grid

ARMS: dict[str, Coupling] = {"3D-aware": "aware", "roll-out": "rollout", "concatenation": "concat"}
STEPS, TINY_STEPS = 150, 6
BATCH, TINY_BATCH = 6, 2
LEVELS = (0.1, 0.25, 0.5)
"""Times at which held-out people are denoised."""
CLAIM = Claim(
    id="R1",
    title="3D-aware convolutions beat a plain roll-out, which beats stacking planes as channels",
    source="Rodin (arXiv 2212.06135), section 3.2 and its ablation.",
    published="3D-aware convolutions give the cleaner avatars; planes as channels mix what does not lie at one place.",
    size=None,
    unit="%",
    expected="Squared error of the noise on held-out people, equal parameters and steps: 3D-aware clearly below "
    "roll-out, roll-out clearly below concatenation.",
)


def experiment(settings: Settings, progress: Progress) -> Outcome:
    """Three small base models on the same planes, without attention, which would couple planes by itself."""
    crowd, features = gather(settings, part(progress, 0, 0.1)), shipped_features()
    planes, steps = crowd.at(settings.pick(16, 8)), settings.pick(STEPS, TINY_STEPS)
    configs = _configs(settings, planes)
    errors: dict[str, list[float]] = {arm: [] for arm in ARMS}
    seen: dict[str, list[float]] = {arm: [] for arm in ARMS}
    shown: dict[str, np.ndarray] = {}
    for k, seed in enumerate(settings.seeds):
        known, unseen = crowd.split(settings, seed)
        standard = Standard.of(planes[known])
        for number, arm in enumerate(ARMS):
            share = 0.9 / (len(ARMS) * len(settings.seeds))
            inner = part(progress, 0.1 + share * (len(ARMS) * k + number), 0.1 + share * (len(ARMS) * k + number + 1))
            torch.manual_seed(seed)
            stage = Denoising(
                PlaneUNet(configs[arm]), standard.apply(planes[known]), ScheduleConfig.rodinhd_base(), "eps",
                settings.pick(BATCH, TINY_BATCH),
            )  # fmt: skip
            network = learn(settings, seed, stage, steps, f"R1 {arm}", inner)
            error, guess = _judge(network, standard.apply(planes[unseen]), stage.schedule)
            errors[arm].append(error)
            guessed = standard.undo(guess)
            seen[arm].append(feature_error(features, pictures(guessed), pictures(planes[unseen])))
            if k == 0:
                shown |= {"truth": front(planes[unseen[0]]), arm: front(guessed[0])}
    return _outcome(errors, seen, shown)


def _configs(settings: Settings, planes: Tensor) -> dict[str, PlaneUNetConfig]:
    """Of equal size, to the nearest width that is a multiple of 8."""
    size = planes.shape[-2]
    aware = PlaneUNetConfig(
        channels=planes.shape[1], size=size, width=settings.pick(24, 8), multipliers=(1, 2), blocks=1, embedding=64,
        attention_heights=(), aware_heights=(size, size // 2), learned_variance=False, features=(), latent=None,
        save_memory=False,
    )  # fmt: skip
    count = sum(parameter.numel() for parameter in PlaneUNet(aware).parameters())
    return {arm: with_parameters(replace(aware, coupling=coupling), count) for arm, coupling in ARMS.items()}


@torch.inference_mode()
def _judge(network: torch.nn.Module, x0: Tensor, schedule: ScheduleConfig) -> tuple[float, Tensor]:
    """Mean squared error of the noise over `LEVELS`, the same noise for all arms, and x0 guessed at the last."""
    random = torch.Generator().manual_seed(0)
    errors = []
    for u in LEVELS:
        noise = torch.randn(x0.shape, generator=random)
        noisy, sigma = diffuse(x0, torch.full((len(x0),), u), noise, schedule)
        said = network(noisy, sigma)
        errors.append(float((said - noise).square().mean()))
    return float(np.mean(errors)), clean(said, noisy, sigma, "eps")


def _outcome(errors: dict[str, list[float]], seen: dict[str, list[float]], shown: dict[str, np.ndarray]) -> Outcome:
    aware, rollout, stacked = (errors[arm] for arm in ARMS)
    gain = [100 * (b - a) / b for a, b in zip(aware, rollout, strict=True)]
    second = [100 * (b - a) / b for a, b in zip(rollout, stacked, strict=True)]
    first_holds = clearly_positive(subtract(rollout, aware))
    second_holds = clearly_positive(subtract(stacked, rollout))
    why = "Error of the noise: " + ", ".join(f"{arm} {plus_minus(values, 4)}" for arm, values in errors.items()) + "."
    if not first_holds:
        why += " 3D-aware is not clearly below roll-out."
    if not second_holds:
        why += " Roll-out is not clearly below concatenation."
    ours = {"3D-aware below roll-out, %": gain, "roll-out below concatenation, %": second}
    ours |= {f"{arm}: error of the noise": values for arm, values in errors.items()}
    ours |= {f"{arm}: error of features of the guess": values for arm, values in seen.items()}
    return Outcome(
        ours=ours, headline="3D-aware below roll-out, %", reproduced=first_holds and second_holds, why=why,
        pictures={"One held-out person (first seed), guessed from planes in noise": grid(
            [list(shown.values())], list(shown))},
    )  # fmt: skip
