# SPDX-License-Identifier: GPL-3.0-or-later
"""The best linear denoiser of a Gaussian with known principal components, and a small network that corrects it.

Aligned heads vary mostly along a hundred directions. Denoising those exactly as for a Gaussian is a good answer
before any training, and a small network can move it towards the portrait; the convolutional network adds the rest.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class PrincipalPath(nn.Module):
    """x0 from noisy x = sqrt(1 - sigma²) x0 + sigma noise, for data of mean zero."""

    basis: Tensor
    variance: Tensor
    rest: Tensor

    def __init__(self, components: int, size: int, embedding: int, width: int) -> None:
        super().__init__()
        self.register_buffer("basis", torch.zeros(components, size))
        self.register_buffer("variance", torch.ones(components))
        self.register_buffer("rest", torch.ones(()))
        self.enter = nn.Linear(components + embedding, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(2)
        )
        self.out = nn.Linear(width, components)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    @torch.no_grad()
    def learn(self, data: Float[Tensor, "N D"]) -> float:
        """Set the components from data of mean zero; returns the share of variance that they hold."""
        count, size = data.shape
        spectrum, rows = torch.linalg.eigh(data @ data.T / count)
        spectrum, rows = spectrum.flip(0), rows.flip(1)
        components = len(self.variance)
        vectors = rows[:, :components].T @ data
        self.basis.copy_(vectors / vectors.norm(dim=1, keepdim=True))
        self.variance.copy_(spectrum[:components])
        self.rest.copy_(spectrum[components:].sum() / size)
        return float(spectrum[:components].sum() / spectrum.sum())

    def forward(
        self,
        x: Float[Tensor, "B D"],
        sigma: Float[Tensor, "B 1"],
        embedding: Float[Tensor, "B E"],
        expected: Float[Tensor, "B K"],
        doubt: Float[Tensor, "B K"],
        beyond: Float[Tensor, "B D"] | None = None,
    ) -> Float[Tensor, "B D"]:
        """`expected` are the components that the condition suggests, in deviations; `doubt` is the share of their
        variance that it leaves open: 0 and 1 where there is no condition. `beyond` is what it suggests that the
        components do not hold."""
        alpha = (1 - sigma.square()).clamp(min=0).sqrt()
        noisy = x @ self.basis.T
        prior, variance = expected * self.variance.sqrt(), doubt * self.variance
        spread = alpha.square() * variance + sigma.square()
        news = noisy - alpha * prior
        hidden = self.enter(torch.cat([news / spread.sqrt(), embedding], 1))
        for block in self.blocks:
            hidden = hidden + block(hidden)
        # Posterior mean and deviation of a Gaussian; the network moves the mean by so many deviations.
        mean, deviation = prior + alpha * variance / spread * news, sigma * (variance / spread).sqrt()
        known = (mean + deviation * self.out(hidden) - self._gain(alpha, sigma) * noisy) @ self.basis
        known = known + self._gain(alpha, sigma) * x
        return known if beyond is None else known + (1 - alpha * self._gain(alpha, sigma)) * beyond

    def split(self, data: Float[Tensor, "B D"]) -> tuple[Float[Tensor, "B K"], Float[Tensor, "B D"]]:
        """Components of data, in their deviations, and what they do not hold."""
        inside = data @ self.basis.T
        return inside / self.variance.sqrt(), data - inside @ self.basis

    def coordinates(self, data: Float[Tensor, "N D"]) -> Float[Tensor, "N K"]:
        """Components of data, in their deviations."""
        return data @ self.basis.T / self.variance.sqrt()

    def _gain(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Wiener filter of what the components do not hold."""
        return alpha * self.rest / (alpha.square() * self.rest + sigma.square())


def shown(
    principal: PrincipalPath, components: Float[Tensor, "B K"], front: Float[Tensor, "B L R R"]
) -> Float[Tensor, "B L R W"]:
    """The latent that components, in their deviations, and an addition to the plane xy stand for."""
    side = front.shape[-1]
    flat = (components.float() * principal.variance.sqrt()) @ principal.basis
    return flat.view(len(front), -1, side, 3 * side) + functional.pad(front.float(), (0, 2 * side))
