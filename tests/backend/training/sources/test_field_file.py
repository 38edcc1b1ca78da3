# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.geometry.fields import TriplaneField
from backend.geometry.triplane import Triplane
from backend.models.decoder import DecoderConfig, FieldDecoder
from backend.training.sources.errors import SourceError
from backend.training.sources.field_file import FittedField, load_field, save_field
from backend.training.sources.normalise import Sphere


@pytest.fixture
def fitted() -> FittedField:
    torch.manual_seed(0)
    field = TriplaneField(Triplane(torch.randn(1, 3, 4, 8, 8)), FieldDecoder(DecoderConfig(channels=4, hidden=8)))
    return FittedField(field, Sphere((1.0, 2.0, 3.0), 4.0).place("z"))


def test_a_field_loads_as_it_was(fitted: FittedField, tmp_path: Path) -> None:
    save_field(fitted, tmp_path / "field.safetensors")
    loaded = load_field(tmp_path / "field.safetensors")
    points = torch.rand(100, 3) * 2 - 1
    torch.testing.assert_close(loaded.field.sdf(points), fitted.field.sdf(points), atol=1e-4, rtol=0)
    torch.testing.assert_close(loaded.field.rgb(points), fitted.field.rgb(points), atol=2e-3, rtol=0)
    np.testing.assert_allclose(loaded.placement.to_user(np.eye(3)), fitted.placement.to_user(np.eye(3)))


def test_files_that_are_no_fields(fitted: FittedField, tmp_path: Path) -> None:
    path = tmp_path / "field.safetensors"
    with pytest.raises(SourceError, match="is not there"):
        load_field(path)
    path.write_bytes(b"junk")
    with pytest.raises(SourceError, match="damaged"):
        load_field(path)
    save_file({"planes": torch.zeros(1)}, path, metadata={"format": "other"})
    with pytest.raises(SourceError, match="format 'other'"):
        load_field(path)
    save_field(fitted, path)
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        header = file.metadata()
    tensors = load_file(path)
    save_file({**tensors, "planes": tensors["planes"] * torch.nan}, path, metadata=header)
    with pytest.raises(SourceError, match="not finite"):
        load_field(path)
    del tensors["decoder.out.bias"]
    save_file(tensors, path, metadata=header)
    with pytest.raises(SourceError, match="does not fit its own header"):
        load_field(path)
