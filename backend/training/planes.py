# SPDX-License-Identifier: GPL-3.0-or-later
"""The field behind the views: the field decoder, learned from points first and then from pictures.

What a point knows of the views does not change while the decoder learns from points, so it is looked up once: steps of
tens of thousands of points cost milliseconds.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from ..geometry.cameras import orbit
from ..geometry.fields import TriplaneField
from ..geometry.rendering import render
from ..geometry.triplane import Triplane, roll, unroll
from ..models.decoder import DecoderConfig, FieldDecoder
from ..models.layers import channels_last
from ..models.plane_codec import views_to_input
from ..models.plane_decoder import PlaneDecoder, PlaneDecoderConfig, begin_with_distances
from .data import People
from .objective import NEAR, NEAR_WEIGHT, ObjectiveConfig, Subject, losses
from .photometric import PhotometricConfig
from .views import ViewSet, stack_cameras

ARRAYS = ("points", "sdf", "surface", "colour", "axis_rgba", "axis_depth", "view_rgba", "view_angles")
TILE = 128
"""Side of the pictures on a sheet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanesStageConfig:
    """How the field is learned."""

    points_alone: float = 0.8
    """Share of the run in which points teach, by features that were looked up before."""
    point_people: int = 12
    """People per step meanwhile."""
    points: int = 1200
    """Of each, for the distance."""
    surface_points: int = 800
    """Of each, for the colour."""
    kept_points: int = 20_000
    """Points of each person whose features are kept in memory, and 0.7 times as many of the surface."""
    people_per_step: int = 2
    """Once pictures teach too."""
    blurred: float = 0.4
    """Share of people, then of visits, whose views are blurred first, as a generator's may be."""
    noise: float = 0.01
    """Largest deviation of noise on views."""
    objective: ObjectiveConfig = field(default_factory=lambda: ObjectiveConfig(
        photometric=PhotometricConfig(rays=1500, pool=3000),
        points=2000, surface_points=1000, sdf_weight=3.0, colour_weight=0.3, variation_weight=0.0,
    ))  # fmt: skip
    """Once pictures teach too."""


class FieldMaker(nn.Module):
    """Views to a field."""

    def __init__(self, planes: PlaneDecoderConfig, hidden: int = 96) -> None:
        super().__init__()
        self.planes = PlaneDecoder(planes)
        self.decoder = FieldDecoder(DecoderConfig(channels=planes.channels, hidden=hidden))
        channels_last(self)

    @torch.no_grad()
    def field(self, views: Float[Tensor, "1 3 K S S"]) -> TriplaneField:
        """The field of one person."""
        return TriplaneField(self.planes.as_triplane(self.planes(views)), self.decoder)


