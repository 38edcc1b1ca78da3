# SPDX-License-Identifier: GPL-3.0-or-later
"""People as parameters, without an asset folder."""

import numpy as np

from backend.studio.captions import describe
from backend.studio.parameters import (
    EXPRESSIONS,
    EYE_COLOURS,
    HAIR_COLOURS,
    HAIR_STYLES,
    SAMPLER_VERSION,
    PersonParameters,
)


def person(seed: int, **changes: object) -> PersonParameters:
    """A random person, but for what is changed."""
    random = np.random.default_rng(seed)
    male = bool(random.random() < 0.5)
    choose = lambda words: str(random.choice(list(words)))  # noqa: E731
    drawn: dict[str, object] = {
        "seed": seed, "sampler_version": SAMPLER_VERSION, "male": male, "years": float(random.uniform(16, 85)),
        "gender": float(male), "muscle": 0.5, "weight": float(random.uniform(0.2, 0.8)), "height": 0.5,
        "proportions": 0.5, "ethnic": dict(zip(("african", "asian", "caucasian"),
                                               random.dirichlet([0.35] * 3).tolist(), strict=True)),
        "sliders": {"nose-scale-horiz:x": float(random.normal(0, 0.4)), "chin-prominent:x": float(random.uniform())},
        "asymmetry": {}, "expression": choose(EXPRESSIONS), "expression_strength": 0.5,
        "tone": float(random.uniform()), "tint": (1.0, 1.0, 1.0),
        "hair": choose(HAIR_STYLES) if random.random() < 0.9 else None, "hair_colour": choose(HAIR_COLOURS),
        "hair_tint": 1.0, "hair_mirrored": False, "hair_scale": (1.0, 1.0, 1.0), "hair_bend": (0.0, 0.0),
        "eyebrows": "eyebrow001", "eyelashes": "eyelashes01", "eye_colour": choose(EYE_COLOURS), "top": "male_suit",
        "top_plain": bool(random.random() < 0.5), "top_colour": tuple(random.uniform(size=3).tolist()), "top_hue": 0.0,
        "hat": "fedora" if random.random() < 0.2 else None, "hat_colour": (0.02, 0.02, 0.02),
        "glasses": choose(("round", "square", "oval")) if random.random() < 0.3 else None, "glasses_size": 1.0,
        "glasses_colour": (0.02, 0.02, 0.02),
        "beard": choose(("stubble", "moustache", "goatee", "full")) if male and random.random() < 0.5 else None,
        "beard_length": 0.5,
    }  # fmt: skip
    return PersonParameters(**{**drawn, **changes})


def record(seed: int, **changes: object) -> dict[str, object]:
    """The same as a shard's header holds it."""
    parameters = person(seed, **changes)
    return {**parameters.record(), "caption": describe(parameters)}
