# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces of studio people as one file: what the generator draws of each, and what each looks like; JPEG pictures within
safetensors."""

import io
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from .store import WeightsError

FACES = Path(__file__).with_name("faces.safetensors")
FACES_FORMAT = "maquette-faces-1"
QUALITY = {"drawn": 88, "truth": 90}
"""Of JPEG."""


@dataclass(frozen=True, slots=True)
class Faces:
    """N people from the front, before their own shoulders or white; windows of the aligned square of the average
    face."""

    drawn: UInt8[np.ndarray, "N S S 3"]
    """As the generator shows them."""
    truth: UInt8[np.ndarray, "N T T 3"]
    """As the studio does, larger by a whole number."""
    eyes: tuple[str, ...]
    """Colours of their eyes, in the studio's names."""
    smiling: tuple[bool, ...]


def save_faces(faces: Faces, path: Path) -> None:
    """Write them."""
    tensors = {}
    for name, quality in QUALITY.items():
        coded = [_coded(picture, quality) for picture in getattr(faces, name)]
        tensors[name] = torch.frombuffer(bytearray(b"".join(coded)), dtype=torch.uint8)
        tensors[f"{name}_ends"] = torch.tensor(np.cumsum([len(each) for each in coded]))
    told = json.dumps({"eyes": faces.eyes, "smiling": faces.smiling})
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"format": FACES_FORMAT, "people": told})
    path.chmod(0o644)


@lru_cache(1)
def load_faces(path: Path = FACES) -> Faces:
    """Read them, once. Raises WeightsError if the file is missing, damaged or of another kind."""
    if not path.is_file():
        raise WeightsError(f"the faces {path.name} are missing", "reinstall maquette")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FACES_FORMAT:
                raise WeightsError(
                    f"{path.name} is of format {metadata.get('format')!r}, this version reads {FACES_FORMAT!r}",
                    "install the faces that belong to this version",
                )
            drawn, truth = (_decoded(file.get_tensor(name), file.get_tensor(f"{name}_ends")) for name in QUALITY)
        told = json.loads(metadata["people"])
        return Faces(drawn, truth, tuple(told["eyes"]), tuple(told["smiling"]))
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(f"the faces {path.name} are damaged ({error})", "reinstall maquette") from error


def _coded(picture: UInt8[np.ndarray, "S S 3"], quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling=0, optimize=True)
    return file.getvalue()


def _decoded(data: torch.Tensor, ends: torch.Tensor) -> UInt8[np.ndarray, "N S S 3"]:
    whole, last, found = data.numpy().tobytes(), 0, []
    for end in ends.tolist():
        found.append(np.asarray(Image.open(io.BytesIO(whole[last:end]))))
        last = end
    return np.stack(found)
