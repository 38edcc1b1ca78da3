# SPDX-License-Identifier: GPL-3.0-or-later
"""What task replay keeps on disk: planes and memory of each person between visits, and the decoder they share.

Every file is written in one move, and a person's former state stays until the run's own checkpoint has moved on: a run
that is killed at any moment continues exactly where it was.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..studio.dataset import DatasetError

CHECKPOINT = "replay.pt"


@dataclass(slots=True)
class PersonState:
    """One person between visits."""

    planes: Float[Tensor, "3 C R R"]
    visits: int
    """Visits so far."""
    decoder: dict[str, Tensor]
    """The decoder's weights at the end of the last visit."""
    fisher: dict[str, Tensor]
    """Squared gradient of the loss at that moment, by weight: the diagonal of the Fisher information."""
    psnr: float | None = None
    """Quality at that moment, dB, where it was measured."""


class PeopleStates:
    """A folder of states, `<name>_<visits>.safetensors` each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def load(self, name: str, visits: int) -> PersonState:
        """The state after so many visits.

        Raises DatasetError if it is missing or damaged.
        """
        path = self._path(name, visits)
        try:
            with safe_open(path, "pt") as file:
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
                header = json.loads(file.metadata()["state"])
        except (OSError, SafetensorError, KeyError, TypeError) as error:
            raise DatasetError(
                f"{path} is missing or damaged ({error})", "Start the run anew in an empty folder."
            ) from error
        pick = lambda kind: {  # noqa: E731
            key.removeprefix(kind): value for key, value in tensors.items() if key.startswith(kind)
        }
        return PersonState(tensors["planes"], header["visits"], pick("decoder."), pick("fisher."), header["psnr"])

    def save(self, name: str, state: PersonState) -> None:
        """Write a state beside the former one."""
        tensors = {"planes": state.planes}
        tensors |= {f"decoder.{key}": value for key, value in state.decoder.items()}
        tensors |= {f"fisher.{key}": value for key, value in state.fisher.items()}
        path = self._path(name, state.visits)
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        header = json.dumps({"visits": state.visits, "psnr": state.psnr})
        save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()},
                  unfinished, metadata={"state": header})  # fmt: skip
        unfinished.replace(path)

    def visits(self, name: str) -> int:
        """How often a person was visited; of two states that a kill has left, the finished one counts."""
        found = [int(path.stem.rpartition("_")[2]) for path in self.folder.glob(f"{name}_???.safetensors")]
        return min(found, default=0)

    def forget(self, name: str, visits: int) -> None:
        """Delete the state after so many visits, if there is one."""
        self._path(name, visits).unlink(missing_ok=True)

    def _path(self, name: str, visits: int) -> Path:
        return self.folder / f"{name}_{visits:03d}.safetensors"


def save_run(folder: Path, **state: Any) -> None:
    """Write the run's checkpoint in one move."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"{CHECKPOINT}.{os.getpid()}.part"
    torch.save(state, unfinished)
    unfinished.replace(folder / CHECKPOINT)


def load_run(folder: Path) -> dict[str, Any] | None:
    """The run's checkpoint, if there is one."""
    path = folder / CHECKPOINT
    return torch.load(path, weights_only=True, map_location="cpu") if path.exists() else None
