# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette fit`: planes and decoder of the studio's people, or of one subject that a user brings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .frame import Complaint
from .progress import Bar

if TYPE_CHECKING:
    from backend.training.sources.normalise import Source, Sphere


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Learn planes and a decoder from people of `maquette studio make`, from pictures with cameras, or from a mesh.

    Of a folder of shards, --method codec learns what the generator is trained on (fit.pt, fit.jsonl); --method replay
    fits everyone by short visits in turn and then alone (RodinHD), in the folders subjects, people and fitted, and
    report.json says how well. Killed runs of both go on where they were. Of a folder with transforms.json (the usual
    NeRF form) or a mesh (OBJ, GLB, glTF, PLY, STL) come field.safetensors, views.png (truth, fit, error, shape),
    mesh.glb in the source's own frame, and fit.json.
    """

    source: Path = field(metadata={"positional": True})
    """Folder of shards, folder with transforms.json, or mesh file."""
    out: Path
    """Folder for the results."""
    method: Literal["codec", "replay"] = "codec"
    """Of shards only: one network that makes everyone's planes, or everyone's planes themselves."""
    minutes: float | None = None
    """Time of the codec over all starts (20), of the visits of replay in this start, or of fitting pictures or a mesh;
    without it the latter two take as long as their steps."""
    steps: int | None = None
    """Steps for each person alone with replay (1000), or for pictures or a mesh (1500)."""
    resolution: int | None = None
    """Texels along a plane: 64 for people, 128 for pictures or a mesh."""
    channels: int | None = None
    """Channels of a plane: 16."""
    workers: int = 1
    """Of replay: processes that fit people alone side by side."""
    ray: bool = False
    """Of replay: fit people alone on Ray (pip install maquette[cluster]) instead of in processes."""
    address: str | None = None
    """Of a running Ray cluster; without it one of --workers processors is started here."""
    pack: Path | None = None
    """Of replay: folder of the assets, for the people's pictures (otherwise MAQUETTE_PACK)."""
    up: Literal["auto", "y", "z"] = "auto"
    """Axis that points up in a mesh (auto: y) or among cameras (auto: as they stand)."""
    centre: tuple[float, ...] = ()
    """Middle of what is to be fitted, X Y Z in the source's own frame; goes with --radius."""
    radius: float | None = None
    """Half the side of the cube that is fitted around --centre."""
    shells: bool = False
    """Of a mesh: open shells are fine, whatever is hidden from all sides counts as solid."""
    view_size: int = 192
    """Longer side of the pictures that teach and judge, pixels; larger ones are reduced."""
    seed: int = 0
    """Start of all randomness."""
    overwrite: bool = False
    """Replace a fit of pictures or a mesh that is already in the folder."""


def run(flags: Flags) -> None:
    """Finds out what the source is, fits it, and says where the results are."""
    for name, least in (("steps", 1), ("resolution", 8), ("channels", 1), ("view_size", 16), ("workers", 1)):
        if (value := getattr(flags, name)) is not None and value < least:
            raise Complaint(f"--{name.replace('_', '-')} is {value}", f"Give at least {least}.")
    if flags.minutes is not None and flags.minutes <= 0:
        raise Complaint(f"--minutes is {flags.minutes:g}", "Give more than 0.")
    kind = kind_of(flags.source)
    if kind == "shards":
        _codec(flags) if flags.method == "codec" else _replay(flags)
    else:
        _subject(flags, kind)


def kind_of(source: Path) -> Literal["shards", "pictures", "mesh"]:
    """What a path holds."""
    if source.is_file():
        return "mesh"
    if not source.is_dir():
        raise Complaint(f"{source} is not there", "Give a folder of shards, a folder with transforms.json, or a mesh.")
    if any(source.glob("transforms*.json")):
        return "pictures"
    if any(source.glob("people_*.npz")):
        return "shards"
    raise Complaint(
        f"{source} holds nothing to fit: no transforms.json and no shards",
        "Give a folder with transforms.json, a mesh file, or a folder of `maquette studio make`.",
    )


def _codec(flags: Flags) -> None:
    from backend.models.plane_codec import CodecConfig
    from backend.training.fit import FitConfig, fit

    config = FitConfig() if flags.minutes is None else FitConfig(minutes=flags.minutes)
    with Bar() as bar:
        path = fit(
            flags.source,
            flags.out,
            config,
            CodecConfig(),
            flags.seed,
            report=lambda clock, losses: bar.update(f"fitting, step {clock.steps}: {losses}", clock.progress),
        )
    print(f"wrote {path}")


