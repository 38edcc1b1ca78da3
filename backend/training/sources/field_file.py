# SPDX-License-Identifier: GPL-3.0-or-later
"""A fitted field as one file: planes, decoder, and the way back to the user's frame."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ...geometry.fields import TriplaneField
from ...geometry.triplane import Triplane
from ...models.decoder import DecoderConfig, FieldDecoder
from .errors import SourceError
from .normalise import Placement

FORMAT = "maquette-field-1"
HINT = "Make it again with maquette fit."


@dataclass(frozen=True, slots=True)
class FittedField:
    """A field and where the user had its subject."""

    field: TriplaneField
    placement: Placement


def save_field(fitted: FittedField, path: Path) -> None:
    """Write the planes in half precision, the decoder in single."""
    decoder = fitted.field.decoder
    if not isinstance(decoder, FieldDecoder):
        raise TypeError(f"only fields of a FieldDecoder are kept, got {type(decoder).__name__}")
    tensors = {f"decoder.{name}": value.detach().cpu().contiguous() for name, value in decoder.state_dict().items()}
    tensors["planes"] = fitted.field.triplane.planes.cpu().half().contiguous()
    header = {
        "format": FORMAT,
        "decoder": json.dumps(asdict(decoder.config)),
        "placement": json.dumps(fitted.placement.record()),
    }
    save_file(tensors, path, metadata=header)
    path.chmod(0o644)


def load_field(path: Path) -> FittedField:
    """Read a field on the CPU, ready to be asked.

    Raises SourceError if the file is missing, damaged or of another kind.
    """
    if not path.is_file():
        raise SourceError(f"the field {path} is not there", HINT)
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise SourceError(f"the field {path.name} is damaged ({error})", HINT) from error
    if header.get("format") != FORMAT:
        raise SourceError(f"{path.name} is of format {header.get('format')!r}, this version reads {FORMAT!r}", HINT)
    try:
        decoder = FieldDecoder(DecoderConfig(**json.loads(header["decoder"])))
        planes = tensors.pop("planes")
        decoder.load_state_dict({name.removeprefix("decoder."): value for name, value in tensors.items()})
        placement = Placement.from_record(json.loads(header["placement"]))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise SourceError(f"the field {path.name} does not fit its own header", HINT) from error
    if not all(bool(torch.isfinite(value).all()) for value in (planes, *decoder.state_dict().values())):
        raise SourceError(f"the field {path.name} holds numbers that are not finite", HINT)
    return FittedField(TriplaneField(Triplane(planes), decoder.eval().requires_grad_(False)), placement)
