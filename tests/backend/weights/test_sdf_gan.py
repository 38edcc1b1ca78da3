# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from backend.weights import library
from backend.weights.library import read_entry
from backend.weights.sdf_gan import OWN, SdfGanFileConfig, TrainedSdfGan, load_sdf_gan, save_sdf_gan
from backend.weights.store import WeightsError


@pytest.fixture()
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAQUETTE_MODELS", str(tmp_path))
    torch.manual_seed(0)
    save_sdf_gan(TrainedSdfGan.build(SdfGanFileConfig.tiny()), tmp_path / "own-heads.safetensors")
    return tmp_path / "own-heads.safetensors"


def rewritten(file: Path, tensors: dict[str, torch.Tensor]) -> None:
    with safe_open(file, "pt") as stored:
        told = stored.metadata()
    save_file(tensors, file, metadata=told)


def tensors_of(file: Path) -> dict[str, torch.Tensor]:
    with safe_open(file, "pt") as stored:
        return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118


def test_a_model_lies_in_the_users_folder_as_it_was_written(file: Path) -> None:
    torch.manual_seed(0)
    fresh = TrainedSdfGan.build(SdfGanFileConfig.tiny())
    entry = library.entries()["own-heads"]
    assert entry.inputs == ("portrait", "seed") and entry.licence == OWN
    loaded = load_sdf_gan(entry)
    assert loaded.config == fresh.config
    for name, value in fresh.generator.state_dict().items():
        torch.testing.assert_close(loaded.generator.state_dict()[name], value, atol=1e-3, rtol=1e-3)
    assert not any(parameter.requires_grad for parameter in loaded.proposal.parameters())


def test_a_style_carries_its_recipe(file: Path) -> None:
    save_sdf_gan(load_sdf_gan(read_entry(file)), file, recipe={"prompt": "a marble statue", "steps": 3})
    assert read_entry(file).recipe == {"prompt": "a marble statue", "steps": 3}
    assert load_sdf_gan(read_entry(file)).config == SdfGanFileConfig.tiny()


def test_the_same_weights_have_the_same_name_and_others_another(file: Path) -> None:
    before = read_entry(file).model_hash
    model = load_sdf_gan(read_entry(file))
    save_sdf_gan(model, file)
    assert read_entry(file).model_hash == before
    model.generator.heads.shape.bias.add_(1)
    save_sdf_gan(model, file)
    assert read_entry(file).model_hash != before


def test_unusable_files_are_refused_in_a_sentence(file: Path) -> None:
    whole = tensors_of(file)
    infinite = {name: value.clone() for name, value in whole.items()}
    infinite["generator.heads.shape.bias"][0] = torch.inf
    rewritten(file, infinite)
    with pytest.raises(WeightsError, match="not finite"):
        load_sdf_gan(read_entry(file))
    rewritten(file, {name: value for name, value in whole.items() if "doubling" not in name})
    with pytest.raises(WeightsError, match="another version"):
        load_sdf_gan(read_entry(file))
    entry = read_entry(file)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="damaged"):
        load_sdf_gan(entry)
