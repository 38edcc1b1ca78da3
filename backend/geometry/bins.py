# SPDX-License-Identifier: GPL-3.0-or-later
"""Where along a ray to ask, given how probable each interval is to matter: pure maths on `K` equal bins.

Trevithick et al. 2024 (WYSIWYG), section 3.3. Positions are in bins: 0 is the near end of the first, K the far end of
the last.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def robust_set(probability: Float[Tensor, "M K"], share: float = 0.98) -> Bool[Tensor, "M K"]:
    """The fewest bins of each ray that hold `share` of its probability."""
    ordered, order = probability.sort(-1, descending=True)
    before = ordered.cumsum(-1) - ordered
    # The last bin taken is the one that reaches the share: what stands before it has not.
    taken = before < share * ordered.sum(-1, keepdim=True)
    return torch.zeros_like(taken).scatter(-1, order, taken)


def allocate(
    probability: Float[Tensor, "M K"], chosen: Bool[Tensor, "M K"], budget: Int[Tensor, " M"]
) -> Int[Tensor, "M K"]:
    """Samples per bin: an equal share for each chosen bin, the remainder one by one to the most probable.

    A budget below the number of chosen bins leaves the least probable of them empty: the estimate is then biased.
    """
    count = chosen.sum(-1, keepdim=True).clamp_min(1)
    ranked = torch.where(chosen, probability, -1.0).argsort(dim=-1, descending=True, stable=True)
    rank = torch.empty_like(ranked).scatter(-1, ranked, torch.arange(ranked.shape[1]).to(ranked).expand_as(ranked))
    extra = rank < budget[:, None] % count
    return torch.where(chosen, budget[:, None] // count + extra, 0)


def place(
    counts: Int[Tensor, "M K"], random: torch.Generator | None
) -> tuple[Float[Tensor, "M S"], Float[Tensor, "M S"]]:
    """Positions in order, each anywhere in its own equal part of its bin (its middle without `random`), and the parts.

    S is the greatest sum over the bins of a ray; rays with fewer end in parts of length 0.
    """
    last = counts.cumsum(-1)
    samples = int(last[:, -1].max()) if len(counts) else 0
    index = torch.arange(samples, device=counts.device).expand(len(counts), samples).contiguous()
    real = index < last[:, -1:]
    bins = torch.searchsorted(last, index, right=True).clamp_max(counts.shape[1] - 1)
    within = counts.gather(1, bins).clamp_min(1)
    first = last.gather(1, bins) - counts.gather(1, bins)
    jitter = uniform(index.shape, random, counts.device)
    position = bins + (index - first + jitter) / within
    return torch.where(real, position, float(counts.shape[1])), torch.where(real, 1 / within, 0.0)


def inverse_distribution(probability: Float[Tensor, "M K"], levels: Float[Tensor, "M S"]) -> Float[Tensor, "M S"]:
    """Positions below which the given shares of the probability lie; the density is constant within a bin."""
    cumulated = probability.cumsum(-1)
    total = cumulated[:, -1:].clamp_min(1e-12)
    wanted = levels * total
    bins = torch.searchsorted(cumulated, wanted.contiguous(), right=True).clamp_max(probability.shape[1] - 1)
    inside = probability.gather(1, bins)
    before = cumulated.gather(1, bins) - inside
    return bins + ((wanted - before) / inside.clamp_min(1e-12)).clamp(0, 1)


def levels(rays: int, samples: int, random: torch.Generator | None, device: torch.device) -> Float[Tensor, "M S"]:
    """One number in each of `samples` equal parts of [0, 1]: anywhere in it, or its middle without `random`."""
    return (torch.arange(samples, device=device) + uniform(torch.Size((rays, samples)), random, device)) / samples


def difficulty(probability: Float[Tensor, "M K"], largest: int = 16) -> Float[Tensor, " M"]:
    """Share of the probability outside the `largest` bins: how spread out a ray is."""
    return 1 - probability.topk(min(largest, probability.shape[1]), -1).values.sum(-1)


def adaptive_budget(
    hardness: Float[Tensor, " M"], easy: int = 16, hard: int = 32, hard_share: float = 0.1
) -> Int[Tensor, " M"]:
    """`hard` samples for the hardest share of the rays, `easy` for the others."""
    budget = torch.full(hardness.shape, easy, device=hardness.device)
    budget[hardness.topk(round(hard_share * len(hardness))).indices] = hard
    return budget


def cells(depths: Float[Tensor, "M S"], widest: Float[Tensor, "M 1"]) -> Float[Tensor, "M S"]:
    """The length that each of some ordered samples stands for: to the middles between neighbours, `widest` at most."""
    half = widest / 2
    gap = torch.minimum(depths.diff(dim=-1) / 2, half)
    return torch.cat([half, gap], -1) + torch.cat([gap, half], -1)


def uniform(shape: torch.Size, random: torch.Generator | None, device: torch.device) -> Float[Tensor, "*shape"]:
    """Numbers in [0, 1), or 0.5 without a generator."""
    if random is None:
        return torch.full(shape, 0.5, device=device)
    return torch.rand(shape, generator=random, device=random.device).to(device)
