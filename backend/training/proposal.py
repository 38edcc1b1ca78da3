# SPDX-License-Identifier: GPL-3.0-or-later
"""Training the proposal network on fields that are done: where 192 samples of a patch's rays find weight.

Trevithick et al. 2024 (WYSIWYG), section 3.2. The paper trains it along with a generator, on one patch of each picture
it makes; here the people are fixed, so patches are asked once and seen several times.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..geometry.cameras import Camera, orbit
from ..geometry.fields import VolumeField
from ..geometry.proposed import Probe, bin_weights, probe, reach
from ..geometry.sampling import box_span
from ..models.proposal import ProposalCNN, ProposalConfig

TURN, TILT = 1.4, 0.35
"""Greatest azimuth and elevation of the cameras, radians."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalTraining:
    """How the network is trained."""

    image: int = 256
    """Side of the pictures that it is to serve, pixels."""
    patch: int = 64
    """Side of a supervised patch, pixels."""
    margin: int = 4
    """Pixels of the probe around a patch that the network sees as well."""
    patches: int = 96
    """Patches that are asked, over all people."""
    steps: int = 300
    """Steps of one patch each."""
    learning_rate: float = 2e-3
    """Peak of Adam's; falls to a fiftieth along a cosine."""
    blur: float = 1.0
    """Standard deviation of the blur of the weights along the ray, bins."""
    floor: float = 5e-3
    """Blurred weights below this are nothing."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch with its surroundings."""

    seen: Probe
    """The probe, margin included."""
    target: Float[Tensor, "K H W"]
    """What the network should say of the patch."""


Progress = Callable[[str, float], None]


def train_proposal(
    fields: Sequence[VolumeField],
    config: ProposalConfig,
    training: ProposalTraining,
    seed: int,
    progress: Progress | None = None,
) -> ProposalCNN:
    """A network that knows where the surfaces of such fields are; the same one for the same arguments."""
    report = progress or (lambda stage, share: None)
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = ProposalCNN(config)
    patches = []
    for index in range(training.patches):
        report("patches for the proposal network", 0.5 * index / training.patches)
        patches.append(draw_patch(fields[index % len(fields)], network, training, random))
    optimiser = torch.optim.Adam(network.parameters(), lr=training.learning_rate)
    for step in range(training.steps):
        report("training the proposal network", 0.5 + 0.5 * step / training.steps)
        for group in optimiser.param_groups:
            group["lr"] = training.learning_rate * (0.51 + 0.49 * math.cos(math.pi * step / training.steps))
        chosen = patches[int(torch.randint(len(patches), (), generator=random))]
        loss = sampler_loss(_inner(network, chosen.seen, training), chosen.target)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return network.eval().requires_grad_(False)


def draw_patch(field: VolumeField, network: ProposalCNN, training: ProposalTraining, random: torch.Generator) -> Patch:
    """One patch of a random view, on the person in at least a few pixels if one of eight tries is."""
    azimuth, elevation = ((torch.rand(2, generator=random) * 2 - 1) * torch.tensor([TURN, TILT])).tolist()
    camera = orbit(azimuth, elevation)
    bounds = reach(box_span(camera.rays(training.image, training.image), field.extent))
    steps = (training.image - training.patch) // network.factor
    for _ in range(8):
        top, left = (torch.randint(steps + 1, (2,), generator=random) * network.factor).tolist()
        patch = _target(field, camera, training, network.bins, bounds, (top, left))
        if float(patch.sum(0).mean()) > 0.1:
            break
    margin = training.margin * network.factor
    side = training.patch + 2 * margin
    around = cropped(camera, training.image, top - margin, left - margin, side)
    return Patch(probe(field, around.rays(side, side), (side, side), network, bounds), patch)


def cropped(camera: Camera, image: int, top: int, left: int, side: int) -> Camera:
    """The camera of a square part of a camera's picture of `image` pixels; the part may reach beyond it."""
    shift = torch.eye(3)
    shift[0, 0] = shift[1, 1] = image / side
    shift[0, 2], shift[1, 2] = -left / side, -top / side
    return Camera(camera.cam_to_world, shift @ camera.intrinsics)


def proposal_target(weights: Float[Tensor, "M K"], blur: float = 1.0, floor: float = 5e-3) -> Float[Tensor, "M K"]:
    """Weights blurred along the ray, without what is next to nothing, as a distribution; 0 where nothing was met."""
    radius = math.ceil(3 * blur)
    offsets = torch.arange(-radius, radius + 1, device=weights.device)
    kernel = torch.exp(-0.5 * (offsets / blur) ** 2)
    blurred = functional.conv1d(weights[:, None], (kernel / kernel.sum())[None, None], padding=radius)[:, 0]
    kept = torch.where(blurred < floor, 0.0, blurred)
    return kept / kept.sum(-1, keepdim=True).clamp_min(1e-9)


def sampler_loss(log_probability: Float[Tensor, "K H W"], target: Float[Tensor, "K H W"]) -> Float[Tensor, ""]:
    """Cross entropy of the proposal, mean over the pixels that met something."""
    met = target.sum(0)
    return -(target * log_probability).sum() / met.sum().clamp_min(1)


def _inner(network: ProposalCNN, seen: Probe, training: ProposalTraining) -> Float[Tensor, "K H W"]:
    margin = training.margin * network.factor
    said = network(seen.weights, seen.image, seen.directions)[0]
    return said[:, margin : margin + training.patch, margin : margin + training.patch]


def _target(
    field: VolumeField,
    camera: Camera,
    training: ProposalTraining,
    bins: int,
    bounds: tuple[float, float],
    corner: tuple[int, int],
) -> Float[Tensor, "K H W"]:
    side = training.patch
    rays = cropped(camera, training.image, *corner, side).rays(side, side)
    edges = torch.linspace(*bounds, bins + 1).expand(side * side, -1)
    weight, *_ = bin_weights(field, rays, edges)
    return rearrange(proposal_target(weight, training.blur, training.floor), "(h w) k -> k h w", h=side)
