# SPDX-License-Identifier: GPL-3.0-or-later
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from backend.service import styles
from backend.service.errors import JobError
from backend.service.store import Store
from backend.weights import library
from blender_addon.protocol import JobRequest, Welcome, encode


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAQUETTE_MODELS", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def put(models: Path, name: str, **recipe: str) -> None:
    """A generator without weights, a style where there is a recipe."""
    licence = {"name": "MIT", "commercial": True, "terms": "Any use.", "text": ""}
    told = {"format": library.FORMAT, "family": "sdf-gan", "config": "{}", "licence": json.dumps(licence),
            "origin": json.dumps({"file": name, "sha256": "0" * 64})}  # fmt: skip
    told |= {"recipe": json.dumps(recipe)} if recipe else {}
    save_file({"a": np.zeros(1, np.float32)}, models / f"{name}.safetensors", metadata=told)


def test_clients_hear_of_styles_newest_first_and_of_what_they_may_ask(models: Path) -> None:
    put(models, "own")
    put(models, "marble", prompt="a marble statue", model="own", created="2026-01-01", job_id="a")
    put(models, "bronze", prompt="a bronze bust", model="own", created="2026-02-02", job_id="b")
    told = styles.capabilities()
    assert list(told["styles"]) == ["bronze", "marble"] and told["adaptable"][-3:] == ["own", "bronze", "marble"]
    assert told["styles"]["marble"]["prompt"] == "a marble statue" and "keep" in told["adapt_options"]
    assert told["styles"]["marble"]["inputs"] == ["portrait", "seed"] and told["keeps"] == ["people", "rest"]


def test_many_styles_with_long_sentences_still_fit_a_header(models: Path) -> None:
    for number in range(styles.MOST + 3):
        put(models, f"style-{number}", prompt="말" * 500, model="m" * 40, created=f"{number:04}", job_id="j" * 64)
    told = styles.told()
    assert len(told) == styles.MOST and "style-0" not in told
    assert all(len(each["prompt"]) <= styles.LONGEST for each in told.values())
    encode(Welcome("1", "s", styles.capabilities(), {}))


def test_there_is_an_end_to_styles(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(styles, "MOST", 2)
    wanted = JobRequest("j", "adapt", options={"sentence": "x"})
    put(models, "own")
    put(models, "marble", prompt="a marble statue")
    styles.check_name(wanted)
    put(models, "bronze", prompt="a bronze bust")
    with pytest.raises(JobError, match="2 styles already") as caught:
        styles.check_name(wanted)
    assert "Delete one" in caught.value.hint
    styles.check_name(JobRequest("j"))


def test_a_new_style_needs_a_name_that_is_free(models: Path) -> None:
    put(models, "marble", prompt="a marble statue")
    (models / "broken.safetensors").write_bytes(b"")
    for name in ("marble", "rodin", "heads", "broken"):
        with pytest.raises(JobError, match=f"a generator called {name} already"):
            styles.check_name(JobRequest("j", "adapt", options={"sentence": "x", "name": name}))
    styles.check_name(JobRequest("j", "adapt", options={"sentence": "x", "name": "bronze"}))
    styles.check_name(JobRequest("j", "adapt", options={"sentence": "x"}))
    styles.check_name(JobRequest("j", options={"name": "marble"}))


def test_a_style_is_deleted_by_whoever_made_it_and_nothing_else_is(models: Path, tmp_path: Path) -> None:
    put(models, "own")
    put(models, "marble", prompt="a marble statue", job_id="annas")
    put(models, "bronze", prompt="a bronze bust", job_id="annas")
    store = Store(tmp_path / "store")
    store.submit(JobRequest("annas", "adapt", options={"sentence": "a marble statue"}), "anna")
    with pytest.raises(JobError, match="made by somebody else"):
        styles.discard("marble", store, "bert")
    styles.discard("marble", store, "anna")
    styles.discard("bronze", store, "")  # this machine's own user
    assert set(library.entries()) >= {"own"} and not library.styles()
    for name in ("own", "marble", "../../x", "", "a" * 64):
        with pytest.raises(JobError, match="no style called"):
            styles.discard(name, store, "")
    assert (models / "own.safetensors").exists()
    store.close()
