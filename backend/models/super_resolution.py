# SPDX-License-Identifier: GPL-3.0-or-later
"""EG3D's two blocks that turn a small rendered feature picture into a large one (Chan et al. 2022, section 4.4).

Pictures only: what the blocks paint is not in the volume, so avatars never use them.
"""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .stylegan import Block, Noise

Kind = Literal["8XDC", "8X", "4X", "2X", "Deepfp32"]
_KINDS: dict[Kind, tuple[int, int, tuple[int, int], bool]] = {
    "8XDC": (128, 512, (256, 128), True),
    "8X": (128, 512, (128, 64), True),
    "4X": (128, 256, (128, 64), False),
    "2X": (64, 128, (128, 64), False),
    "Deepfp32": (128, 256, (128, 64), False),
}
"""Kind -> side in, side out, channels of the blocks, whether the first block doubles the side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuperResolutionConfig:
    """Which of the published kinds."""

    kind: Kind
    channels: int = 32
    """Features of the rendered picture."""
    w: int = 512
    clamp: float | None = 256.0
    antialias: bool = True
    """How the rendered picture is brought to the side that the blocks take."""

    @property
    def side(self) -> int:
        """That the blocks take."""
        return _KINDS[self.kind][0]


class SuperResolution(nn.Module):
    """Rendered colours and features to a picture of the full side."""

    def __init__(self, config: SuperResolutionConfig) -> None:
        super().__init__()
        self.config = config
        _, out, (first, second), doubles = _KINDS[config.kind]
        self.block0 = Block(config.channels, first, 3, config.w, out // 2, up=doubles, clamp=config.clamp)
        self.block1 = Block(first, second, 3, config.w, out, up=True, clamp=config.clamp)

    def forward(
        self,
        rgb: Float[Tensor, "B 3 H W"],
        features: Float[Tensor, "B C H W"],
        w: Float[Tensor, "B V"],
        noise: Noise = "none",
    ) -> Float[Tensor, "B 3 G U"]:
        """Colours in [-1, 1]; `w` is the last style."""
        side = self.config.side
        # The 256-pixel kinds leave larger pictures as they are, the others always resize.
        keeps = self.config.kind in ("4X", "Deepfp32")
        if features.shape[-1] < side or (features.shape[-1] != side and not keeps):
            rgb, features = self._resized(rgb), self._resized(features)
        styles = w[:, None].expand(-1, 3, -1)
        x, image = self.block0(features, rgb, styles, noise)
        return self.block1(x, image, styles, noise)[1]

    def _resized(self, picture: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C S T"]:
        side = self.config.side
        smooth = self.config.antialias and self.config.kind != "Deepfp32"
        return functional.interpolate(picture, (side, side), mode="bilinear", align_corners=False, antialias=smooth)
