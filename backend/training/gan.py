# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning to make heads from single pictures of many: an SDF generator against a discriminator that knows the camera.

Trevithick et al. 2024 (WYSIWYG), section 3.4: no eikonal term; the width of the surface is led down, free space is kept
away from the surface's value, and the proposal network learns along. Weights that the paper leaves open are ours.
"""

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from ..geometry.cameras import Camera, orbit
from ..models.discriminator import Discriminator, DiscriminatorConfig, r1_penalty
from ..models.portrait_encoder import PortraitEncoder
from ..models.proposal import ProposalCNN, ProposalConfig
from ..models.sdf_gan import SdfGan, SdfGanConfig, camera_label
from ..models.stylegan import Dense
from ..weights.sdf_gan import SdfGanFileConfig, TrainedSdfGan
from .adaptive import Adaptive
from .gan_codes import subject_codes
from .gan_rendering import GanRendering, Shot, shoot, spread_points
from .gan_schedule import GanSchedule
from .gan_shared import smoothed
from .gan_views import PictureSource
from .gan_warm import Patch, WarmStart, draw_patch, draw_views, outline_error, render_patches, shown_again
from .losses import beta_loss, decision_boundary_loss
from .turns import Group, Turn

SHEET_PEOPLE, SHEET_TURNS, SHEET_TRUNCATION = 8, (0.0, 0.7, 2.4), 0.7
W_DECAY = 0.998
"""Of the mean style, a step (Karras et al. 2019)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GanStageConfig:
    """How a generator is learned."""

    batch: int = 32
    rendering: GanRendering = field(default_factory=GanRendering)
    schedule: GanSchedule = field(default_factory=GanSchedule)
    surface_weight: float = 0.05
    """Of the rendered width of the surface, in squares of the wanted one."""
    boundary_weight: float = 0.1
    """Of keeping free space free."""
    boundary_steepness: float = 2.0
    """How fast that stops to matter with distance; the published value, distances being bounded by nothing."""
    sampler_weight: float = 1.0
    r1_every: int = 16
    """Steps between two gradient penalties, each counted as often (Karras et al. 2020)."""
    head_rate: float = 0.2
    """Learning rate of the point heads over the synthesis's, whose weights are scaled at run time and thus far larger;
    the colour head's is multiplied by the schedule's besides."""
    proposal_rate: float = 0.4
    """The same of the proposal network."""
    shared_rate: float = 4.0
    """The same of planes that all people share: no weights stand between them and the picture."""
    settle: float = 1.0
    """Share of the run from which the generator's rates fall, along a cosine, to a tenth: steps of Adam are as large
    for noise as for signals, and what they leave shows in normals first."""
    judge_rate: float = 0.8
    """Learning rate of the discriminator over the generator's."""
    pose_swap: float = 0.5
    """Probability at the end of the run that a generator which is told cameras is told another than it is seen by; 1 at
    its start, falling over its first tenth."""
    adapt_to: float | None = 0.6
    """Mean sign of the discriminator on real pictures from which augmentation begins; None: no augmentation."""
    adapt_within: float = 500_000
    """Pictures within which augmentation can reach its full strength."""
    warm: WarmStart | None = None
    """A first phase in which pictures are shown again from codes of who is in them; None: none."""


