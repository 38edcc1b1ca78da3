# SPDX-License-Identifier: GPL-3.0-or-later
"""Other people's checkpoints as files of ours: read as data, compared with our network, stored with their terms."""

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..models.lrm import Lrm, LrmConfig
from ..models.plane_gan import PlaneGan, PlaneGanConfig
from .library import FORMAT, Entry, LibraryError, place, read_entry
from .licences import LICENCES, Licence, find_text
from .pickled import RefusedPickle
from .plane_gan_files import State, Unfit, plane_gan
from .store import WeightsError
from .torch_files import open_checkpoint
from .triposr_files import SETTINGS, lrm, read_settings

Family = Literal["eg3d", "panohead", "triposr"]
Model = TypeVar("Model", PlaneGan, Lrm)


def convert(path: Path, family: Family, name: str, licence: Licence | None = None, overwrite: bool = False) -> Entry:
    """A published checkpoint as a generator of that name in the user's folder.

    The licence is the family's own, with the text that lies beside the checkpoint, unless another is given. Raises
    WeightsError or LibraryError, one sentence each; then nothing was run and nothing is stored.
    """
    target = place(name)
    if target.exists() and not overwrite:
        raise LibraryError(f"there is a model called {name} already", "Choose another --name, or add --overwrite.")
    content = open_checkpoint(path)
    try:
        config, state = _network(content, family, path)
    except OSError as error:
        raise WeightsError(
            f"{SETTINGS} cannot be read: {error.strerror or error}", "It lies beside the file."
        ) from error
    except (Unfit, RefusedPickle) as error:
        raise WeightsError(f"{path.name} {error}", "Nothing of it was run. Is it the right --as?") from error
    for key, value in state.items():
        if not value.isfinite().all():
            raise WeightsError(
                f"{path.name} holds numbers that are not finite, the first in {key}", "Take the file again."
            )
    terms = licence or replace(LICENCES[family], text=find_text(path))
    _write(target, family, config, state, terms, path)
    return read_entry(target)


def load_gan(entry: Entry) -> PlaneGan:
    """The network of an EG3D or PanoHead, on the CPU, ready to use. Raises WeightsError."""
    try:
        model = PlaneGan(PlaneGanConfig.from_json(entry.config))
    except (KeyError, TypeError, ValueError) as error:
        raise _outdated(entry) from error
    return _filled(model, entry)


def load_lrm(entry: Entry) -> Lrm:
    """The network of a TripoSR, on the CPU, ready to use. Raises WeightsError."""
    try:
        model = Lrm(LrmConfig.from_json(entry.config))
    except (KeyError, TypeError, ValueError) as error:
        raise _outdated(entry) from error
    return _filled(model, entry)


def save_gan(made_from: Entry, state: State, path: Path, recipe: dict[str, Any]) -> None:
    """Write what was learned on top of a converted EG3D or PanoHead, under its terms; `recipe` says how.

    Raises LibraryError where the file cannot be written.
    """
    digest = hashlib.sha256()
    for key in sorted(state):
        digest.update(state[key].detach().float().cpu().numpy().tobytes())
    told = {
        "format": FORMAT, "family": made_from.family, "config": json.dumps(made_from.config),
        "licence": json.dumps(asdict(made_from.licence)),
        "origin": json.dumps({"file": path.name, "sha256": digest.hexdigest()}), "recipe": json.dumps(recipe),
    }  # fmt: skip
    _store(path, state, told)


def _network(content: object, family: Family, path: Path) -> tuple[PlaneGanConfig | LrmConfig, State]:
    if family == "triposr":
        beside = path.with_name(SETTINGS)
        return lrm(content, read_settings(beside) if beside.is_file() else None)
    return plane_gan(content, family)


def _filled(model: Model, entry: Entry) -> Model:
    try:
        with safe_open(entry.path, "pt") as file:
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        model.load_state_dict(tensors)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"the model {entry.name} is damaged ({error})", "Convert the checkpoint again.") from error
    except RuntimeError as error:
        raise _outdated(entry) from error
    return model.eval().requires_grad_(False)


def _write(
    target: Path, family: Family, config: PlaneGanConfig | LrmConfig, state: State, licence: Licence, path: Path
) -> None:
    told = {
        "format": FORMAT,
        "family": family,
        "config": json.dumps(config.to_json()),
        "licence": json.dumps(asdict(licence)),
        "origin": json.dumps({"file": path.name, "sha256": _sha256(path)}),
    }
    _store(target, state, told)


def _store(target: Path, state: State, told: dict[str, str]) -> None:
    whole = {key: value.detach().to(torch.float32).contiguous() for key, value in state.items()}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".converting-", dir=target.parent) as staging:
            staged = Path(staging, target.name)
            save_file(whole, staged, metadata=told)
            staged.chmod(0o644)
            os.replace(staged, target)
    except (OSError, SafetensorError) as error:
        raise LibraryError(
            f"{target.parent} cannot take the model: {error}", "Choose a folder with free space: MAQUETTE_MODELS."
        ) from error


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _outdated(entry: Entry) -> WeightsError:
    return WeightsError(f"the model {entry.name} is of another version", "Convert the checkpoint again.")
