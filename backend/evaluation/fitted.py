# SPDX-License-Identifier: GPL-3.0-or-later
"""A fitted subject of a user judged, meshed and written: field, pictures beside the truth, mesh, figures."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from ..geometry.fields import TriplaneField
from ..geometry.occupancy import occupancy
from ..geometry.rendering import render
from ..pipeline.export import prepare_folder, unwritable
from ..pipeline.glb import glb
from ..surface.clean import clean
from ..surface.extract import extract
from ..surface.mesh import Mesh
from ..surface.unwrap import unwrap
from ..texture.bake import bake
from ..texture.maps import TextureSet
from ..training.quality import mean_psnr, smooth_picture
from ..training.sources.errors import SourceError
from ..training.sources.field_file import FittedField, save_field
from ..training.sources.normalise import Placement, Source
from ..training.views import ViewSet

FILES = ("field.safetensors", "views.png", "mesh.glb", "fit.json")
ROWS = (4, 2)
"""Rows of views.png from pictures that judge and from those that teach."""
ERROR_GAIN = 3
"""Factor by which errors are enlarged in views.png."""
CELLS, FACES, TEXTURE = 256, 20_000, 1024
"""Of the mesh: cells along the box, faces, texels."""


def prepare(folder: Path, overwrite: bool) -> None:
    """Make the folder and find out, before any work, whether results can be written there.

    Raises ExportError.
    """
    prepare_folder(folder, overwrite, FILES, "a fit")


def write_fit(
    folder: Path,
    source: Source,
    field: TriplaneField,
    figures: dict[str, Any],
    report: Callable[[str, float], None] = lambda stage, share: None,
) -> dict[str, Any]:
    """Judge a fit and write `FILES`, all or none; returns what fit.json says. The mesh is in the user's own frame.

    Raises ExportError for a folder that cannot be written, SourceError for a field without a surface.
    """
    report("judging", 0.0)
    judged = {
        "psnr_held_out": None if source.held is None else round(mean_psnr(field, source.held), 2),
        "psnr_trained": round(mean_psnr(field, source.train, max(1, len(source.train) // 8)), 2),
        "views": {"trained": len(source.train), "held_out": 0 if source.held is None else len(source.held),
                  "size": list(source.train.rgb.shape[1:3])},
    }  # fmt: skip
    report("pictures", 0.3)
    sheet = comparison(field, source.held, source.train)
    report("mesh", 0.5)
    mesh, textures = textured_mesh(field)
    report("writing", 0.9)
    planes = field.triplane.planes
    record = {
        **figures, **judged,
        "planes": {"resolution": planes.shape[-1], "channels": planes.shape[2]},
        "mesh": {"faces": len(mesh.faces), "texture": textures.size},
        "user_to_box": source.placement.record(), "notes": list(source.notes),
    }  # fmt: skip
    try:
        with tempfile.TemporaryDirectory(prefix=".maquette-", dir=folder) as staging:
            staged = [Path(staging, name) for name in FILES]
            save_field(FittedField(field, source.placement), staged[0])
            Image.fromarray(sheet).save(staged[1])
            own = in_frame(mesh, source.placement)
            staged[2].write_bytes(glb(own, textures, "Fit", {"maquette_fit": record["user_to_box"]}, 1.0))
            record["bytes"] = {file.name: file.stat().st_size for file in staged[:3]}
            staged[3].write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")
            for file in staged:
                os.replace(file, folder / file.name)
    except OSError as error:
        raise unwritable(folder, error) from error
    return record


def comparison(field: TriplaneField, held: ViewSet | None, trained: ViewSet) -> UInt8[np.ndarray, "H W 3"]:
    """Truth, fit, enlarged error and the fit's normals side by side; first pictures that judge, then others."""
    grid = occupancy(field)
    rows = []
    for views, count in zip((held, trained), ROWS, strict=True):
        if views is None:
            continue
        for index in np.unique(np.linspace(0, len(views) - 1, min(count, len(views))).round().astype(int)):
            truth, fit = views.rgb[index].numpy(), smooth_picture(field, views, int(index), grid).numpy()
            view = render(field, views.cameras[int(index)], *truth.shape[:2], grid=grid)
            normal = np.where(view.alpha[..., None] > 0.5, torch.as_tensor(view.normal) * 0.5 + 0.5, 1.0)
            rows.append(np.concatenate([truth, fit, np.abs(fit - truth) * ERROR_GAIN, normal], 1))
    return (np.concatenate(rows).clip(0, 1) * 255 + 0.5).astype(np.uint8)


def textured_mesh(field: TriplaneField) -> tuple[Mesh, TextureSet]:
    """The field's largest piece with its colours, box units.

    Raises SourceError where there is no surface.
    """
    try:
        rough = extract(field, CELLS)
    except ValueError as error:  # extract's one complaint is about the field itself
        raise SourceError(
            "the fit has no surface: pictures and cameras seem to contradict each other",
            "Check views.png of a run with more --steps, the masks, and --centre and --radius.",
        ) from error
    mesh = unwrap(clean(rough, FACES), TEXTURE)
    return mesh, bake(field, mesh, TEXTURE)


def in_frame(mesh: Mesh, placement: Placement) -> Mesh:
    """The mesh where the user had its subject."""
    return Mesh(placement.to_user(mesh.vertices).astype(np.float32), mesh.faces, mesh.uv)
