# SPDX-License-Identifier: GPL-3.0-or-later
"""Learned sampling: a small picture asked densely, a network that says from it where every pixel should ask.

Trevithick et al. 2024 (WYSIWYG), sections 3.2 and 3.3. All rays of a picture share their bins, so that neighbours can
be compared: bin k reaches from `near + k w` to `near + (k + 1) w` along each of them.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor

from .bins import adaptive_budget, allocate, cells, difficulty, inverse_distribution, levels, place, robust_set, uniform
from .cameras import Rays
from .fields import VolumeField
from .sampling import RaySamples, Span, ask, box_span
from .sdf import laplace_density
from .volume import weights

Mode = Literal["unstratified", "stratified", "robust"]


@runtime_checkable
class ProposalNetwork(Protocol):
    """Says where the pixels of a picture should be asked, from a probe of fewer pixels."""

    bins: int
    """Equal intervals along each ray."""
    factor: int
    """Pixels per pixel of the probe, across and down."""

    def probabilities(
        self,
        weights: Float[Tensor, "B K h w"],
        image: Float[Tensor, "B 3 h w"],
        directions: Float[Tensor, "B 3 h w"],
    ) -> Float[Tensor, "B K H W"]:
        """How probable it is that each bin matters to each pixel; sums to one over the bins."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A small picture with the weights of all bins."""

    weights: Float[Tensor, "1 K h w"]
    """Share of each bin in its pixel's colour."""
    image: Float[Tensor, "1 3 h w"]
    """Colours over white."""
    directions: Float[Tensor, "1 3 h w"]
    """Unit vectors of its rays."""
    sdf: Float[Tensor, "M E"]
    """Distances at the K + 1 borders of the bins, ray by ray; 1 outside the box."""
    queries: int
    """Questions to the field."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """Samples where a trained network expects weight."""

    network: ProposalNetwork
    mode: Mode = "robust"
    """Free draws from the proposal; draws spread evenly over it; or equal shares for its robust set."""
    budget: int = 16
    """Samples per pixel, without the probe."""
    hard_budget: int | None = None
    """Samples for the hardest pixels, robust mode only; None gives all the same."""
    hard_share: float = 0.1
    """Share of the pixels that are the hardest."""
    share: float = 0.98
    """Probability that a robust set holds."""
    whole_image: bool = True

    @torch.no_grad()
    def sample(
        self,
        field: VolumeField,
        rays: Rays,
        span: Span,
        image_shape: tuple[int, int] | None,
        random: torch.Generator | None,
    ) -> RaySamples:
        """Raises ValueError unless the rays are a picture whose sides are multiples of the network's factor."""
        if image_shape is None:
            raise ValueError("a proposal needs the rays of a whole picture; pass image_shape")
        bounds = reach(span)
        probability, asked = proposal(field, rays, image_shape, self.network, bounds)
        return self.placed(probability, span, bounds, random, asked)

    @torch.no_grad()
    def placed(
        self,
        probability: Float[Tensor, "M K"],
        span: Span,
        bounds: tuple[float, float],
        random: torch.Generator | None,
        asked: int = 0,
    ) -> RaySamples:
        """The samples of a proposal that is known, for which the field was `asked` so often; `bounds` are the ends of
        the bins."""
        near, far = bounds
        width = (far - near) / probability.shape[1]
        positions, lengths = self._place(probability, random)
        depths = near + width * positions
        within = (depths >= span.near[:, None]) & (depths <= span.far[:, None]) & (span.far > span.near)[:, None]
        deltas = torch.where(within, width * lengths, 0.0)
        return RaySamples(depths, deltas, asked + int((deltas > 0).sum()))

    def _place(
        self, probability: Float[Tensor, "M K"], random: torch.Generator | None
    ) -> tuple[Float[Tensor, "M S"], Float[Tensor, "M S"]]:
        rays, device = len(probability), probability.device
        if self.mode == "robust":
            budget = torch.full((rays,), self.budget, device=device)
            if self.hard_budget is not None:
                budget = adaptive_budget(difficulty(probability), self.budget, self.hard_budget, self.hard_share)
            return place(allocate(probability, robust_set(probability, self.share), budget), random)
        if self.mode == "stratified" or random is None:
            level = levels(rays, self.budget, random, device)
        else:
            level = uniform(torch.Size((rays, self.budget)), random, device).sort(-1).values
        positions = inverse_distribution(probability, level)
        return positions, cells(positions, torch.ones_like(positions[:, :1]))


