# SPDX-License-Identifier: GPL-3.0-or-later
"""Triplane lookup, with gradients, or with the decoder behind it: compiled on a CPU, torch elsewhere.

Numba compiles the kernels at their first call (seconds, then kept on disk), so nobody needs a compiler. They work on as
many threads as torch uses, and evaluate the decoder of a point while its features are in the first-level cache. Other
devices, number types and gradients in the points take the plain twins, to which tests hold the kernels.
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

if TYPE_CHECKING:
    from .kernels import Layers

AXES = ((0, 1), (0, 2), (1, 2))
"""World axes along (columns, rows) of the planes xy, xz, yz. Rows and columns grow with their axis."""
TILE = 2048
"""Points that a thread takes at a time; far below 16k, so that results stay in its cache."""


@runtime_checkable
class LayeredDecoder(Protocol):
    """Three linear layers, ReLU between them; raw outputs are distance / TRUNCATION, colour logits, and maybe beta."""

    def layers(self) -> tuple[torch.nn.Linear, torch.nn.Linear, torch.nn.Linear]:
        """The layers in their order."""

    def read(self, out: Float[Tensor, "*B O"]) -> Any:
        """A `fields.PointValues` from all raw outputs."""


def lookup(planes: Float[Tensor, "B 3 C R R"], points: Float[Tensor, "B N 3"]) -> Float[Tensor, "B N C"]:
    """Features at points, summed over the planes xy, xz and yz; beyond the box the border value holds.

    Bilinear, pixel centres inside the border. Gradients reach the planes, and, on the plain path, the points.
    """
    compiled = planes.device.type == "cpu" and planes.dtype == points.dtype == torch.float32 and planes.shape[-1] > 1
    if not compiled or (torch.is_grad_enabled() and points.requires_grad):
        return lookup_plain(planes, points)
    return _Lookup.apply(planes, points)


def lookup_plain(planes: Float[Tensor, "B 3 C R R"], points: Float[Tensor, "B N 3"]) -> Float[Tensor, "B N C"]:
    """`lookup` by grid_sample: the twin, and what other devices use."""
    batch, _, channels, side, _ = planes.shape
    grid = torch.stack([points[..., list(axes)] for axes in AXES], 1).reshape(batch * 3, 1, -1, 2)
    flat = channels_last(planes).reshape(batch * 3, channels, side, side)
    looked_up = functional.grid_sample(flat, grid.to(flat.dtype), padding_mode="border", align_corners=False)
    return looked_up.reshape(batch, 3, channels, -1).sum(1).transpose(1, 2)


def channels_last(planes: Float[Tensor, "B 3 C R R"]) -> Float[Tensor, "B 3 C R R"]:
    """The same planes, stored so that one texel is one cache line: 2.6-3 times faster to look up on a CPU."""
    batch, _, channels, side, _ = planes.shape
    flat = planes.reshape(batch * 3, channels, side, side).contiguous(memory_format=torch.channels_last)
    return flat.reshape(batch, 3, channels, side, side)


@dataclass(frozen=True, slots=True)
class Kernel:
    """Planes and decoder of one avatar as the compiled code takes them."""

    planes: Float[np.ndarray, "3 R R C"]
    """Shares the memory of torch planes that are stored channels last."""
    layers: "Layers"

    def __call__(self, points: Float[Tensor, "N 3"], outputs: int | None = None) -> Float[Tensor, "N O"]:
        """The first raw outputs (all unless told) of the decoder; see `outputs_plain`."""
        from .compiled import share
        from .kernels import outputs_at

        places = points.detach().float().contiguous().numpy()
        out = np.empty((len(places), outputs or len(self.layers.out)), np.float32)
        share(len(places), TILE, partial(outputs_at, self.planes, self.layers, places, out))
        return torch.from_numpy(out)


def pack(planes: Float[Tensor, "1 3 C R R"], decoder: Any) -> Kernel | None:
    """The kernel of planes and decoder, or None where only torch can answer: another device or form of decoder."""
    if planes.device.type != "cpu" or planes.shape[-1] < 2 or not isinstance(decoder, LayeredDecoder):
        return None
    from .kernels import Layers
    from .vectors import LANES, OUTPUTS

    texels = channels_last(planes.detach())[0].float().permute(0, 2, 3, 1)
    first, second, out = decoder.layers()
    parts = (
        _padded(_padded(first.weight, 0, OUTPUTS), 1, LANES).t(),
        _padded(first.bias, 0, OUTPUTS),
        _padded(_padded(second.weight, 0, OUTPUTS), 1, OUTPUTS).t(),
        _padded(second.bias, 0, OUTPUTS),
        _padded(out.weight, 1, OUTPUTS),
        out.bias,
    )
    arrays = [part.detach().float().contiguous().numpy() for part in parts]
    return Kernel(_padded(texels, 3, LANES).contiguous().numpy(), Layers(*arrays))


def outputs_plain(
    planes: Float[Tensor, "1 3 C R R"], decoder: LayeredDecoder, points: Float[Tensor, "N 3"]
) -> Float[Tensor, "N O"]:
    """Raw outputs of the decoder at points: the twin of `Kernel`."""
    first, second, out = decoder.layers()
    return out(functional.relu(second(functional.relu(first(lookup_plain(planes, points[None])[0])))))


class _Lookup(torch.autograd.Function):
    """`lookup` on a CPU."""

    @staticmethod
    def forward(ctx: Any, planes: Tensor, points: Tensor) -> Tensor:
        from .compiled import share
        from .kernels import features_at
        from .vectors import LANES

        batch, _, channels, _, _ = planes.shape
        texels = _padded(channels_last(planes.detach()).permute(0, 1, 3, 4, 2), 4, LANES).contiguous().numpy()
        places = points.detach().contiguous().numpy()
        out = np.empty((*places.shape[:2], texels.shape[-1]), np.float32)
        for person in range(batch):
            share(places.shape[1], TILE, partial(features_at, texels[person], places[person], out[person]))
        ctx.save_for_backward(points)
        ctx.shape, ctx.contiguous = planes.shape, planes.is_contiguous()
        return torch.from_numpy(out)[..., :channels]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        from .compiled import share
        from .kernels import scatter

        (points,) = ctx.saved_tensors
        batch, _, channels, side, _ = ctx.shape
        places, upward = points.detach().contiguous().numpy(), grads[0].detach().contiguous().numpy()
        out = np.zeros((batch, 3, side, side, channels), np.float32)

        def work(first: int, last: int) -> None:
            for k in range(first, last):  # one plane of one person: nobody else writes there
                scatter(places[k // 3], upward[k // 3], k % 3, out[k // 3, k % 3])

        share(3 * batch, 1, work)
        grad = torch.from_numpy(out).permute(0, 1, 4, 2, 3)
        return grad.contiguous() if ctx.contiguous else grad, None


def _padded(values: Tensor, dim: int, multiple: int) -> Tensor:
    missing = -values.shape[dim] % multiple
    if not missing:
        return values
    shape = list(values.shape)
    shape[dim] = missing
    return torch.cat([values, values.new_zeros(shape)], dim)