class PlanesStage:
    """Learns from a folder of shards with points."""

    name = "planes"

    def __init__(
        self, folder: Path, planes: PlaneDecoderConfig, config: PlanesStageConfig, hidden: int = 96, seed: int = 0
    ) -> None:
        random = torch.Generator().manual_seed(seed)
        self.people = People(folder, ARRAYS)
        self.network = FieldMaker(planes, hidden)
        begin_with_distances(self.network.decoder, random)
        self.config, self.progress = config, 0.0
        self._known = self._features(random)

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Of points of many people, or of points and pictures of a few."""
        device = self.network.decoder.out.weight.device
        if self.progress < self.config.points_alone:
            with torch.autocast(device.type, enabled=False):
                return self._point_losses(random, device)
        chosen = torch.randint(len(self.people), (self.config.people_per_step,), generator=random)
        views = torch.stack([self._worn(own, random) for own in self.views(chosen)]).to(device)
        planes = unroll(self.network.planes(views).float())
        subjects = [self._subject(int(person), device) for person in chosen]
        with torch.autocast(device.type, enabled=False):
            for own, subject in zip(planes.detach(), subjects, strict=True):
                subject.refresh(own, self.network.decoder, random)
            return losses(planes, self.network.decoder, subjects, self.config.objective, random)

    def views(self, chosen: Tensor) -> Float[Tensor, "B 3 K S S"]:
        """Exact axis views."""
        rgba, depth = self.people.take("axis_rgba", chosen), self.people.take("axis_depth", chosen)
        return views_to_input(rgba, depth, self.network.planes.config.view_size)

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Four people, pictures beside renders of their fields."""
        network = FieldMaker(self.network.planes.config, self.network.decoder.config.hidden)
        network.load_state_dict(average_weights)
        rows = []
        for person in range(min(4, len(self.people))):
            truth = self._views(person)
            made = network.eval().field(self.views(torch.tensor([person])))
            shown = range(0, len(truth), 2)
            own = [render(made, truth.cameras[k], TILE, TILE, background=1.0).rgb for k in shown]
            size = (TILE, TILE)
            exact = functional.interpolate(truth.rgb.permute(0, 3, 1, 2), size).permute(0, 2, 3, 1)
            pairs = [torch.cat([exact[k], picture], 1) for k, picture in zip(shown, own, strict=True)]
            rows.append(torch.cat(pairs, 1))
        picture = (torch.cat(rows).clamp(0, 1) * 255).byte().numpy()
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)

    def record(self) -> dict[str, Any]:
        """Configurations and the number of people."""
        network = self.network
        return {"planes": asdict(network.planes.config), "decoder": asdict(network.decoder.config),
                "people": len(self.people)}  # fmt: skip

    @torch.inference_mode()
    def _features(self, random: torch.Generator) -> dict[str, Tensor]:
        """What points of everybody know of the views [N, M, C], half precision, and what they should say."""
        counts = {"points": self.config.kept_points, "surface": int(0.7 * self.config.kept_points)}
        known: dict[str, Tensor] = {}
        for person in range(len(self.people)):
            views = self._worn(self.views(torch.tensor([person]))[0], random)
            planes = Triplane(unroll(self.network.planes.seen(views[None])))
            for name, target in (("points", "sdf"), ("surface", "colour")):
                places, values = self.people.take(name, [person])[0], self.people.take(target, [person])[0]
                chosen = torch.randint(len(places), (counts[name],), generator=random)
                if person == 0:  # all room at once: small pieces between large ones would keep those from being freed
                    shape = (len(self.people), counts[name])
                    known[name] = torch.empty(*shape, planes.planes.shape[2], dtype=torch.half)
                    known[target] = torch.empty(*shape, *values.shape[1:], dtype=values.dtype)
                known[name][person] = planes.sample(places[chosen][None].float())[0].half()
                known[target][person] = values[chosen]
        return known

    def _point_losses(self, random: torch.Generator, device: torch.device) -> dict[str, Tensor]:
        chosen = torch.randint(len(self.people), (self.config.point_people,), generator=random)
        near = self._rows(chosen, "points", "sdf", self.config.points, random)
        coloured = self._rows(chosen, "surface", "colour", self.config.surface_points, random)
        distance, rgb = self.network.decoder(torch.cat([near[0], coloured[0]]).float().to(device))
        count, target = len(near[0]), near[1].float().to(device)
        weight = torch.where(target.abs() < NEAR, NEAR_WEIGHT, 1.0)
        albedo = coloured[1].to(device) / 255
        return {
            "sdf": 20 * (weight * (distance[:count] - target).abs()).mean(),
            "colour": 2 * (rgb[count:] - albedo).abs().mean(),
        }

    def _rows(self, chosen: Tensor, name: str, target: str, count: int, random: torch.Generator) -> list[Tensor]:
        index = torch.randint(self._known[name].shape[1], (len(chosen), count), generator=random)
        return [self._known[each][chosen[:, None], index].flatten(0, 1) for each in (name, target)]

    def _worn(self, views: Float[Tensor, "3 K S S"], random: torch.Generator) -> Float[Tensor, "3 K S S"]:
        size = views.shape[-1]
        if torch.rand(1, generator=random).item() < self.config.blurred:
            small = int(size * (0.25 + 0.6 * torch.rand(1, generator=random).item()))
            rolled = functional.interpolate(roll(views[None]), (small, 3 * small), mode="area")
            views = unroll(functional.interpolate(rolled, (size, 3 * size), mode="bilinear"))[0]
        deviation = self.config.noise * torch.rand(1, generator=random)
        return views + deviation * torch.randn(views.shape, generator=random)

    def _views(self, person: int) -> ViewSet:
        return person_views(self.people, person)

    def _subject(self, person: int, device: torch.device) -> Subject:
        points = {name: self.people.take(name, [person])[0].numpy() for name in ("points", "sdf", "surface", "colour")}
        return Subject(self.config.objective, self._views(person), points, device)


def person_views(people: People, person: int) -> ViewSet:
    """The perspective views of a shard's person."""
    angles = people.take("view_angles", [person])[0].tolist()
    rgba = people.take("view_rgba", [person])[0].float() / 255
    colour = (rgba[..., :3] + 1 - rgba[..., 3:]).clamp(0, 1)
    return ViewSet(stack_cameras([orbit(*each) for each in angles]), colour, rgba[..., 3])


def load_field_maker(checkpoint: Path) -> FieldMaker:
    """The averaged networks of a run."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    record = state["record"]
    network = FieldMaker(PlaneDecoderConfig(**record["planes"]), record["decoder"]["hidden"])
    network.load_state_dict(state["average"])
    return network.eval().requires_grad_(False)