@torch.no_grad()
def proposal(
    field: VolumeField,
    rays: Rays,
    image_shape: tuple[int, int],
    network: ProposalNetwork,
    bounds: tuple[float, float],
) -> tuple[Float[Tensor, "M K"], int]:
    """How probable it is that each bin matters to each pixel of a picture, and the questions asked for it."""
    seen = probe(field, rays, image_shape, network, bounds)
    said = network.probabilities(seen.weights, seen.image, seen.directions)
    return rearrange(said, "1 k h w -> (h w) k"), seen.queries


def reach(span: Span) -> tuple[float, float]:
    """Where the first ray of a picture enters the box and the last one leaves it; (0, 1) if all miss."""
    hit = span.far > span.near
    if not bool(hit.any()):
        return 0.0, 1.0
    return float(span.near[hit].min()), float(span.far[hit].max())


@torch.no_grad()
def probe(
    field: VolumeField,
    rays: Rays,
    image_shape: tuple[int, int],
    network: ProposalNetwork,
    bounds: tuple[float, float],
) -> Probe:
    """A picture `factor` times smaller than that of the rays, asked at all borders of the bins."""
    factor, (height, width) = network.factor, image_shape
    if height % factor or width % factor:
        raise ValueError(f"a picture of {height}x{width} cannot be probed by {factor}; use multiples of it")
    # The middle of a block of pixels lies on the mean of its rays.
    shrink = {"a": factor, "b": factor, "h": height // factor, "w": width // factor}
    origins, directions = (
        reduce(part, "(h a w b) c -> (h w) c", "mean", **shrink) for part in (rays.origins, rays.directions)
    )
    small = Rays(origins, directions / directions.norm(dim=-1, keepdim=True))
    edges = torch.linspace(*bounds, network.bins + 1, device=origins.device).expand(len(origins), -1)
    weight, colour, sdf, queries = bin_weights(field, small, edges)
    passing = 1 - weight.sum(-1, keepdim=True)
    into = {"h": height // factor, "w": width // factor}
    picture = "(h w) c -> 1 c h w"
    return Probe(
        rearrange(weight, picture, **into),
        rearrange(colour + passing, picture, **into),
        rearrange(small.directions, picture, **into),
        sdf,
        queries,
    )


@torch.no_grad()
def bin_weights(
    field: VolumeField, rays: Rays, edges: Float[Tensor, "M E"]
) -> tuple[Float[Tensor, "M K"], Float[Tensor, "M 3"], Float[Tensor, "M E"], int]:
    """Share of each bin between ordered borders, the colour, the distances at the borders, and the questions asked.

    A bin's density and colour are the means of those at its two borders.
    """
    span = box_span(rays, field.extent)
    hit = span.far > span.near
    said = ask(field, rays, edges, hit)
    inside = (edges >= span.near[:, None]) & (edges <= span.far[:, None]) & hit[:, None]
    sdf = torch.where(inside, said.sdf.reshape(edges.shape), 1.0)
    density = torch.where(inside, laplace_density(sdf, said.beta.reshape(edges.shape)), 0.0)
    weight = weights((density[:, 1:] + density[:, :-1]) / 2, edges.diff(dim=-1))
    rgb = said.rgb.reshape(*edges.shape, 3)
    colour = (weight[..., None] * (rgb[:, 1:] + rgb[:, :-1]) / 2).sum(1)
    return weight, colour, sdf, int(hit.sum()) * edges.shape[1]
