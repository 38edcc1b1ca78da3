# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette train`: every stage of every generator, by one loop, on one core or many cards."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .frame import Complaint
from .progress import Bar

if TYPE_CHECKING:
    from backend.training.build import Places
    from backend.training.engine import EngineConfig
    from backend.training.loop import Clock
    from backend.training.presets import StageName


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Train one stage of a generator. A killed run goes on where it was when the same command is given again.

    The stages of the default generator, in order: latents (a minute), embedding, prior, reader, base, planes,
    upsampler; each finds those before it in --out. Of rodin and rodinhd there are base and upsampler, on the planes of
    `maquette fit --method replay`; the refiner of views learns from those too. What knows how heads look that a
    sentence describes (looks) learns from `maquette studio sittings` and needs no other stage. So does the SDF GAN
    (gan), which learns from the views of any shards, or from a folder of pictures with EG3D's dataset.json.
    On several devices: accelerate launch -m backend train ...
    """

    stage: Literal[
        "latents",
        "embedding",
        "prior",
        "reader",
        "base",
        "planes",
        "upsampler",
        "refiner",
        "looks",
        "gan",
        "export",
    ] = field(metadata={"positional": True})
    """What is trained; export writes what all stages learned as one file of weights."""
    data: Path
    """Folder of shards (planes need those with points, looks those of `maquette studio sittings`); of the refiner, of
    rodin and of rodinhd the folder that `maquette fit --method replay` wrote."""
    out: Path = Path("runs")
    """Folder of all stages; each writes checkpoint, curves (JSON lines and TensorBoard) and sample sheets into its
    own."""
    config: Literal["tiny", "default", "heads", "rodin", "rodinhd", "paper"] = "default"
    """Sizes: for a try, as shipped, or as published: rodin and rodinhd, and of the GAN paper; heads is the GAN that
    ships, which first learns to show pictures again."""
    minutes: float | None = None
    """Training time over all starts of the run; unless told, what the shipped model had."""
    steps: int | None = None
    """Steps over all starts of the run; with --minutes, what comes first."""
    learning_rate: float | None = None
    """Peak of the learning rate; unless told, the stage's own."""
    batch: int | None = None
    """Of gan: pictures in a minibatch; unless told, the configuration's. Large ones fill a graphics card."""
    accumulate: int = 1
    """Minibatches per step and device."""
    precision: Literal["auto", "no", "bf16", "fp16"] = "auto"
    """Of products; auto takes what the device does in hardware."""
    vae: Path | None = None
    """Of rodinhd: folder of SDXL's autoencoder as diffusers saves it."""
    seed: int = 0
    """Start of all randomness."""
    check: bool = False
    """Build the stage, take one training step of a minibatch of one and draw one sample; print their time and memory,
    write nothing. Networks that are only looked through may be missing then."""
    sample_steps: int | None = None
    """Of --check: denoising steps of the sample; unless told, the stage's own."""


def run(flags: Flags) -> None:
    """Trains, or measures one step."""
    for name, least in (("steps", 1), ("batch", 1), ("accumulate", 1), ("sample_steps", 1)):
        if (value := getattr(flags, name)) is not None and value < least:
            raise Complaint(f"--{name.replace('_', '-')} is {value}", f"Give at least {least}.")
    for name in ("minutes", "learning_rate"):
        if (value := getattr(flags, name)) is not None and value <= 0:
            raise Complaint(f"--{name.replace('_', '-')} is {value:g}", "Give more than 0.")
    if flags.batch is not None and flags.stage != "gan":
        raise Complaint(f"--batch has no meaning for {flags.stage}", "Leave it out, or use --accumulate.")
    if flags.check and flags.stage in ("latents", "embedding", "prior", "export"):
        raise Complaint(f"{flags.stage} is too small to be checked", "Check reader, base, planes or upsampler.")

    from backend.training.build import Places, train_stage

    if flags.stage == "export":
        from backend.training.export import export_weights

        weights = export_weights(flags.out, flags.out / "default.safetensors")
        print(f"wrote {weights}; copied over backend/weights/default.safetensors it becomes what everything uses")
        return
    places = Places(data=flags.data, out=flags.out, vae=flags.vae)
    if flags.check:
        _check(flags, flags.stage, places)
        return
    if flags.stage == "latents":
        print(f"wrote {train_stage(flags.stage, flags.config, places, _engine(flags, 'base'))}")
        return
    first = os.environ.get("RANK", "0") == "0"  # of the processes that accelerate starts

    with Bar() as bar:

        def report(clock: Clock, losses: str) -> None:
            bar.update(f"training {flags.stage}, step {clock.steps}: {losses}", clock.progress)

        engine = _engine(flags, flags.stage)
        checkpoint = train_stage(flags.stage, flags.config, places, engine, report, flags.batch)
    if not first:
        return
    print(f"wrote {checkpoint}")
    if flags.stage == "gan":
        from backend.training.gan import trained_gan
        from backend.weights.library import folder
        from backend.weights.sdf_gan import save_sdf_gan

        weights = checkpoint.with_suffix(".safetensors")
        save_sdf_gan(trained_gan(checkpoint), weights)
        print(f"wrote {weights}; copied to {folder()} as NAME.safetensors it becomes a generator: --synthesizer NAME")
    if flags.stage == "looks":
        from backend.training.looks_stage import trained_looks
        from backend.weights.looks import LOOKS, save_looks

        weights = checkpoint.with_name(LOOKS.name)
        save_looks(trained_looks(checkpoint), weights)
        print(f"wrote {weights}; copied to backend/weights it becomes what sentences are painted by")


def _engine(flags: Flags, stage: StageName) -> EngineConfig:
    from backend.training.presets import engine

    chosen = replace(
        engine(flags.config, stage), accumulate=flags.accumulate, precision=flags.precision, seed=flags.seed
    )
    if flags.minutes is not None or flags.steps is not None:
        chosen = replace(chosen, minutes=flags.minutes, steps=flags.steps)
    return chosen if flags.learning_rate is None else replace(chosen, learning_rate=flags.learning_rate)


def _check(flags: Flags, name: StageName, places: Places) -> None:
    import tempfile

    import torch

    from backend.training.build import build_stage, sampler
    from backend.training.check import check
    from backend.training.gan import GanStage
    from backend.training.presets import PRESETS, Paper

    with Bar() as bar, tempfile.TemporaryDirectory() as folder:
        bar.update(f"building {flags.stage} of {flags.config}", 0.0)
        stage = build_stage(name, flags.config, places, batch=1, random=True)
        bar.update("one training step, then one sample", 0.3)
        if isinstance(stage, GanStage):
            judged = stage
            found = check(stage, lambda: (judged.picture(torch.Generator().manual_seed(0)), None)[1],
                          flags.precision, flags.seed)  # fmt: skip
        elif isinstance(PRESETS.get(flags.config), Paper):
            draw = sampler(stage, flags.sample_steps)
            found = check(stage, lambda: (draw(), None)[1], flags.precision, flags.seed)
        else:
            sheet = Path(folder) / "sheet.png"
            found = check(stage, lambda: stage.sheet(stage.network.state_dict(), sheet), flags.precision, flags.seed)
    print(f"{flags.stage} of {flags.config}: " + "\n  ".join(found.lines()))
