# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of weights: safetensors with their configuration in the header."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..models.decoder import DecoderConfig
from ..models.field_encoder import FieldEncoder
from ..models.plane_codec import CodecConfig
from .cascade import Cascade, CascadeConfig

DEFAULT = Path(__file__).with_name("default.safetensors")
"""The generator."""
FORMAT = "maquette-rodin-4"
ENCODER = Path(__file__).with_name("encoder.safetensors")
"""Where fits of people begin."""
ENCODER_FORMAT = "maquette-encoder-1"


class WeightsError(Exception):
    """A file of weights is missing or unusable; `message` says why and `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message}; {hint}")
        self.message, self.hint = message, hint


def save(model: Cascade, path: Path) -> None:
    """Write a generator in half precision."""
    extra = {"mean": model.mean, "deviation": model.deviation}
    write(path, FORMAT, model.config.to_json(), model.modules(), extra)


def load(path: Path = DEFAULT) -> Cascade:
    """Read a generator, on the CPU in single precision, ready to use.

    Raises WeightsError if the file is missing, damaged or of another kind.
    """
    configs, tensors = read(path, FORMAT)
    try:
        model = Cascade.build(CascadeConfig.from_json(configs))
    except (KeyError, TypeError, ValueError) as error:
        raise other_version(path) from error
    try:
        model.mean.copy_(tensors.pop("mean"))
        model.deviation.copy_(tensors.pop("deviation"))
        fill(model.modules(), tensors)
    except (KeyError, RuntimeError) as error:
        raise misfit(path) from error
    return model.ready()


def save_encoder(model: FieldEncoder, path: Path) -> None:
    """Write an encoder in half precision."""
    configs = {"codec": asdict(model.codec.config), "decoder": asdict(model.decoder.config)}
    write(path, ENCODER_FORMAT, configs, model.modules(), {})


def load_encoder(path: Path = ENCODER) -> FieldEncoder:
    """Read an encoder, on the CPU in single precision, ready to use.

    Raises WeightsError if the file is missing, damaged or of another kind.
    """
    configs, tensors = read(path, ENCODER_FORMAT)
    try:
        model = FieldEncoder.build(CodecConfig(**configs["codec"]), DecoderConfig(**configs["decoder"]))
    except (KeyError, TypeError, ValueError) as error:
        raise other_version(path) from error
    try:
        fill(model.modules(), tensors)
    except (KeyError, RuntimeError) as error:
        raise misfit(path) from error
    return model


def write(
    path: Path, kind: str, configs: Mapping[str, Any], modules: Mapping[str, nn.Module], extra: dict[str, Tensor]
) -> None:
    """Write modules by their name, and further tensors, in half precision."""
    tensors = dict(extra)
    for name, module in modules.items():
        tensors |= {f"{name}.{key}": value for key, value in module.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    halves = {name: value.detach().half().contiguous() for name, value in tensors.items()}
    save_file(halves, path, metadata={"format": kind, "configs": json.dumps(configs)})
    path.chmod(0o644)  # weights are no secret, whatever the library thinks


def read(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Configurations and tensors, in single precision, of a file of a kind.

    Raises WeightsError if it is missing, damaged, or of another kind.
    """
    if not path.is_file():
        raise WeightsError(
            f"the weights {path.name} are missing", "reinstall maquette, or train them with maquette train"
        )
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"the weights {path.name} are damaged ({error})", "reinstall maquette") from error
    if metadata.get("format") != kind:
        raise WeightsError(
            f"{path.name} is of format {metadata.get('format')!r}, this version reads {kind!r}",
            "install the weights that belong to this version",
        )
    if not all(value.isfinite().all() for value in tensors.values()):
        raise WeightsError(f"{path.name} holds numbers that are not finite", "reinstall maquette")
    try:
        return json.loads(metadata["configs"]), tensors
    except (KeyError, ValueError) as error:
        raise other_version(path) from error


@torch.no_grad()
def fill(modules: Mapping[str, nn.Module], tensors: Mapping[str, Tensor]) -> None:
    """Load each module's tensors, named as `write` names them. Raises RuntimeError where they do not fit."""
    for name, module in modules.items():
        own = {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
        module.load_state_dict(own)


def other_version(path: Path) -> WeightsError:
    """For configurations that cannot be rebuilt."""
    return WeightsError(f"{path.name} has a configuration of another version", "reinstall maquette")


def misfit(path: Path) -> WeightsError:
    """For tensors that their configuration has no place for."""
    return WeightsError(f"{path.name} does not fit its own configuration", "reinstall maquette")


def file_hash(path: Path = DEFAULT) -> str:
    """First sixteen hex digits of the file's SHA-256: names the model in recipes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
