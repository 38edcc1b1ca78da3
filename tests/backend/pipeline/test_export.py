# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.pipeline.export import FILES, PREVIEW_SIZE, ExportError, prepare_folder, write_avatar
from backend.surface.mesh import Mesh
from backend.texture.maps import TextureSet

TETRAHEDRON = Mesh(
    np.array([[0, 0.5, 0], [-0.5, -0.5, 0.5], [0.5, -0.5, 0.5], [0, -0.5, -0.5]], np.float32),
    np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]], np.int32),
    np.array([[0.5, 1], [0, 0], [1, 0], [0.5, 0.5]], np.float32),
)
RED = TextureSet(np.full((16, 16, 3), [200, 10, 10], np.uint8), np.ones((16, 16), bool), 1)


def test_three_files_and_nothing_else(tmp_path: Path) -> None:
    files = write_avatar(tmp_path / "deep" / "folder", TETRAHEDRON, RED, {"seed": 3, "notes": ["größer"]})
    assert [file.name for file in files] == list(FILES) == sorted(os.listdir(tmp_path / "deep/folder"), key=FILES.index)
    assert json.loads(files[1].read_text(encoding="utf-8")) == {"seed": 3, "notes": ["größer"]}
    strip = np.asarray(Image.open(files[2])).astype(int)
    assert strip.shape == (PREVIEW_SIZE, 4 * PREVIEW_SIZE, 3)
    assert (strip[..., 0] - strip[..., 1] > 60).mean() > 0.02


def test_an_avatar_that_is_there_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    write_avatar(tmp_path, TETRAHEDRON, RED, {"seed": 1})
    with pytest.raises(ExportError, match=r"already holds an avatar") as refusal:
        prepare_folder(tmp_path, overwrite=False)
    assert "--overwrite" in refusal.value.hint
    prepare_folder(tmp_path, overwrite=True)
    write_avatar(tmp_path, TETRAHEDRON, RED, {"seed": 2})
    assert json.loads((tmp_path / "recipe.json").read_text())["seed"] == 2


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for attempt in (
        lambda: prepare_folder(tmp_path / "file" / "under", overwrite=False),
        lambda: prepare_folder(tmp_path / "file", overwrite=False),
        lambda: write_avatar(tmp_path / "file", TETRAHEDRON, RED, {}),
    ):
        with pytest.raises(ExportError, match="cannot be written") as refusal:
            attempt()
        assert refusal.value.hint and "\n" not in refusal.value.message


def test_a_failure_leaves_the_former_avatar(tmp_path: Path) -> None:
    write_avatar(tmp_path, TETRAHEDRON, RED, {"seed": 1})
    before = (tmp_path / "avatar.glb").read_bytes()
    with pytest.raises(ValueError):
        write_avatar(tmp_path, TETRAHEDRON, RED, {"seed": float("nan")})  # no JSON value
    assert sorted(os.listdir(tmp_path)) == sorted(FILES) and (tmp_path / "avatar.glb").read_bytes() == before
