# SPDX-License-Identifier: GPL-3.0-or-later
"""The generator's file: one safetensors with its configuration in the header."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..diffusion.schedule import ScheduleConfig
from ..geometry.fields import TriplaneField
from ..models.decoder import DecoderConfig, FieldDecoder
from ..models.layers import channels_last
from ..models.plane_codec import CodecConfig, PlaneDecoder, ViewCodec
from ..models.triplane_unet import TriplaneUNet, UNetConfig

DEFAULT = Path(__file__).with_name("default.safetensors")
FORMAT = "maquette-rodin-1"


class WeightsError(Exception):
    """A file of weights is missing or unusable; `message` says why and `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message}; {hint}")
        self.message, self.hint = message, hint


@dataclass(frozen=True, slots=True)
class RodinModel:
    """Everything that turns a portrait or noise into a field."""

    unet: TriplaneUNet
    codec: ViewCodec
    planes: PlaneDecoder
    decoder: FieldDecoder
    mean: Tensor
    """Latent of the average person [L, R, W]."""
    deviation: Tensor
    """Scale of the latents, one number."""
    schedule: ScheduleConfig

    def to(self, device: torch.device) -> "RodinModel":
        """The same model on a device."""
        for module in self.modules().values():
            module.to(device)
        return replace(self, mean=self.mean.to(device), deviation=self.deviation.to(device))

    def modules(self) -> dict[str, nn.Module]:
        """Its networks by their name in the file."""
        return {"unet": self.unet, "codec": self.codec, "planes": self.planes, "decoder": self.decoder}

    def field(self, latent: Tensor) -> TriplaneField:
        """The field of a standardised latent [1, L, R, W]."""
        return self.field_of_views(self.codec.decode(latent * self.deviation + self.mean))

    @torch.inference_mode()
    def field_of_views(self, views: Tensor) -> TriplaneField:
        """The field of one person's views along the axes [1, 3, K, S, S]."""
        return TriplaneField(self.planes.as_triplane(self.planes(views)), self.decoder)


def build(unet: UNetConfig, codec: CodecConfig, decoder: DecoderConfig, schedule: ScheduleConfig) -> RodinModel:
    """A model with fresh weights."""
    mean = torch.zeros(codec.latent_channels, codec.latent_size, 3 * codec.latent_size)
    return RodinModel(
        TriplaneUNet(unet), ViewCodec(codec), PlaneDecoder(codec), FieldDecoder(decoder), mean, torch.ones(()), schedule
    )


def save(model: RodinModel, path: Path) -> None:
    """Write a model in half precision."""
    tensors = {"mean": model.mean, "deviation": model.deviation}
    for name, module in model.modules().items():
        tensors |= {f"{name}.{key}": value for key, value in module.state_dict().items()}
    configs = {
        "unet": asdict(model.unet.config), "codec": asdict(model.codec.config),
        "decoder": asdict(model.decoder.config), "schedule": asdict(model.schedule),
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.detach().half().contiguous() for name, value in tensors.items()},
        path, metadata={"format": FORMAT, "configs": json.dumps(configs)},
    )  # fmt: skip
    path.chmod(0o644)  # weights are no secret, whatever the library thinks


def load(path: Path = DEFAULT) -> RodinModel:
    """Read a model, on the CPU in single precision, ready to use.

    Raises WeightsError if the file is missing, damaged or of another kind.
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
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            f"{path.name} is of format {metadata.get('format')!r}, this version reads {FORMAT!r}",
            "install the weights that belong to this version",
        )
    try:
        configs = json.loads(metadata["configs"])
        model = build(
            UNetConfig.from_json(configs["unet"]), CodecConfig(**configs["codec"]),
            DecoderConfig(**configs["decoder"]), ScheduleConfig(**configs["schedule"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path.name} has a configuration of another version", "reinstall maquette") from error
    if not all(value.isfinite().all() for value in tensors.values()):
        raise WeightsError(f"{path.name} holds numbers that are not finite", "reinstall maquette")
    try:
        model.mean.copy_(tensors.pop("mean"))
        model.deviation.copy_(tensors.pop("deviation"))
        for name, module in model.modules().items():
            own = {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
            module.load_state_dict(own)
            module.eval().requires_grad_(False)
            channels_last(module)
    except (KeyError, RuntimeError) as error:
        raise WeightsError(f"{path.name} does not fit its own configuration", "reinstall maquette") from error
    return model


def file_hash(path: Path = DEFAULT) -> str:
    """First sixteen hex digits of the file's SHA-256: names the model in recipes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