class GanStage:
    """Learns from pictures with cameras; two optimisers, one step each."""

    name = "gan"

    def __init__(
        self,
        views: PictureSource,
        generator: SdfGanConfig,
        discriminator: DiscriminatorConfig,
        proposal: ProposalConfig,
        config: GanStageConfig,
        eye: PortraitEncoder | None = None,
    ) -> None:
        """`eye` is the frozen encoder that a warm start takes codes from and compares by."""
        if views.channels != discriminator.channels or views.side % discriminator.side:
            raise ValueError(
                f"pictures of {views.channels} channels and {views.side} pixels cannot be judged by a discriminator of "
                f"{discriminator.channels} and {discriminator.side}"
            )
        if config.warm is not None and eye is None:
            raise ValueError("a warm start needs the encoder that codes come from; pass eye")
        self.views, self.config, self.side = views, config, discriminator.side
        self.generator, self.discriminator = SdfGan(generator), Discriminator(discriminator)
        self.proposal = ProposalCNN(proposal)
        self.adaptive = Adaptive(config.adapt_to, config.adapt_within)
        self.makers = nn.ModuleDict({"generator": self.generator, "proposal": self.proposal})
        self.network = nn.ModuleDict(
            {"makers": self.makers, "discriminator": self.discriminator, "adaptive": self.adaptive}
        )
        self.network.register_buffer("judged", torch.zeros([], dtype=torch.long))
        self.progress = 0.0
        self.eye = None if eye is None else eye.eval().requires_grad_(False)
        self.codes: Tensor | None = None
        """Of all subjects of the pictures, where there is a warm start."""
        if config.warm is not None and eye is not None:
            found = subject_codes(views, eye, generator.mapping.z)
            self.codes = found.z
            with torch.no_grad():  # styles begin with what tells people apart the most
                cast(Dense, self.generator.mapping.layers[0]).weight[:, : generator.mapping.z] *= found.weight
        self.turns = (self._makers_turn(), self._judge_turn())

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """What the generator and its proposal network are told; the discriminator has a turn of its own."""
        config, warm = self.config, self.config.warm
        if warm is not None and self.progress < warm.until:
            return self._shown_again(warm, random)
        again: dict[str, Tensor] = {}
        if warm is not None and int(self.network.get_buffer("judged")) % warm.keep_every == 0:
            again = {name: warm.keep * warm.keep_every * loss for name, loss in self._shown_again(warm, random).items()}
        device = self.generator.synthesis.blocks[0].const.device
        cameras = self.views.cameras(config.batch, random)
        planes = self._planes(cameras, random)
        shots, boundary = [], []
        for index in range(config.batch):
            volume = self.generator.volume(planes[index : index + 1], cameras[index], config.rendering.recompute)
            shots.append(self._shoot(volume, cameras[index], random, learn=True))
            points = spread_points(cameras[index], config.rendering.boundary_points, volume.extent, random, device)
            boundary.append(decision_boundary_loss(volume.sdf(points), config.boundary_steepness))
        said = self.discriminator(self.adaptive(self._shown(shots), random), camera_label(cameras).to(device))
        wanted = config.schedule.beta.target(self.progress)
        surface = torch.stack([beta_loss(shot.view.beta, shot.view.alpha, wanted) for shot in shots]).mean()
        losses = {
            "deceived": functional.softplus(-said.float()).mean(),
            "surface": config.surface_weight * surface,
            "boundary": config.boundary_weight * torch.stack(boundary).mean(),
        }
        if taught := [shot.sampler for shot in shots if shot.sampler is not None]:
            losses["sampler"] = config.sampler_weight * torch.stack(taught).mean()
        for name, loss in again.items():
            losses[name] = losses[name] + loss if name in losses else loss
        return losses

    def _shown_again(self, warm: WarmStart, random: torch.Generator) -> dict[str, Tensor]:
        """The errors of pictures of some subjects, made from their codes."""
        assert self.codes is not None
        config, device = self.config, self.generator.mapping.mean.device
        warm = warm.at(self.progress)
        subjects = torch.randint(len(self.codes), (warm.people,), generator=random)
        drawn = [self._patches(int(subject), warm, random) for subject in subjects]
        label = None
        if self.generator.config.mapping.labels:
            label = torch.cat([camera_label(cameras[:1]) for _, cameras in drawn]).to(device)
        planes = self._from_latents(self.codes[subjects].to(device), label)
        made, real, surface, boundary, outline = [], [], [], [], []
        wanted = config.schedule.beta.target(self.progress)
        with torch.autocast(device.type, enabled=False):
            for index, (patches, cameras) in enumerate(drawn):
                volume = self.generator.volume(planes[index : index + 1], cameras[0], config.rendering.recompute)
                pictures, view = render_patches(volume, patches, warm.sampler, random)
                made.append(pictures)
                real.append(torch.stack([patch.picture for patch in patches]).to(device))
                if self.views.channels == 4:
                    outline.append(outline_error(view, real[-1][:, 3].reshape(-1)))
                surface.append(beta_loss(view.beta, view.alpha, wanted))
                points = spread_points(cameras[0], config.rendering.boundary_points, volume.extent, random, device)
                boundary.append(decision_boundary_loss(volume.sdf(points), config.boundary_steepness))
        losses = shown_again(torch.cat(made), torch.cat(real), self.eye, warm)
        if outline:
            losses["outline"] = warm.outline_weight * torch.stack(outline).mean()
        return losses | {
            "surface": config.surface_weight * torch.stack(surface).mean(),
            "boundary": config.boundary_weight * torch.stack(boundary).mean(),
        }

    def _patches(self, subject: int, warm: WarmStart, random: torch.Generator) -> tuple[list[Patch], Camera]:
        rows = draw_views(self.views, subject, warm, random)
        pictures, cameras = self.views.look(rows)
        each = zip(pictures, (cameras[k] for k in range(len(rows))), strict=True)
        return [draw_patch(picture, camera, warm, random) for picture, camera in each], cameras

    def judge(self, random: torch.Generator) -> dict[str, Tensor]:
        """What the discriminator is told: real from generated, and now and then the gradient penalty.

        The penalty is taken where it looks, behind the augmentation.
        """
        config = self.config
        cameras = self.views.cameras(config.batch, random)
        with torch.no_grad():
            planes = self._planes(cameras, random)
            shots = [
                self._shoot(self.generator.volume(planes[k : k + 1], cameras[k]), cameras[k], random, learn=False)
                for k in range(config.batch)
            ]
            made = self.adaptive(self._shown(shots), random)
            real, real_cameras = self.views.draw(config.batch, random)
            real = self.adaptive(self._as_rendered(real.to(made.device), shots[0].picture.shape[-1]), random)
        label, real_label = (camera_label(each).to(made.device) for each in (cameras, real_cameras))
        said = self.discriminator(made, label).float()
        penalised = int(self.network.get_buffer("judged")) % config.r1_every == 0
        said_real = self.discriminator(real, real_label).float()
        self.adaptive.observe(said_real)
        losses = {"fake": functional.softplus(said).mean(), "real": functional.softplus(-said_real).mean()}
        if penalised:
            with torch.autocast(real.device.type, enabled=False):
                seen = real.float().requires_grad_(True)
                penalty = r1_penalty(self.discriminator(seen, real_label), seen)
            gamma = config.schedule.phase(self.progress).r1
            losses["penalty"] = penalty * (gamma / 2 * config.r1_every)
        self.network.get_buffer("judged").add_(1)
        return losses

    @torch.no_grad()
    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """People of the averaged generator from three sides: colours above, normals below."""
        from .gan_sheet import draw_people

        config = self.generator.config
        generator = SdfGan(config)
        generator.load_state_dict(part(average_weights, "makers.generator."))
        if generator.shared is not None:
            generator.shared.copy_(smoothed(generator.shared))
        device = next(iter(average_weights.values())).device
        generator.to(device)
        z = torch.randn(SHEET_PEOPLE, config.mapping.z, generator=torch.Generator().manual_seed(0)).to(device)
        cameras = [orbit(turn, 0.05) for turn in SHEET_TURNS]
        label = camera_label(cameras[0]).expand(len(z), -1).to(device) if config.mapping.labels else None
        planes = generator.eval().planes(generator.styles(z, label, SHEET_TRUNCATION))
        side, sampler = min(self.side, 128), self.config.rendering.sampler()
        picture = draw_people([generator.volume(own[None]) for own in planes], cameras, side, sampler)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)

    @torch.no_grad()
    def picture(self, random: torch.Generator) -> Shot:
        """One person at the full side, asked where the proposal network says: the last phase's render, whatever phase
        it is."""
        cameras = self.views.cameras(1, random)
        volume = self.generator.volume(self._planes(cameras, random), cameras[0])
        with torch.autocast(volume.device.type, enabled=False):
            return shoot(volume, cameras[0], self.side, self.side, self.proposal, self.config.rendering,
                         random, propose=True)  # fmt: skip

    def record(self) -> dict[str, Any]:
        """The configurations."""
        model = SdfGanFileConfig(
            self.generator.config, self.proposal.config, self.side, self.progress >= self.config.schedule.propose
        )
        return {"model": model.to_json(), "discriminator": asdict(self.discriminator.config),
                "pictures": len(self.views)}  # fmt: skip

    def _makers_turn(self) -> Turn:
        heads, config = self.generator.heads, self.config
        styled = (self.generator.mapping, self.generator.synthesis, self.generator.doubling)

        def rate() -> float:
            late = max(0.0, self.progress - config.settle) / max(1 - config.settle, 1e-6)
            left = 0.55 + 0.45 * math.cos(math.pi * min(late, 1.0))
            return left * (config.warm.gentle if config.warm is not None and self.progress >= config.warm.until else 1)

        def colour_rate() -> float:
            return rate() * config.head_rate * config.schedule.phase(self.progress).colour_rate

        groups = (
            Group(tuple(parameter for network in styled for parameter in network.parameters()), rate),
            Group(tuple(heads.shape_parameters()), lambda: rate() * config.head_rate),
            Group(tuple(heads.colour_parameters()), colour_rate),
            Group(tuple(self.proposal.parameters()), lambda: config.proposal_rate),
        )
        if self.generator.shared is not None:
            groups = (*groups, Group((self.generator.shared,), lambda: rate() * config.shared_rate))
        # Without opponents there is momentum to be had.
        betas = (0.0, 0.99) if config.warm is None else (0.5, 0.99)
        return Turn(self.makers, self.losses, groups, betas, 0.0)

    def _judge_turn(self) -> Turn:
        group = Group(tuple(self.discriminator.parameters()), lambda: self.config.judge_rate)
        due = lambda: self.config.warm is None or self.progress >= self.config.warm.judge_from  # noqa: E731
        return Turn(self.discriminator, self.judge, (group,), (0.0, 0.99), 0.0, due)

    def _planes(self, cameras: Camera, random: torch.Generator) -> Float[Tensor, "B 3 C R R"]:
        """Planes of new people, who may know the cameras that they are seen by."""
        mapping = self.generator.mapping
        device = mapping.mean.device
        count = len(cameras.cam_to_world)
        z = torch.randn(count, mapping.config.z, generator=random).to(device)
        label = None
        if mapping.config.labels:
            swap = 1 - (1 - self.config.pose_swap) * min(10 * self.progress, 1.0)
            own = torch.rand(count, generator=random) >= swap
            label = camera_label(cameras)
            label = torch.where(own[:, None], label, label[torch.randperm(count, generator=random)]).to(device)
        return self._from_latents(z, label)

    def _from_latents(self, z: Float[Tensor, "B Z"], label: Float[Tensor, "B L"] | None) -> Float[Tensor, "B 3 C R R"]:
        """Planes, in full precision; with gradients, the mean style follows."""
        mapping = self.generator.mapping
        styles = self.generator.styles(z, label)
        if torch.is_grad_enabled():
            with torch.no_grad():
                mapping.mean.lerp_(styles[:, 0].mean(0).to(mapping.mean), 1 - W_DECAY)
        planes = self.generator.planes(styles).float()
        shared = self.generator.shared
        return planes if shared is None else planes + (smoothed(shared) - shared)

    def _shoot(self, volume: Any, camera: Camera, random: torch.Generator, learn: bool) -> Shot:
        schedule, full = self.config.schedule, self.side
        propose = self.progress >= schedule.propose
        side = schedule.side(self.progress, full, 4)
        # Half precision is far too coarse for places and distances.
        with torch.autocast(volume.device.type, enabled=False):
            return shoot(
                volume, camera, side, full, self.proposal, self.config.rendering, random,
                propose=propose, supervise=learn and self.progress >= schedule.supervise,
            )  # fmt: skip

    def _shown(self, shots: list[Shot]) -> Float[Tensor, "B C S S"]:
        """Renders as the discriminator sees them: of the full side, in [-1, 1]."""
        pictures = torch.stack([shot.picture for shot in shots])[:, : self.views.channels]
        return _enlarged(pictures, self.side) * 2 - 1

    def _as_rendered(self, pictures: Float[Tensor, "B C S S"], side: int) -> Float[Tensor, "B C S S"]:
        """Real pictures as coarse as renders of a side."""
        return _enlarged(functional.interpolate(pictures, (side, side), mode="area"), self.side)


def trained_gan(checkpoint: Path) -> TrainedSdfGan:
    """The averaged networks of a run, ready to use."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    model = TrainedSdfGan.build(SdfGanFileConfig.from_json(state["record"]["model"]))
    model.generator.load_state_dict(part(state["average"], "makers.generator."))
    model.proposal.load_state_dict(part(state["average"], "makers.proposal."))
    if model.generator.shared is not None:
        model.generator.shared.copy_(smoothed(model.generator.shared))
    return model


def part(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The weights under a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def _enlarged(pictures: Float[Tensor, "B C s s"], side: int) -> Float[Tensor, "B C S S"]:
    if pictures.shape[-1] == side:
        return pictures
    return functional.interpolate(pictures, (side, side), mode="bilinear", align_corners=False)
