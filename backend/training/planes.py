# SPDX-License-Identifier: GPL-3.0-or-later
"""The field behind the views: plane decoder and field decoder, learned together from points and pictures."""

from dataclasses import asdict, dataclass, field, replace
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
from ..geometry.triplane import roll, unroll
from ..models.decoder import DecoderConfig, FieldDecoder
from ..models.layers import channels_last
from ..models.plane_codec import views_to_input
from ..models.plane_decoder import PlaneDecoder, PlaneDecoderConfig
from .data import People
from .objective import ObjectiveConfig, Subject, losses
from .photometric import PhotometricConfig
from .views import ViewSet, stack_cameras

ARRAYS = ("points", "sdf", "surface", "colour", "axis_rgba", "axis_depth", "view_rgba", "view_angles")
TILE = 128
"""Side of the pictures on a sheet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanesStageConfig:
    """How the field is learned."""

    people_per_step: int = 2
    decoder_people: int = 6
    """... while the field decoder is learned alone, on planes that hold the views and nothing else."""
    decoder_alone: float = 0.3
    """Share of the run for that."""
    points_alone: float = 0.05
    """Share of the run in which points teach alone: rays need a surface to look at."""
    blurred: float = 0.4
    """Share of visits whose views are blurred first, as a generator's may be."""
    noise: float = 0.03
    """Largest deviation of noise on views."""
    objective: ObjectiveConfig = field(default_factory=lambda: ObjectiveConfig(
        photometric=PhotometricConfig(rays=1500, pool=3000),
        points=2000, surface_points=1000, sdf_weight=3.0, colour_weight=0.3, variation_weight=0.0,
    ))  # fmt: skip
    """Once pictures teach too."""

    @property
    def opening(self) -> ObjectiveConfig:
        """While points teach alone."""
        return replace(self.objective, supervision="points", sdf_weight=20.0, colour_weight=2.0)


class FieldMaker(nn.Module):
    """Views to a field."""

    def __init__(self, planes: PlaneDecoderConfig, hidden: int = 96) -> None:
        super().__init__()
        self.planes, self.decoder = (
            PlaneDecoder(planes),
            FieldDecoder(DecoderConfig(channels=planes.channels, hidden=hidden)),
        )
        channels_last(self)

    @torch.no_grad()
    def field(self, views: Float[Tensor, "1 3 K S S"]) -> TriplaneField:
        """The field of one person."""
        return TriplaneField(self.planes.as_triplane(self.planes(views)), self.decoder)


class PlanesStage:
    """Learns from a folder of shards with points."""

    name = "planes"

    def __init__(self, folder: Path, planes: PlaneDecoderConfig, config: PlanesStageConfig) -> None:
        self.people = People(folder, ARRAYS)
        self.network = FieldMaker(planes)
        self.config, self.progress = config, 0.0

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Of a few people, from exact views or from blurred ones."""
        alone = self.progress < self.config.decoder_alone
        count = self.config.decoder_people if alone else self.config.people_per_step
        chosen = torch.randint(len(self.people), (count,), generator=random)
        device = next(self.network.parameters()).device
        views = self._worn(self.views(chosen), random).to(device)
        maker = self.network.planes
        planes = unroll((maker.seen(views) if alone else maker(views)).float())
        opening = self.progress < self.config.points_alone
        objective = self.config.opening if opening else self.config.objective
        subjects = [self._subject(int(person), objective, device) for person in chosen]
        with torch.autocast(device.type, enabled=False):
            for own, subject in zip(planes.detach(), subjects, strict=True):
                subject.refresh(own, self.network.decoder, random)
            return losses(planes, self.network.decoder, subjects, objective, random)

    def views(self, chosen: Tensor) -> Float[Tensor, "B 3 K S S"]:
        """Exact axis views."""
        rgba, depth = self.people.take("axis_rgba", chosen), self.people.take("axis_depth", chosen)
        return views_to_input(rgba, depth, self.network.planes.config.view_size)

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Four people, pictures beside renders of their fields."""
        network = FieldMaker(self.network.planes.config)
        network.load_state_dict(average_weights)
        rows = []
        for person in range(4):
            subject = self._views(person)
            made = network.eval().field(self.views(torch.tensor([person])))
            own = [render(made, subject.cameras[k], TILE, TILE, background=1.0).rgb for k in (0, 2, 4)]
            pairs = [torch.cat([subject.rgb[k], picture], 1) for k, picture in zip((0, 2, 4), own, strict=True)]
            rows.append(torch.cat(pairs, 1))
        picture = (torch.cat(rows).clamp(0, 1) * 255).byte().numpy()
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)

    def record(self) -> dict[str, Any]:
        """Configurations and the number of people."""
        network = self.network
        return {"planes": asdict(network.planes.config), "decoder": asdict(network.decoder.config),
                "people": len(self.people)}  # fmt: skip

    def _worn(self, views: Tensor, random: torch.Generator) -> Tensor:
        size = views.shape[-1]
        worn = []
        for own in views:
            if torch.rand(1, generator=random).item() < self.config.blurred:
                small = int(size * (0.25 + 0.6 * torch.rand(1, generator=random).item()))
                rolled = functional.interpolate(roll(own[None]), (small, 3 * small), mode="area")
                own = unroll(functional.interpolate(rolled, (size, 3 * size), mode="bilinear"))[0]
            deviation = self.config.noise * torch.rand(1, generator=random)
            worn.append(own + deviation * torch.randn(own.shape, generator=random))
        return torch.stack(worn)

    def _views(self, person: int) -> ViewSet:
        angles = self.people.take("view_angles", [person])[0].tolist()
        rgba = self.people.take("view_rgba", [person])[0].float() / 255
        return ViewSet(stack_cameras([orbit(*each) for each in angles]),
                       (rgba[..., :3] + 1 - rgba[..., 3:]).clamp(0, 1), rgba[..., 3])  # fmt: skip

    def _subject(self, person: int, objective: ObjectiveConfig, device: torch.device) -> Subject:
        points = {name: self.people.take(name, [person])[0].numpy() for name in ("points", "sdf", "surface", "colour")}
        return Subject(objective, self._views(person), points, device)


def load_field_maker(checkpoint: Path) -> FieldMaker:
    """The averaged networks of a run."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    record = state["record"]
    network = FieldMaker(PlaneDecoderConfig(**record["planes"]), record["decoder"]["hidden"])
    network.load_state_dict(state["average"])
    return network.eval().requires_grad_(False)
