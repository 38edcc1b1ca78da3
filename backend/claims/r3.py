# SPDX-License-Identifier: GPL-3.0-or-later
"""R3: a portrait as condition, and guidance beyond it, make avatars of the shipped generator more like the person."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..evaluation.held_out import complete, pictures, portrait_condition
from ..evaluation.metrics import psnr
from ..evaluation.truths import Truth, prepared
from ..geometry.alignment import MEAN_FACE, aligned_camera
from ..geometry.fields import Field
from ..geometry.rendering import render
from ..models.embedding import JointEmbedding
from ..studio.assets import Pack
from ..studio.parameters import EVALUATION_SEEDS
from ..synthesis.base import Condition
from ..synthesis.rodin import Rodin
from ..training.portraits import plain_photograph
from .base import Claim, Outcome, Progress, Settings, clearly_positive, part, plus_minus, subtract
from .pictures import grid

SCALES = {"no portrait": None, "guidance 1": 1.0, "guidance 1.3": 1.3, "guidance 2": 2.0}
PEOPLE = 4
"""Of each seed, others each time."""
STEPS, TINY_STEPS = 8, 2
CLAIM = Claim(
    id="R3",
    title="Conditioning and guidance make avatars more like their portrait",
    source="Rodin (arXiv 2212.06135), section 3.3; RodinHD (arXiv 2407.06938), sampling with a scale of 1.3.",
    published="Latent conditioning and classifier-free guidance sharpen avatars and tie them to the portrait; no "
    "figure stands alone.",
    size=None,
    unit="of cosine similarity",
    expected="Similarity of the avatar's frontal picture to the portrait in the shipped embedding, held-out people: "
    "clearly higher with a portrait than without, and clearly higher with guidance 1.3 or 2 than with 1.",
)


def experiment(settings: Settings, progress: Progress) -> Outcome:
    """The shipped generator with the same noise for every scale."""
    generator, pack = _generator(), Pack(settings.pack)
    alike: dict[str, list[float]] = {arm: [] for arm in SCALES}
    close: dict[str, list[float]] = {arm: [] for arm in SCALES}
    shown: list[list[np.ndarray]] = []
    count = settings.pick(PEOPLE, 1)
    for k, seed in enumerate(settings.seeds):
        found: dict[str, list[tuple[float, float]]] = {arm: [] for arm in SCALES}
        for person in range(count):
            inner = part(progress, (count * k + person) / (count * len(settings.seeds)),
                         (count * k + person + 1) / (count * len(settings.seeds)))  # fmt: skip
            inner("making a person", 0.0)
            truth = prepared(EVALUATION_SEEDS + count * seed + person, pack, settings.cache / "truths")
            row = [truth.portraits[0] / 255]
            for number, arm in enumerate(SCALES):
                inner("sampling", 0.3 + 0.7 * number / len(SCALES))
                figures, picture = _try(settings, generator, truth, arm)
                found[arm].append(figures)
                row.append(picture)
            if person == 0:
                shown.append(row)
        for arm, each in found.items():
            means = np.mean(each, 0)
            alike[arm].append(float(means[0]))
            close[arm].append(float(means[1]))
    return _outcome(alike, close, shown)


def _generator() -> Rodin:
    return Rodin.load(torch.device("cpu"))


def _try(settings: Settings, generator: Rodin, truth: Truth, arm: str) -> tuple[tuple[float, float], np.ndarray]:
    """Similarity to the portrait and PSNR of the front of one avatar, and its picture."""
    condition, scale = portrait_condition(truth, settings.pick(STEPS, TINY_STEPS)), SCALES[arm]
    condition = Condition(seed=truth.seed, steps=condition.steps) if scale is None else replace(
        condition, guidance=scale)  # fmt: skip
    field = complete(generator, condition).field
    seen = _photograph(field, condition.pose or (0.0, 0.0), truth.portraits.shape[1])
    embedding = generator.model.embedding
    portrait = torch.from_numpy(truth.portraits[:1]).permute(0, 3, 1, 2).float() / 127.5 - 1
    matte = torch.from_numpy(truth.mattes[:1, None]).float() / 127.5 - 1
    similarity = _similarity(embedding, torch.cat([portrait, matte], 1), seen)
    front = replace(truth, rgb=truth.rgb[:1], alpha=truth.alpha[:1])
    likeness = psnr(pictures(field, front)[0][0], truth.rgb[0] / 255)
    return (similarity, likeness), (seen[0, :3] / 2 + 0.5).permute(1, 2, 0).numpy()


@torch.inference_mode()
def _similarity(embedding: JointEmbedding, first: Float[Tensor, "1 4 H W"], second: Float[Tensor, "1 4 H W"]) -> float:
    """Cosine of the places of two photographs in the shipped space."""
    size = embedding.config.portrait.image_size
    places = [embedding.image(functional.interpolate(each, (size, size), mode="area")) for each in (first, second)]
    return float(functional.cosine_similarity(places[0], places[1]))


def _photograph(field: Field, pose: tuple[float, float], size: int) -> Float[Tensor, "1 4 H W"]:
    """The avatar as the portrait was taken: same direction, same light."""
    view = render(field, aligned_camera(MEAN_FACE, *pose), size, size, background=0.0)
    rgba = torch.cat([view.rgb.clamp(0, 1), view.alpha[..., None]], -1).permute(2, 0, 1)[None]
    return plain_photograph(rgba, view.normal.permute(2, 0, 1)[None])


def _outcome(alike: dict[str, list[float]], close: dict[str, list[float]], shown: list[list[np.ndarray]]) -> Outcome:
    conditioned = subtract(alike["guidance 1"], alike["no portrait"])
    best = max(("guidance 1.3", "guidance 2"), key=lambda arm: float(np.mean(alike[arm])))
    gain = subtract(alike[best], alike["guidance 1"])
    helps, guided = clearly_positive(conditioned), clearly_positive(gain)
    why = "Similarity to the portrait: " + ", ".join(f"{arm} {plus_minus(alike[arm], 3)}" for arm in SCALES) + "."
    why += " PSNR of the front: " + ", ".join(f"{arm} {plus_minus(close[arm])}" for arm in SCALES) + " dB."
    if not helps:
        why += " A portrait does not clearly help."
    if not guided:
        why += f" The best scale, {best}, gives {plus_minus(gain, 3, signed=True)}: no clear gain."
    ours = {"similarity, best guidance less none": gain, "similarity, portrait less none": conditioned}
    ours |= {f"{arm}: similarity": alike[arm] for arm in SCALES}
    ours |= {f"{arm}: PSNR of the front, dB": close[arm] for arm in SCALES}
    return Outcome(
        ours=ours, headline="similarity, best guidance less none", reproduced=helps and guided, why=why,
        pictures={"One held-out person of each seed": grid(shown, ["portrait", *SCALES])},
    )  # fmt: skip
