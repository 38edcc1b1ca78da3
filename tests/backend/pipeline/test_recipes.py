# SPDX-License-Identifier: GPL-3.0-or-later
import json
from pathlib import Path

import numpy as np
import pytest

from backend.pipeline.export import write_avatar
from backend.pipeline.recipes import RecipeError, read_recipe, read_source
from backend.surface.mesh import Mesh
from backend.texture.maps import TextureSet

TETRAHEDRON = Mesh(
    np.array([[0, 0.5, 0], [-0.5, -0.5, 0.5], [0.5, -0.5, 0.5], [0, -0.5, -0.5]], np.float32),
    np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]], np.int32),
    np.array([[0.5, 1], [0, 0], [1, 0], [0.5, 0.5]], np.float32),
)
RED = TextureSet(np.full((16, 16, 3), [200, 10, 10], np.uint8), np.ones((16, 16), bool), 1)
RECIPE = {"seed": 3, "notes": ["größer"], "source": "x" * 100_000}


def test_folder_json_and_glb_tell_the_same(tmp_path: Path) -> None:
    for path in (tmp_path, *write_avatar(tmp_path, TETRAHEDRON, RED, RECIPE)[:2]):
        assert read_recipe(path) == RECIPE
        assert read_source(path) == (RECIPE["source"], RECIPE)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"glTF", b"glTF" + bytes(30), b"[" * 90_000])
def test_what_holds_no_recipe_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(RecipeError, match="is no recipe") as refusal:
        read_recipe(tmp_path / "a.json")
    assert refusal.value.hint


def test_an_avatar_without_a_source_is_told(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(json.dumps({"seed": 3}))
    with pytest.raises(RecipeError, match="does not tell") as refusal:
        read_source(tmp_path)
    assert "again" in refusal.value.hint
    with pytest.raises(RecipeError, match="cannot be read"):
        read_recipe(tmp_path / "nobody")
