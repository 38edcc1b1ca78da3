# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of an evaluation: avatars of held-out people from portraits and from sentences, and avatars from seeds.

`portrait`, `ceiling`, `sentence` and `variety` make one avatar and its record each, for `runs.evaluate`; `means`,
`understood` and `spread_of` say what the records come to.
"""

import base64
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..geometry.cameras import orbit
from ..geometry.occupancy import occupancy
from ..geometry.rendering import render
from ..geometry.triplane import roll
from ..models.plane_codec import views_to_input
from ..studio.captions import describe
from ..studio.parameters import sample_parameters
from ..studio.people import build_person
from ..studio.views import BOX, Scene, render_view
from ..synthesis.base import Condition
from .attributes import agreement, judge_cameras, shipped_judge, verdict, wanted
from .held_out import Score, chamfer_percent, complete, pictures, portrait_condition, score_field, score_pictures, strip
from .runs import Record, Setting
from .variety import Variety, features_of_field, features_of_shards, features_of_views, measure


def portrait(setting: Setting, seed: int) -> Record:
    """An avatar from the person's nearly frontal portrait; with `out`, also a strip of pictures."""
    truth, generator = setting.truth(seed), setting.generator()
    started = time.perf_counter()
    condition = replace(portrait_condition(truth, setting.steps), invert=setting.invert)
    field = complete(generator, condition).field
    seconds = time.perf_counter() - started
    rgb, alpha = pictures(field, truth)
    score = score_pictures(rgb, alpha, truth, chamfer_percent(field, truth))
    if setting.out is not None:
        Image.fromarray(strip(truth, rgb)).save(setting.out / f"portrait_{seed}.png")
    return {"seed": seed, "seconds": round(seconds, 2), **_rounded(score)}


def variety(setting: Setting, seed: int) -> Record:
    """An avatar from nothing but a seed, small, as `spread_of` takes it; with `out`, also a picture of it."""
    field = complete(setting.generator(), Condition(seed=seed, steps=setting.steps)).field
    seen = features_of_field(field)
    if setting.out is not None:
        view = render(field, orbit(0.4, 0.05), 256, 256, normals=False).rgb.clamp(0, 1) * 255
        Image.fromarray(view.byte().cpu().numpy()).save(setting.out / f"variety_{seed}.png")
    return {"seed": seed, "features": base64.b64encode(seen.tobytes()).decode("ascii")}


def ceiling(setting: Setting, seed: int) -> Record:
    """The best that the model's planes can hold of a person: its field of the true views along the axes."""
    truth, model = setting.truth(seed), setting.generator().model
    rgba, depth = (torch.from_numpy(views)[None] for views in (truth.axis_rgba, truth.axis_depth))
    views = views_to_input(rgba, depth, model.planes.config.view_size)
    return {"seed": seed, **_rounded(score_field(model.field(roll(views)), truth))}


def sentence(setting: Setting, seed: int) -> Record:
    """An avatar from the caption of a held-out person, and what the judge says of it and of the person; with `out`,
    also a picture of the avatar."""
    parameters = sample_parameters(seed, setting.assets())
    said, record = describe(parameters), parameters.record()
    sample = complete(setting.generator(), Condition(seed=seed, sentence=said, steps=setting.steps))
    shown, size = [], shipped_judge().config.image_size
    grid = occupancy(sample.field)
    for camera in judge_cameras():
        view = render(sample.field, camera, 2 * size, 2 * size, grid=grid, normals=False).rgb.clamp(0, 1)
        shown.append(view.reshape(size, 2, size, 2, 3).mean((1, 3)).detach().cpu())
    scene = Scene(build_person(parameters, setting.assets()).parts, limit=BOX)
    studio = [render_view(scene, camera, size, samples=2) for camera in judge_cameras()]
    over_white = np.stack([view.rgb + 1 - view.alpha[..., None] for view in studio])
    if setting.out is not None:
        strip = torch.cat(shown, 1) * 255
        Image.fromarray(strip.byte().numpy()).save(setting.out / f"sentence_{seed}.png")
    return {
        "seed": seed, "sentence": said, "asked": wanted(record), "read": verdict(torch.stack(shown)),
        "read_of_person": verdict(torch.from_numpy(over_white)), "notes": list(sample.notes),
    }  # fmt: skip


def understood(records: list[Record]) -> dict[str, dict[str, float]]:
    """Share of sentences whose avatar the judge reads as asked for, by question, and beside it the share of the very
    people whom the sentences describe: what the judge can reach."""
    asked = [record["asked"] for record in records]
    return {name: agreement([record[name] for record in records], asked) for name in ("read", "read_of_person")}


def spread_of(records: list[Record], setting: Setting, people: range, training: Path | None) -> Variety:
    """How various the avatars of `variety` are beside held-out people, and beside training's people if those are
    given."""
    avatars = np.stack([np.frombuffer(base64.b64decode(record["features"]), np.uint8) for record in records])
    studio = np.concatenate([features_of_views(setting.truth(seed).axis_rgba[None]) for seed in people])
    known = None if training is None else features_of_shards(training)
    return measure(avatars.reshape(-1, *studio.shape[1:]), studio, known)


def means(records: list[Record]) -> dict[str, float]:
    """Of all figures, over people."""
    names = [name for name, value in records[0].items() if isinstance(value, float)]
    return {name: round(sum(record[name] for record in records) / len(records), 4) for name in names}


def _rounded(score: Score) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(score).items()}
