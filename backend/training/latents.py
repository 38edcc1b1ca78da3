# SPDX-License-Identifier: GPL-3.0-or-later
"""Latent planes of all people of a folder: learned, encoded and standardised once, kept in one file."""

import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..models.laying import frontal_depth
from ..models.plane_codec import CodecConfig, ViewCodec, views_to_input
from ..models.principal import PrincipalPath
from ..studio.dataset import DatasetError, shard_files

logger = logging.getLogger(__name__)


PLANE_WEIGHTS = (1.35, 0.3, 1.35)
"""Of errors on the planes xy, xz and yz. Given the true xy or yz, views around a generated head gain 2.3 dB each, given
the true xz only 0.4 dB, though it holds 44 % of the latents' variance: few rays meet a head from above."""


@dataclass(frozen=True, slots=True)
class LatentSet:
    """What the base model learns to make: people, then their mirror images."""

    codec: ViewCodec
    planes: Float[Tensor, "N L R W"]
    """Half precision, mean zero, deviation one over all; the second half is mirrored."""
    mean: Float[Tensor, "L R W"]
    """The average person, symmetric."""
    deviation: Float[Tensor, ""]
    basis: Float[Tensor, "K D"]
    """Principal components of the flattened planes, unit rows."""
    variance: Float[Tensor, " K"]
    rest: Float[Tensor, ""]
    """Mean variance of what the components do not hold, per number."""
    coordinates: Float[Tensor, "N K"]
    """Components of `planes`, in their deviations."""
    seeds: Tensor
    """Of the people, without mirror images, in order."""

    @property
    def people(self) -> int:
        """Without mirror images."""
        return len(self.seeds)

    def save(self, path: Path) -> None:
        """Write everything, in one move."""
        path.parent.mkdir(parents=True, exist_ok=True)
        own = {name: getattr(self, name) for name in self.__slots__ if name != "codec"}
        state = {**own, "codec": self.codec.state_dict(), "config": asdict(self.codec.config)}
        unfinished = path.with_suffix(".part")
        torch.save(state, unfinished)
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path) -> "LatentSet":
        """Read what `save` wrote.

        Raises DatasetError if there is no such file.
        """
        if not path.exists():
            raise DatasetError(f"{path} does not exist", "Learn the latents first: maquette train latents.")
        state = torch.load(path, weights_only=True, map_location="cpu")
        codec = ViewCodec(CodecConfig(**state.pop("config")))
        codec.load_state_dict(state.pop("codec"))
        return cls(codec=codec, **state)


@torch.inference_mode()
def learn_latents(folder: Path, config: CodecConfig, components: int) -> LatentSet:
    """The codec, everybody's latent planes and their principal components, from a folder of shards."""
    views = torch.cat([_axis_views(path, config.view_size) for path in shard_files(folder)])
    codec = ViewCodec(config)
    kept = codec.learn(views)
    logger.info("the codec keeps %s of the variance of xy, xz, yz", [round(float(share), 4) for share in kept])
    planes = torch.cat([codec.encode(chunk) for flip in (False, True) for chunk in _chunks(views, flip)])
    mean = planes.mean(0)
    deviation = (planes - mean).std()
    planes = (planes - mean) / deviation
    path = PrincipalPath(min(components, len(planes) - 1), planes[0].numel(), 1, 1)
    share = path.learn(planes.flatten(1))
    logger.info("%d people; %d components hold %.4f of their variance", len(views), components, share)
    coordinates = path.coordinates(planes.flatten(1))
    seeds = torch.tensor([seed for file in shard_files(folder) for seed in _seeds(file)])
    return LatentSet(codec, planes.half(), mean, deviation, path.basis, path.variance, path.rest, coordinates, seeds)


def plane_weights(latent: Float[Tensor, "B L R W"]) -> Float[Tensor, " W"]:
    """`PLANE_WEIGHTS` for the columns of rolled-out planes."""
    return torch.tensor(PLANE_WEIGHTS, device=latent.device).repeat_interleave(latent.shape[-1] // 3)


@torch.no_grad()
def take_components(principal: PrincipalPath, latents: LatentSet) -> None:
    """Give a path the people's components."""
    principal.basis.copy_(latents.basis)
    principal.variance.copy_(latents.variance)
    principal.rest.copy_(latents.rest)


def average_depth(latents: LatentSet, size: int) -> Float[Tensor, "R R"]:
    """z of the front of the average person at the places of the plane xy."""
    depth = frontal_depth(latents.codec.decode(latents.mean[None].float())[0])
    return functional.interpolate(depth[None, None], (size, size), mode="bilinear", align_corners=False)[0, 0]


@torch.inference_mode()
def encode_people(folder: Path, like: LatentSet) -> LatentSet:
    """The latents of everybody in a folder in the code, scale and components of others: what learned on those can go
    on with more people."""
    views = torch.cat([_axis_views(path, like.codec.config.view_size) for path in shard_files(folder)])
    planes, coordinates = [], []
    for chunk in [part for flip in (False, True) for part in _chunks(views, flip)]:
        standard = (like.codec.encode(chunk) - like.mean) / like.deviation
        planes.append(standard.half())
        coordinates.append(standard.flatten(1) @ like.basis.T / like.variance.sqrt())
    seeds = torch.tensor([seed for file in shard_files(folder) for seed in _seeds(file)])
    return replace(like, planes=torch.cat(planes), coordinates=torch.cat(coordinates), seeds=seeds)


def mirror_views(views: Float[Tensor, "B 3 K S S"]) -> Float[Tensor, "B 3 K S S"]:
    """Axis views of the person seen in a mirror (x to -x)."""
    xy, xz, yz = views[:, 0].flip(-1), views[:, 1].flip(-1), views[:, 2]
    # The two ends of the x axis change places, and depth along it its sign.
    colour = torch.cat([yz[:, 4:8], yz[:, :4]], 1)
    depth = -yz[:, 8:].flip(1)
    return torch.stack([xy, xz, torch.cat([colour, depth], 1)], 1)


def _chunks(views: Tensor, flip: bool) -> list[Tensor]:
    return [mirror_views(chunk) if flip else chunk for chunk in views.split(64)]


def _axis_views(path: Path, size: int) -> Float[Tensor, "B 3 K S S"]:
    with np.load(path, allow_pickle=False) as stored:
        rgba, depth = torch.from_numpy(stored["axis_rgba"]), torch.from_numpy(stored["axis_depth"])
    return views_to_input(rgba, depth, size)


def _seeds(path: Path) -> range:
    first, last = path.stem.split("_")[1:]
    return range(int(first), int(last))
