#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples by which faces are sharpened: studio people as the shipped generator draws them from what it knows of
them, and as they are, both from the front.

    python scripts/draw_faces.py --data people --latents runs/latents.pt --work runs/faces --people 960

`--data` are shards of the studio, `--latents` what `maquette train latents` made of them. People with glasses, and
those who grimace, are left out. What is drawn is kept in the folder, shard by shard; a run that was stopped goes on.
The last 16 people are no examples: the picture in docs/refining.md shows them, and figures about them are printed, for
blurred and for sharpened faces: distance to the truth in the maps of the portrait encoder, and detail (energy of the
Laplacian) over the truth's.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch.nn import functional

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backend.faces.parts import hair_mask  # noqa: E402 (the checkout is put on the path first)
from backend.geometry.fields import Field  # noqa: E402
from backend.geometry.occupancy import occupancy  # noqa: E402
from backend.models.prior import Drawn  # noqa: E402
from backend.refinement.sharpen import COARSER, FACE, WINDOW, Sharpen, examples_camera, windows  # noqa: E402
from backend.studio.assets import Pack  # noqa: E402
from backend.studio.dataset import shard_files  # noqa: E402
from backend.studio.parameters import sample_parameters  # noqa: E402
from backend.studio.people import build_person  # noqa: E402
from backend.studio.views import Scene, render_view  # noqa: E402
from backend.synthesis.rodin import Rodin  # noqa: E402
from backend.training.latents import LatentSet  # noqa: E402
from backend.training.portraits import plain_photograph  # noqa: E402
from backend.training.refiner import take  # noqa: E402
from backend.training.render_loss import encoder_features, perceptual  # noqa: E402
from backend.weights.faces import FACES, Faces, save_faces  # noqa: E402

