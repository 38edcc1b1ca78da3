# SPDX-License-Identifier: GPL-3.0-or-later
"""R1b: a 3D-aware convolution carries what one plane holds to the others, a plain one does not."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..geometry.triplane import unroll
from ..models.layers import PlaneConv
from ..models.plane_blocks import PlainConv
from .base import Claim, Outcome, Progress, Settings, plus_minus
from .pictures import grid, heat

SIDE, CHANNELS, SEAM = 32, 16, 2
"""Of the planes; so many columns beside the seams of the roll-out are left out: every convolution reaches across."""
LAYERS: dict[str, Callable[[], torch.nn.Module]] = {
    "plain": lambda: PlainConv(CHANNELS),
    "3D-aware": lambda: PlaneConv(CHANNELS, CHANNELS),
}
CLAIM = Claim(
    id="R1b",
    title="3D-aware convolutions couple the planes",
    source="Rodin (arXiv 2212.06135), section 3.2.",
    published="A convolution on the roll-out treats planes as unrelated; the 3D-aware one sees where they meet.",
    size=None,
    unit="",
    expected="One column of the plane xy is changed: the response on the plane xz, away from the seams, relative to "
    "that on xy, is 0 for a plain convolution and above 0 for the 3D-aware one, along the columns of the same x.",
)


def experiment(settings: Settings, progress: Progress) -> Outcome:
    """One layer with random weights; other weights, input and column for each seed."""
    response: dict[str, list[float]] = {name: [] for name in LAYERS}
    aligned: list[float] = []
    shown: dict[str, np.ndarray] = {}
    for k, seed in enumerate(settings.seeds):
        progress("asking the layers", k / len(settings.seeds))
        column = int(np.random.default_rng(seed).integers(2 * SEAM, SIDE - 2 * SEAM))
        for name, make in LAYERS.items():
            planes = _response(make, seed, column)
            response[name].append(float(planes[1].norm() / planes[0].norm()))
            shown.setdefault(name, _map(planes))
        columns = planes[1].square().sum((0, 1)).sqrt()
        near = columns[column - 1 : column + 2].sum()
        aligned.append(float(near / columns.sum().clamp(min=1e-12)))
    exact, coupled = max(response["plain"]) == 0, min(response["3D-aware"]) > 0
    placed = min(aligned) > 0.99
    why = (
        f"Response on xz over that on xy: plain {plus_minus(response['plain'])}, 3D-aware "
        f"{plus_minus(response['3D-aware'])}; {100 * float(np.mean(aligned)):.0f} % of it lies in the columns of the "
        "same x and their neighbours."
    )
    ours = {"response on xz, 3D-aware": response["3D-aware"], "response on xz, plain": response["plain"]}
    ours |= {"share in the columns of the same x": aligned}
    return Outcome(
        ours=ours, headline="response on xz, 3D-aware", reproduced=exact and coupled and placed, why=why,
        pictures={"Where the planes xy, xz and yz answer (first seed)": grid(
            [[picture] for picture in shown.values()], [" above, ".join(shown) + " below"], side=480)},
    )  # fmt: skip


@torch.no_grad()
def _response(make: Callable[[], torch.nn.Module], seed: int, column: int) -> Tensor:
    """Change of the layer's output [3, C, R, R] when one column of xy changes; 0 beside the seams."""
    torch.manual_seed(seed)
    layer = make()
    image = torch.randn(1, CHANNELS, SIDE, 3 * SIDE)
    changed = image.clone()
    changed[..., column] += torch.randn(1, CHANNELS, SIDE)
    planes = unroll(layer(changed) - layer(image))[0]
    planes[..., :SEAM] = planes[..., SIDE - SEAM :] = 0
    return planes


def _map(planes: Tensor) -> np.ndarray:
    """Strength of the response, planes side by side, padded to a square picture."""
    strength = torch.cat(planes.square().sum(1).sqrt().unbind(0), 1).numpy()
    coloured = heat(strength, max(float(strength.max()), 1e-9))
    rows = coloured.shape[1] - coloured.shape[0]
    return np.pad(coloured, ((rows // 2, rows - rows // 2), (0, 0), (0, 0)), constant_values=1)
