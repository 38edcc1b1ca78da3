# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning to add detail: small views, worn as a generator's are, to views of four times the side."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ..diffusion.denoiser import diffuse, draw_times
from ..diffusion.schedule import ScheduleConfig
from ..geometry.triplane import roll, unroll
from ..models.embedding import JointEmbedding
from ..models.latent_denoiser import PORTRAIT, LatentDenoiser
from ..models.layers import channels_last
from ..models.laying import lay_on_plane
from ..models.plane_codec import CHANNEL_WEIGHTS, views_to_input
from ..models.upsampler import UpsamplerConfig, ViewUpsampler, enlarge
from .data import People
from .latents import LatentSet, average_depth, mirror_views
from .objective import ObjectiveConfig, Subject, losses
from .photometric import PhotometricConfig
from .planes import FieldMaker, person_views
from .portrait_set import PortraitSet

ARRAYS = ("axis_rgba", "axis_depth", "view_rgba", "view_angles")
FACE_ROWS, FACE_COLUMNS = (0.0, 0.75), (0.125, 0.875)
"""Share of a frontal view's height, from the top, and of its width that an aligned portrait shows: 1.5 box units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsamplerStageConfig:
    """How the upsampler is learned."""

    batch: int = 3
    silent: float = 0.6
    """Share of visits from nothing but noise: the one step that is taken."""
    predicted: float = 0.6
    """Share of visits that start from what the base model makes of the person, where it is at hand."""
    without_portrait: float = 0.3
    plain: float = 0.4
    """Share of photographs that are lit white and not worn."""
    angle_noise: float = 0.05
    perceptual_weight: float = 0.05
    """Of the frozen portrait encoder's features of the face."""
    render_weight: float = 1.0
    """Of pictures of the field that the views stand for; 0 renders nothing."""
    objective: ObjectiveConfig = field(default_factory=lambda: ObjectiveConfig(
        supervision="views", photometric=PhotometricConfig(rays=1200, pool=2400), picture_weight=5.0,
        variation_weight=0.0,
    ))  # fmt: skip
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig.rodinhd_upsampler)


