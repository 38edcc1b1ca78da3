# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from backend.models.decoder import DecoderConfig
from backend.models.field_encoder import FieldEncoder
from backend.models.plane_codec import CodecConfig
from backend.weights import store
from backend.weights.cascade import Cascade, CascadeConfig
from backend.weights.looks import LookModel, LookModelConfig, load_looks, save_looks


def cascade() -> Cascade:
    return Cascade.build(CascadeConfig.tiny())


def encoder() -> FieldEncoder:
    codec = CodecConfig.tiny()
    return FieldEncoder.build(codec, DecoderConfig(channels=codec.plane_channels, hidden=16))


def looks() -> LookModel:
    return LookModel.build(LookModelConfig.tiny())


KINDS = pytest.mark.parametrize(
    ("make", "save", "load"),
    [
        (cascade, store.save, store.load),
        (encoder, store.save_encoder, store.load_encoder),
        (looks, save_looks, load_looks),
    ],
    ids=["generator", "encoder", "looks"],
)


@KINDS
def test_round_trip_in_half_precision(make: Callable, save: Callable, load: Callable, tmp_path: Path) -> None:
    model, path = make(), tmp_path / "model.safetensors"
    save(model, path)
    again = load(path)
    for name, module in model.modules().items():
        for key, value in module.state_dict().items():
            torch.testing.assert_close(again.modules()[name].state_dict()[key], value.half().float())
            assert not again.modules()[name].training


def test_the_generators_configuration_comes_back(tmp_path: Path) -> None:
    model, path = cascade(), tmp_path / "model.safetensors"
    store.save(model, path)
    assert store.load(path).config.to_json() == model.config.to_json()


@KINDS
def test_missing_damaged_foreign_and_infinite_files_are_refused(
    make: Callable, save: Callable, load: Callable, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(store.WeightsError, match="missing"):
        load(path)
    save(make(), path)
    whole = path.read_bytes()
    # Copies: what is read lies in the file, which is written over below.
    tensors = {name: value.clone() for name, value in load_file(path).items()}
    with safe_open(path, "pt") as file:
        header = file.metadata()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(store.WeightsError, match="damaged"):
        load(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(store.WeightsError, match="format"):
        load(path)
    name = next(iter(tensors))
    save_file(tensors | {name: tensors[name] * float("nan")}, path, metadata=header)
    with pytest.raises(store.WeightsError, match="finite"):
        load(path)
    save_file(tensors, path, metadata=header | {"configs": "{}"})
    with pytest.raises(store.WeightsError, match="another version"):
        load(path)
    del tensors[name]
    save_file(tensors, path, metadata=header)
    with pytest.raises(store.WeightsError, match="does not fit"):
        load(path)


def test_the_encoder_is_no_generator(tmp_path: Path) -> None:
    store.save_encoder(encoder(), tmp_path / "model.safetensors")
    with pytest.raises(store.WeightsError, match="format"):
        store.load(tmp_path / "model.safetensors")
