# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette adapt`: a generator follows a sentence, and becomes a style."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .frame import Complaint
from .progress import Bar

if TYPE_CHECKING:
    from backend.adaptation.adapt import Adapted, Where
    from backend.adaptation.plan import AdaptPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Change a generator as a sentence says, and keep it under a name, beside the one it was made from.

    maquette adapt "a marble statue" --out marble
    maquette generate --synthesizer marble --seed 3 --out three

    Its people stay as different from each other as they were. A sentence that names a look (marble, zombie, ...) or the
    colour of hair, skin, eyes or clothes ("a person with green hair") is shown to the generator exactly, and the rest
    stays; what any other sentence looks like, a prior judges.

    A run that is stopped goes on where it was when the same command is given again.
    """

    sentence: str = field(metadata={"positional": True})
    """What all people shall become."""
    out: str
    """Name of the style: small letters, digits and hyphens."""
    model: str = ""
    """The generator that is changed: an SDF GAN, or a converted EG3D or PanoHead; the first that can be changed unless
    given."""
    keep: Literal["people", "rest"] = "people"
    """people: everybody stays different from everybody; rest: what the sentence does not speak of stays, too."""
    part: Literal["", "hair"] = ""
    """Of --keep rest where the prior judges: what alone may change, found by a network of its own; where the prior
    answers to the sentence unless given, which needs a prior that knows where hair is (Stable Diffusion)."""
    negative: str = ""
    """What they shall not look like."""
    prior: Literal["studio", "stable-diffusion"] = "studio"
    """Who knows what the sentence looks like: the model of looks that ships, or Stable Diffusion from files that are
    here."""
    prior_only: bool = False
    """Ask the prior also where the sentence names a look or a colour that can be shown exactly, as the published method
    would."""
    prior_folder: Path | None = None
    """Folder of the prior's files; of stable-diffusion the local cache unless given."""
    steps: int | None = None
    """Of optimisation; unless told, what takes some minutes on two cores."""
    batch: int | None = None
    """People in a step."""
    side: int | None = None
    """Of the renders, pixels."""
    learning_rate: float | None = None
    """Of the generator's weights."""
    diversity: float | None = None
    """Weight of the loss that keeps people apart; 0 lets them all become the likeliest."""
    guidance: float | None = None
    """How strictly the sentence is followed."""
    form: Literal["distil", "classifier", "noise-free", "likelihood"] | None = None
    """Of the gradient: score distillation, or one of its relatives."""
    times: tuple[float, ...] = ()
    """Two shares of the prior's times that noise is drawn between: 0.3 0.95."""
    passes: int | None = None
    """Denoising steps behind each gradient; 1 is plain score distillation."""
    pictures: Path | None = None
    """Folder for the pictures on the way: the same people before and after."""
    device: str = "auto"
    """Where to compute: auto, cpu, cuda or cuda:N."""
    half: bool = False
    """The prior computes in half precision."""
    seed: int = 0
    """Start of all randomness."""
    overwrite: bool = False
    """Replace a style of that name."""


def run(flags: Flags) -> None:
    """Adapts, and puts the style into the library."""
    from backend.pipeline.adapt import RUNS
    from backend.pipeline.workplace import clear, workplace
    from backend.weights import library

    plan = _plan(flags)
    from backend.adaptation.shelve import free, shelve

    free(flags.out, flags.overwrite)
    told = json.dumps([plan.to_json(), str(flags.prior_folder), flags.part, _entry(plan.model)])
    key = hashlib.sha256(told.encode()).hexdigest()[:24]
    with workplace(library.folder() / RUNS, key) as folder:
        adapted = _adapted(flags, plan, folder)
        entry = shelve(adapted, flags.out, overwrite=flags.overwrite)
        _keep_pictures(folder, adapted, flags.pictures)
        clear(folder)
    result = adapted.recipe["result"]
    print(
        f"{result['steps']} steps in {result['seconds']:.0f} s; people are {result['diversity']:.2f} times as far apart"
    )
    print(f"wrote {entry.path}; use it: maquette generate --synthesizer {flags.out} --seed 3 --out {flags.out}-3")


def _plan(flags: Flags) -> AdaptPlan:
    from backend.adaptation.plan import AdaptPlan, Distillation
    from backend.weights import library

    if flags.part and flags.keep != "rest":
        raise Complaint("--part says what alone may change, but --keep rest is not given", "Add --keep rest.")
    model = flags.model or next(iter(library.adaptable()), "")
    if not model:
        raise Complaint("there is no generator that a sentence could change", "Train one: maquette train gan.")
    if flags.times and len(flags.times) != 2:
        raise Complaint(f"--times takes two shares, got {len(flags.times)}", "For instance --times 0.3 0.95.")
    inner = _given(flags, "guidance", "form", "passes")
    if flags.times:
        inner |= {"times": flags.times, "late": flags.times[1]}
    outer = _given(flags, "steps", "batch", "side", "learning_rate")
    if flags.diversity is not None:
        outer["diversity_weight"] = flags.diversity
    return AdaptPlan(
        prompt=flags.sentence, negative=flags.negative, model=model, prior=flags.prior, keep=flags.keep,
        seed=flags.seed, painted=not flags.prior_only, distillation=Distillation(**inner), **outer,
    )  # fmt: skip


def _given(flags: Flags, *names: str) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(flags, name)) is not None}


def _entry(name: str) -> str:
    from backend.weights import library

    entry = library.entries().get(name)
    return entry.model_hash if entry else ""


def _adapted(flags: Flags, plan: AdaptPlan, folder: Path) -> Adapted:
    import torch

    from backend.adaptation.adapt import adapt
    from backend.adaptation.adaptable import opened
    from backend.adaptation.prior import PriorPlace, load_prior

    device = flags.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    with Bar() as bar:
        bar.update("loading", 0.0)
        generator = opened(plan.model, device)
        prior = load_prior(plan.prior, PriorPlace(folder=flags.prior_folder, device=device, half=flags.half))
        unknown = getattr(prior, "unknown", None)
        if unknown is not None and (words := unknown(plan.prompt)):
            bar.note(f"the prior does not know: {', '.join(words)}")
        with closing(adapt(generator, prior, plan, folder, where=_where(flags.part))) as steps:
            while True:
                try:
                    step = next(steps)
                except StopIteration as done:
                    adapted: Adapted = done.value
                    return adapted
                bar.update(step.stage, step.fraction)


def _where(part: str) -> Where | None:
    if not part:
        return None
    from backend.faces.parts import hair_region

    return hair_region


def _keep_pictures(folder: Path, adapted: Adapted, target: Path | None) -> None:
    if target is None:
        return
    import shutil

    from PIL import Image

    target.mkdir(parents=True, exist_ok=True)
    for picture in sorted(folder.glob("adapt_*.png")):
        shutil.copyfile(picture, target / picture.name)
    Image.fromarray(adapted.sheet).save(target / "style.png")