class UpsamplerStage:
    """Learns from a folder of shards, their latents, a finished field maker and a finished embedding."""

    name = "upsampler"

    def __init__(
        self,
        folder: Path,
        latents: LatentSet,
        field_maker: FieldMaker,
        embedding: JointEmbedding,
        network: UpsamplerConfig,
        config: UpsamplerStageConfig,
        base: LatentDenoiser | None = None,
        base_schedule: ScheduleConfig | None = None,
    ) -> None:
        """With a finished base model, small views are also such as it makes of noisy latents and portraits."""
        self.people, self.latents, self.config = People(folder, ARRAYS), latents, config
        self.portraits = PortraitSet(folder, network.view_size)
        rows = {int(seed): row for row, seed in enumerate(latents.seeds)}
        self.rows = torch.tensor([rows[person["seed"]] for person in self.portraits.records])
        """Of the folder's people among the latents."""
        self.base = None if base is None else base.eval().requires_grad_(False)
        self.base_schedule = base_schedule or ScheduleConfig.rodinhd_base()
        self.embedding = embedding.eval().requires_grad_(False)
        self.field_maker = field_maker.eval().requires_grad_(False)
        self.encoder = self.embedding.portrait_encoder
        self.face_size = embedding.config.portrait.image_size
        self.network = ViewUpsampler(network)
        channels_last(self.network)
        self.depth = average_depth(latents, network.view_size)
        weights = torch.tensor(CHANNEL_WEIGHTS).square()
        self.weights = (weights / weights.mean())[:, None, None]

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Error of the views, of the face's features, and of pictures of one person's field."""
        device = self.network.place.device
        chosen = torch.randint(2 * len(self.people), (self.config.batch,), generator=random)
        clean = roll(self.clean(chosen)).to(device)
        low, laid = self.conditions(chosen, random)
        u = draw_times(len(chosen), random)
        u = torch.where(torch.rand(len(chosen), generator=random) < self.config.silent, 1.0, u)
        noise = torch.randn(clean.shape, generator=random).to(device)
        noisy, sigma = diffuse(clean, u.to(device), noise, self.config.schedule)
        x0 = self.network(noisy, sigma, low.to(device), laid.to(device))
        terms = {"views": 10 * (self.weights.to(device) * (x0 - clean).square()).mean()}
        if self.config.perceptual_weight:
            terms["perceptual"] = self.config.perceptual_weight * self._perceptual(x0, clean)
        if self.config.render_weight:
            terms["picture"] = self.config.render_weight * self._picture(x0, chosen, random)
        return terms

    def clean(self, chosen: Tensor) -> Float[Tensor, "B 3 K S S"]:
        """Exact views of people and of mirrored ones."""
        mirrored, rows = chosen >= len(self.people), chosen % len(self.people)
        views = views_to_input(self.people.take("axis_rgba", rows), self.people.take("axis_depth", rows),
                               self.network.config.view_size)  # fmt: skip
        return torch.where(mirrored[:, None, None, None, None], mirror_views(views), views)

    def conditions(self, chosen: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Small views as a base model might make them, and portraits on the plane xy, or zeros."""
        mirrored, rows = chosen >= len(self.people), chosen % len(self.people)
        columns = self.rows[rows] + torch.where(mirrored, self.latents.people, 0)
        pictures, angles = self.portraits.draw(chosen, random, plain=self.config.plain)
        angles = angles + self.config.angle_noise * torch.randn(angles.shape, generator=random)
        exact = self.latents.planes[columns].float()
        latent = self._worn(exact, random)
        if self.base is not None:
            own = torch.rand(len(chosen), generator=random) < self.config.predicted
            guess = self._predicted(self.base, exact, pictures, angles, random)
            latent = torch.where(own[:, None, None, None], guess, latent)
        low = roll(self.latents.codec.decode(latent * self.latents.deviation + self.latents.mean))
        laid = lay_on_plane(pictures, angles, self.depth)
        dropped = torch.rand(len(chosen), generator=random) < self.config.without_portrait
        return low, torch.where(dropped[:, None, None, None], 0.0, laid)

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Frontal views: small, upsampled, exact."""
        network = ViewUpsampler(self.network.config)
        network.load_state_dict(average_weights)
        random = torch.Generator().manual_seed(0)
        chosen = torch.arange(4)
        with torch.inference_mode():
            low, laid = self.conditions(chosen, random)
            clean = roll(self.clean(chosen))
            noise = torch.randn(clean.shape, generator=random)
            x0 = network.eval()(noise, torch.ones(4), low, laid)
        rows = [
            torch.cat(list(unroll(each)[:, 0, :3].flip(2)), 2)
            for each in (enlarge(low, network.config.fold), x0, clean)
        ]
        picture = torch.cat(rows, 1).permute(1, 2, 0) / 2 + 0.5
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((picture.clamp(0, 1) * 255).byte().numpy()).save(path)

    def record(self) -> dict[str, Any]:
        """Configurations and the number of people."""
        return {"network": self.network.config.to_json(), "schedule": asdict(self.config.schedule),
                "people": len(self.people)}  # fmt: skip

    @torch.no_grad()
    def _predicted(
        self, base: LatentDenoiser, exact: Tensor, pictures: Tensor, angles: Tensor, random: torch.Generator
    ) -> Tensor:
        """What the base model makes of latents under much noise and of the portraits, in one step."""
        device, size = base.depth.device, base.config.portrait.image_size
        seen = functional.interpolate(pictures, (size, size), mode="area").to(device)
        z = self.embedding.image(seen).float()
        kind = torch.full((len(exact),), PORTRAIT, device=device)
        condition = base.see(kind, z, self.embedding.components(z).float(), seen, angles)
        u = 0.4 + 0.6 * torch.rand(len(exact), generator=random)
        noise = torch.randn(exact.shape, generator=random)
        noisy, sigma = diffuse(exact.to(device), u.to(device), noise.to(device), self.base_schedule)
        return base(noisy, sigma, condition).float().cpu()

    def _worn(self, latent: Tensor, random: torch.Generator) -> Tensor:
        """Conditioning augmentation: fewer principal components, then noise (Ho et al. 2022, section 4.2)."""
        basis, count = self.latents.basis, len(latent)
        strength = torch.rand(count, 1, generator=random)
        kept = torch.rand(count, len(basis), generator=random).sort(1, descending=True).values > strength
        within = latent.flatten(1) @ basis.T
        rest = latent.flatten(1) - within @ basis
        share = torch.rand(count, 1, generator=random)
        worn = (within * kept) @ basis + share * rest
        noise = 0.3 * torch.rand(count, 1, generator=random) ** 2 * torch.randn(worn.shape, generator=random)
        return (worn + noise).view_as(latent)

    def _perceptual(self, x0: Tensor, clean: Tensor) -> Tensor:
        """Squared difference of the features of frontal faces."""
        faces = []
        for views in (x0, clean):
            front = unroll(views)[:, 0, :4].flip(2)  # picture rows grow downwards
            top, bottom = (int(share * front.shape[2]) for share in FACE_ROWS)
            left, right = (int(share * front.shape[3]) for share in FACE_COLUMNS)
            cut = front[:, :, top:bottom, left:right]
            cut = functional.interpolate(cut, (self.face_size, self.face_size), mode="bilinear", antialias=True)
            # What is not the person is black here, and grey to the encoder.
            faces.append(torch.cat([cut[:, :3] + 0.5 - cut[:, 3:] / 2, cut[:, 3:]], 1))
        one, other = (self.encoder(face)[0] for face in faces)
        return (one - other).square().mean()

    def _picture(self, x0: Tensor, chosen: Tensor, random: torch.Generator) -> Tensor:
        """Photometric error of the field of the first person that is not mirrored."""
        plain = torch.nonzero(chosen < len(self.people))[:, 0]
        if not len(plain):
            return x0.new_zeros(())
        index = int(plain[0])
        planes = unroll(self.field_maker.planes(unroll(x0[index : index + 1])).float())
        views = person_views(self.people, int(chosen[index]))
        subject = Subject(self.config.objective, views, None, x0.device)
        with torch.autocast(x0.device.type, enabled=False):
            subject.refresh(planes[0].detach(), self.field_maker.decoder, random)
            terms = losses(planes, self.field_maker.decoder, [subject], self.config.objective, random)
        return torch.stack(list(terms.values())).sum()


def load_upsampler(checkpoint: Path) -> tuple[ViewUpsampler, dict[str, Any]]:
    """The averaged network of a run, and its record."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    network = ViewUpsampler(UpsamplerConfig(**state["record"]["network"]))
    network.load_state_dict(state["average"])
    return network.eval().requires_grad_(False), state["record"]
