# SPDX-License-Identifier: GPL-3.0-or-later
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from backend.evaluation import fitted
from backend.geometry.fields import TriplaneField
from backend.geometry.triplane import Triplane
from backend.models.decoder import DecoderConfig, FieldDecoder
from backend.pipeline.export import ExportError
from backend.training.sources.errors import SourceError
from backend.training.sources.field_file import load_field
from backend.training.sources.normalise import Source, Sphere
from tests.backend.training.balls import ball_subject

FIGURES = {"source": "here", "kind": "mesh", "steps": 1, "seconds": 0.5, "seed": 0}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("CELLS", 32), ("FACES", 400), ("TEXTURE", 64)):
        monkeypatch.setattr(fitted, name, value)


@pytest.fixture(scope="module")
def field() -> TriplaneField:
    """A round thing of radius about 0.5: its planes hold squared coordinates, its decoder turns them into distance."""
    line = (torch.arange(32) + 0.5) / 16 - 1
    planes = torch.zeros(1, 3, 2, 32, 32)
    planes[0, 0, 0] = line.square()[None, :] + line.square()[:, None]  # x² + y² on xy
    planes[0, 1, 0] = line.square()[:, None]  # z² on xz
    decoder = FieldDecoder(DecoderConfig(channels=2, hidden=8))
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.zero_()
        decoder.first.weight[0, 0] = decoder.second.weight[0, 0] = 1
        decoder.out.weight[0, 0], decoder.out.bias[0] = 10, -2.5
        decoder.out.bias[1] = 2.0
    return TriplaneField(Triplane(planes), decoder)


@pytest.fixture(scope="module")
def source() -> Source:
    ball = ball_subject(1)
    return Source(
        "mesh", ball.views, ball.held_out, ball.points, Sphere((10.0, 20.0, 30.0), 4.0).place("z"), ("a note",)
    )


def test_four_files_that_agree(field: TriplaneField, source: Source, tmp_path: Path) -> None:
    fitted.prepare(tmp_path / "out", overwrite=False)
    record = fitted.write_fit(tmp_path / "out", source, field, FIGURES)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(fitted.FILES)
    written = json.loads((tmp_path / "out/fit.json").read_text())
    assert written == json.loads(json.dumps(record)) and written["notes"] == ["a note"]
    assert written["psnr_held_out"] > 10 and written["views"]["held_out"] == 2

    mesh = trimesh.load(tmp_path / "out/mesh.glb", force="mesh")
    np.testing.assert_allclose(mesh.bounds, [[8, 18, 28], [12, 22, 32]], atol=0.15)
    loaded = load_field(tmp_path / "out/field.safetensors")
    on_box = torch.from_numpy(loaded.placement.to_box(mesh.vertices)).float()
    assert float(loaded.field.sdf(on_box).abs().max()) < 0.06
    with Image.open(tmp_path / "out/views.png") as sheet:
        assert sheet.size == (4 * 24, (2 + 2) * 24)


def test_pictures_stand_beside_their_truth(field: TriplaneField, source: Source) -> None:
    sheet = fitted.comparison(field, source.held, source.train)
    np.testing.assert_allclose(sheet[:24, :24] / 255, source.held.rgb[0], atol=0.003)
    fit, error = sheet[:24, 24:48].astype(int), sheet[:24, 48:72]
    expected = np.clip(3 * np.abs(fit - sheet[:24, :24]), 0, 255)
    assert np.abs(error - expected).max() <= 4


def test_a_folder_that_holds_a_fit_is_not_overwritten_unasked(tmp_path: Path) -> None:
    (tmp_path / "fit.json").write_text("{}")
    with pytest.raises(ExportError, match="already holds a fit"):
        fitted.prepare(tmp_path, overwrite=False)
    fitted.prepare(tmp_path, overwrite=True)
    with pytest.raises(ExportError, match="cannot be written"):
        fitted.prepare(tmp_path / "fit.json", overwrite=True)


@pytest.mark.parametrize("stage", ["judging", "pictures", "mesh", "writing"])
def test_an_interrupt_leaves_nothing_behind(field: TriplaneField, source: Source, tmp_path: Path, stage: str) -> None:
    def stop(told: str, share: float) -> None:
        if told == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted.write_fit(tmp_path, source, field, FIGURES, stop)
    assert not list(tmp_path.iterdir())


def test_an_interrupt_while_files_are_written_leaves_the_old_ones(
    field: TriplaneField, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fit.json").write_text("old")

    def stop(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(fitted, "glb", stop)
    with pytest.raises(KeyboardInterrupt):
        fitted.write_fit(tmp_path, source, field, FIGURES)
    assert [path.name for path in tmp_path.iterdir()] == ["fit.json"] and (tmp_path / "fit.json").read_text() == "old"


def test_a_fit_without_a_surface_is_told(field: TriplaneField, source: Source, tmp_path: Path) -> None:
    empty = TriplaneField(Triplane(field.triplane.planes + 5), field.decoder)
    with pytest.raises(SourceError, match="no surface"):
        fitted.write_fit(tmp_path, replace(source, held=None), empty, FIGURES)
    assert not list(tmp_path.iterdir())
