# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest

from backend.adaptation.adapt import Adapted
from backend.adaptation.shelve import free, shelve
from backend.weights.library import LibraryError, entries
from backend.weights.sdf_gan import save_sdf_gan
from tests.backend.adaptation.worlds import small_generator


@pytest.fixture
def adapted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Adapted:
    monkeypatch.setenv("MAQUETTE_MODELS", str(tmp_path / "models"))
    generator, recipe = small_generator(), {"prompt": "a marble statue", "model": "tiny"}
    generator.save(generator.network.state_dict(), tmp_path / "style.safetensors", recipe)
    save_sdf_gan(generator.model, tmp_path / "models" / "faces.safetensors")
    return Adapted(tmp_path / "style.safetensors", recipe, np.zeros((4, 4, 3), np.uint8))


def test_a_style_is_a_generator_with_a_recipe(adapted: Adapted) -> None:
    entry = shelve(adapted, "marble", {"job_id": "7"})
    assert entries()["marble"].recipe == {"prompt": "a marble statue", "model": "tiny", "job_id": "7"}
    assert entry.family == "sdf-gan" and "seed" in entry.inputs


def test_names_that_are_taken_are_not_given_away(adapted: Adapted) -> None:
    shelve(adapted, "marble")
    with pytest.raises(LibraryError, match="already"):
        shelve(adapted, "marble")
    shelve(adapted, "marble", overwrite=True)
    for overwrite in (False, True):
        with pytest.raises(LibraryError, match="no style replaces"):
            free("faces", overwrite)
    with pytest.raises(LibraryError, match="cannot be called"):
        free("../marble")