def _replay(flags: Flags) -> None:
    import json

    from backend.cluster.both import fit_by_replay
    from backend.cluster.fit import Workers
    from backend.evaluation.fitting import fitting_report
    from backend.studio.dataset import shard_files
    from backend.training.recipes import recipe
    from backend.training.replay_config import PlanesConfig
    from backend.training.subjects import Subjects, ViewPlan, make_subjects
    from backend.weights import store

    from .studio import find_pack

    pack, folder = find_pack(flags.pack), flags.out / "subjects"
    planes = PlanesConfig(resolution=flags.resolution or 64, channels=flags.channels or 16)
    kind: Literal["here", "processes", "ray"] = "ray" if flags.ray else "processes" if flags.workers > 1 else "here"
    with Bar() as bar:
        for path in shard_files(flags.source):
            first, last = (int(number) for number in path.stem.split("_")[1:])
            for done, wanted in make_subjects(range(first, last), pack, folder, ViewPlan(), flags.workers):
                bar.update(f"taking pictures of people {first} to {last - 1}", done / wanted)
        model = store.load_encoder()
        index = fit_by_replay(
            Subjects(folder), flags.out, recipe(planes, model, steps=flags.steps), model=model, seed=flags.seed,
            minutes=flags.minutes, workers=Workers(kind=kind, count=flags.workers, address=flags.address),
            visited=lambda told: bar.update(f"visiting {', '.join(told.names)}", told.done / told.wanted),
            fitted=lambda told: bar.update(f"person {told.name} alone", told.done / told.wanted),
        )  # fmt: skip
    report = fitting_report(Subjects(folder), flags.out, index)
    path = flags.out / "report.json"
    path.write_text(json.dumps(report, indent=1), encoding="utf-8")
    alone, failed = report["stage2"], len(report["stage2"]["problems"])
    mean = f", {alone['psnr']:.2f} dB on held-out views" if "psnr" in alone else ""
    print(f"{alone['fitted']} people fitted{mean}{f', {failed} failed' if failed else ''}; see {index} and {path}")


def _subject(flags: Flags, kind: Literal["pictures", "mesh"]) -> None:
    from backend.evaluation.fitted import FILES, prepare, write_fit
    from backend.training.replay_config import PlanesConfig
    from backend.training.sources.fitting import SourceFitConfig, fit_source
    from backend.weights import store

    prepare(flags.out, flags.overwrite)
    planes = PlanesConfig(resolution=flags.resolution or 128, channels=flags.channels or 16)
    config = SourceFitConfig(planes=planes, steps=flags.steps or SourceFitConfig().steps)
    with Bar() as bar:
        bar.update(f"reading {flags.source.name}", 0.0)
        source = _read(flags, kind)
        for note in source.notes:
            bar.note(note)
        fit = fit_source(
            source, config, known=store.load_encoder().decoder, seed=flags.seed, minutes=flags.minutes,
            report=lambda stage, share: bar.update(stage, 0.05 + 0.8 * share),
        )  # fmt: skip
        figures = {
            "source": str(flags.source), "kind": kind, "steps": fit.steps, "seconds": round(fit.seconds, 1),
            "seed": flags.seed,
        }  # fmt: skip
        record = write_fit(
            flags.out, source, fit.field, figures, lambda stage, share: bar.update(stage, 0.85 + 0.15 * share)
        )
    held = record["psnr_held_out"]
    quality = "no picture could be spared to judge it" if held is None else f"{held:.2f} dB on held-out views"
    print(f"{fit.seconds:.0f} s, {quality}; wrote {', '.join(str(flags.out / name) for name in FILES)}")


def _read(flags: Flags, kind: Literal["pictures", "mesh"]) -> Source:
    from backend.training.sources.mesh import read_mesh
    from backend.training.sources.nerf import read_nerf

    sphere = _sphere(flags)
    if kind == "mesh":
        return read_mesh(
            flags.source, up="y" if flags.up == "auto" else flags.up, sphere=sphere, shells=flags.shells,
            view_size=flags.view_size, seed=flags.seed,
        )  # fmt: skip
    return read_nerf(
        flags.source, up=None if flags.up == "auto" else flags.up, sphere=sphere, view_size=flags.view_size
    )


def _sphere(flags: Flags) -> Sphere | None:
    from backend.training.sources.normalise import Sphere

    if not flags.centre and flags.radius is None:
        return None
    if len(flags.centre) != 3 or flags.radius is None:
        raise Complaint("--centre and --radius belong together", "Give --centre X Y Z --radius R.")
    x, y, z = flags.centre
    return Sphere((x, y, z), flags.radius)
