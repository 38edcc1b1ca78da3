# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.diffusion.schedule import ScheduleConfig
from backend.models.decoder import DecoderConfig
from backend.models.plane_codec import CodecConfig
from backend.models.triplane_unet import UNetConfig
from backend.weights import store


@pytest.fixture
def model() -> store.RodinModel:
    codec = CodecConfig.tiny()
    decoder = DecoderConfig(channels=codec.plane_channels, hidden=16)
    return store.build(UNetConfig.tiny(), codec, decoder, ScheduleConfig())


def test_round_trip_in_half_precision(model: store.RodinModel, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    store.save(model, path)
    again = store.load(path)
    assert again.unet.config == model.unet.config and again.schedule == model.schedule
    for name, module in model.modules().items():
        for key, value in module.state_dict().items():
            torch.testing.assert_close(again.modules()[name].state_dict()[key], value.half().float())


def test_missing_damaged_foreign_and_infinite_files_are_refused(model: store.RodinModel, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(store.WeightsError, match="missing"):
        store.load(path)
    store.save(model, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(store.WeightsError, match="damaged"):
        store.load(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(store.WeightsError, match="format"):
        store.load(path)
    path.write_bytes(whole)
    tensors = load_file(path)
    tensors["mean"][0, 0, 0] = float("nan")
    configs = _metadata(whole)
    save_file(tensors, path, metadata=configs)
    with pytest.raises(store.WeightsError, match="finite"):
        store.load(path)
    save_file(tensors, path, metadata=configs | {"configs": "{}"})
    with pytest.raises(store.WeightsError, match="another version"):
        store.load(path)
    tensors["mean"][0, 0, 0] = 0
    del tensors["mean"]
    save_file(tensors, path, metadata=configs)
    with pytest.raises(store.WeightsError, match="does not fit"):
        store.load(path)


def _metadata(file: bytes) -> dict[str, str]:
    import json

    size = int.from_bytes(file[:8], "little")
    return json.loads(file[8 : 8 + size])["__metadata__"]
