# SPDX-License-Identifier: GPL-3.0-or-later
"""The synthetic people that the fitting claims share: made once a run, drawn anew by every seed."""

import numpy as np

from ..studio.assets import Pack
from ..studio.parameters import SAMPLER_VERSION
from ..training.subjects import Subjects, ViewPlan, save_subject, studio_subject
from .base import Progress, Settings

POOL = 12
"""People of a whole run."""
PLAN = ViewPlan(training=24, held_out=4, size=96, held_out_samples=3)
TINY_PLAN = ViewPlan(training=2, held_out=1, size=16, training_samples=1, held_out_samples=1)


def make_people(settings: Settings, progress: Progress) -> None:
    """Write the people that the run's cache lacks, some seconds each."""
    folder = settings.cache / "people"
    plan, pack = settings.pick(PLAN, TINY_PLAN), None
    for seed in range(settings.pick(POOL, 4)):
        progress(f"making people, {seed} of {settings.pick(POOL, 4)}", seed / settings.pick(POOL, 4))
        if not (folder / f"{seed:08d}.npz").exists():
            pack = pack or Pack(settings.pack)
            save_subject(studio_subject(seed, pack, plan), folder, SAMPLER_VERSION)


def draw(settings: Settings, seed: int, count: int, skip: int = 0) -> Subjects:
    """This seed's people in its order; `skip` leaves the first ones out, so that there are some who are unseen."""
    people = Subjects(settings.cache / "people", limit=settings.pick(POOL, 4))
    order = np.random.default_rng([seed, 77]).permutation(len(people.names))
    people.names = [people.names[k] for k in order[skip : skip + count]]
    return people