SIDE = 256
MILD = ("neutral", "smile")
HELD, SHOWN = 16, 12
HAIR_WITHIN = 0.06
"""Share of an example's face that hair may cover."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of shards")
    parser.add_argument("--latents", type=Path, required=True, help="their latents")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is drawn")
    parser.add_argument("--pack", type=Path, default=os.environ.get("MAQUETTE_PACK"), help="the studio's assets")
    parser.add_argument("--people", type=int, default=960, help="how many are looked at")
    parser.add_argument("--picture", type=Path, default=ROOT / "docs" / "images" / "refining" / "sharpen.jpg")
    flags = parser.parse_args()
    if flags.pack is None:
        parser.error("name the studio's assets: --pack or MAQUETTE_PACK")
    generator = Rodin.load(torch.device("cpu"))
    people, drawn, truth = all_drawn(flags, generator, Pack(flags.pack))
    free = bare_faces(truth)
    mild = [index for index, each in enumerate(people) if each["expression"] in MILD and free[index]]
    known, held = mild[:-HELD], mild[-HELD:]
    save_faces(Faces(windows(drawn[known]), windows(truth[known]), tuple(people[k]["eye_colour"] for k in known),
                     tuple(people[k]["expression"] == "smile" for k in known)), FACES)  # fmt: skip
    print(f"{FACES}: {len(known)} people, {FACES.stat().st_size / 1e6:.1f} MB")
    measure(windows(drawn[held]), windows(truth[held]), generator, flags.picture)
    return 0


def all_drawn(
    flags: argparse.Namespace, generator: Rodin, pack: Pack
) -> tuple[list[dict], UInt8[np.ndarray, "N s s 3"], UInt8[np.ndarray, "N S S 3"]]:
    """People without glasses, as the generator draws them and as they are."""
    flags.work.mkdir(parents=True, exist_ok=True)
    latents, first = LatentSet.load(flags.latents), 0
    people, pictures = [], []
    for shard in shard_files(flags.data):
        if first >= flags.people:
            break
        with np.load(shard, allow_pickle=False) as stored:
            here = json.loads(stored["header"].tobytes())["people"]
            rgba, normal = (torch.from_numpy(stored[f"portrait_{name}"][:, :1]) for name in ("rgba", "normal"))
        if latents.seeds[first : first + len(here)].tolist() != [each["seed"] for each in here]:
            sys.exit(f"{flags.latents} holds other people than {shard}")
        bare = [k for k, each in enumerate(here) if each["glasses"] is None]
        path = flags.work / f"{shard.stem}.npz"
        if not path.exists():
            both = [
                one_person(generator, latents.coordinates[first + k], rgba[k], normal[k], here[k]["seed"], pack)
                for k in bare
            ]
            np.savez_compressed(path, drawn=np.stack([each[0] for each in both]),
                                truth=np.stack([each[1] for each in both]))  # fmt: skip
            print(path, flush=True)
        with np.load(path, allow_pickle=False) as stored:
            pictures.append((stored["drawn"], stored["truth"]))
        people += [here[k] for k in bare]
        first += len(here)
    return people, *(np.concatenate([each[k] for each in pictures]) for k in (0, 1))


def one_person(
    generator: Rodin, components: torch.Tensor, rgba: torch.Tensor, normal: torch.Tensor, seed: int, pack: Pack
) -> tuple[UInt8[np.ndarray, "s s 3"], UInt8[np.ndarray, "S S 3"]]:
    """The generator's picture of a person's components and z, and the studio's."""
    model, camera = generator.model, examples_camera()
    side = model.config.embedding.portrait.image_size
    with torch.inference_mode():
        small = [functional.interpolate(each.permute(0, 3, 1, 2).float(), (side, side), mode="area")
                 for each in (rgba / 255, normal / 127)]  # fmt: skip
        z = model.embedding.image(plain_photograph(*small)).float()
    field = drawn_field(generator, Drawn(z, components[None].float()))
    seen = take(field, camera, SIDE // COARSER, occupancy(field))[:3].permute(1, 2, 0).numpy()
    view = render_view(Scene(build_person(sample_parameters(seed, pack), pack).parts), camera, SIDE)
    return as_bytes(seen), as_bytes(view.rgb + 1 - view.alpha[..., None])


def bare_faces(truth: UInt8[np.ndarray, "N S S 3"]) -> list[bool]:
    """Whose hair does not hang into the face."""
    mask, free = FACE.mask(WINDOW)[..., 0], []
    for each in truth:
        picture = torch.from_numpy(each.astype(np.float32) / 255).permute(2, 0, 1)[None]
        hair = hair_mask(picture)[0, 0].numpy()
        free.append(float((windows(hair[..., None])[..., 0] * mask).sum() / mask.sum()) < HAIR_WITHIN)
    return free


def drawn_field(generator: Rodin, person: Drawn) -> Field:
    """The field of a person whom the prior could have drawn."""
    sampling = generator.drawn(person)
    while True:
        try:
            next(sampling)
        except StopIteration as done:
            return done.value


def measure(
    drawn: UInt8[np.ndarray, "N s s 3"], truth: UInt8[np.ndarray, "N w w 3"], generator: Rodin, picture: Path
) -> None:
    """Prints the figures of people who are no examples, and writes the picture."""
    side = truth.shape[1]
    blurred = np.stack([cv2.resize(each / np.float32(255), (side, side), interpolation=cv2.INTER_CUBIC)
                        for each in drawn])  # fmt: skip
    sharpen = Sharpen(load_shipped())
    sharp = np.stack([blurred[k] + sharpen.detail(drawn[k] / np.float32(255)) for k in range(len(drawn))])
    shown = {"blurred": blurred.clip(0, 1), "sharpened": sharp.clip(0, 1), "truth": truth / np.float32(255)}
    eye = encoder_features(generator.model.embedding.portrait_encoder)
    with torch.inference_mode():
        for name in ("blurred", "sharpened"):
            apart = float(perceptual(eye, as_tensor(shown[name]), as_tensor(shown["truth"])))
            print(f"{name}: {apart:.3f} apart, detail {energy(shown[name]) / energy(shown['truth']):.2f}")
    rows = np.concatenate([np.concatenate(list(each[:SHOWN]), 1) for each in shown.values()], 0)
    picture.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(as_bytes(rows)).save(picture, quality=88)


def load_shipped() -> Faces:
    """What was just written."""
    from backend.weights.faces import load_faces

    load_faces.cache_clear()
    return load_faces()


def as_bytes(picture: Float[np.ndarray, "*S"]) -> UInt8[np.ndarray, "*S"]:
    return (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)


def as_tensor(pictures: Float[np.ndarray, "N w w 3"]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures, np.float32)).permute(0, 3, 1, 2)


def energy(pictures: Float[np.ndarray, "N w w 3"]) -> float:
    """Mean square of the Laplacian of grey values."""
    return float(np.mean([np.square(cv2.Laplacian(each.mean(2), cv2.CV_32F)).mean() for each in pictures]))


if __name__ == "__main__":
    sys.exit(main())
