# SPDX-License-Identifier: GPL-3.0-or-later
"""RodinHD's portrait features: the frozen encoder of a latent diffusion model's autoencoder, at three scales.

SDXL's autoencoder has no licence that lets us ship it; whoever has its weights names their folder.
"""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .unet import PlaneCondition

SCALING = 0.13025
"""Of the latent, as SDXL was trained."""
SCALES = 3
"""Of features, one after each of the first down blocks."""
LOG_VARIANCES = (-30.0, 20.0)


class PortraitVAEError(ValueError):
    """The autoencoder cannot be read; `message` says why and `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class PortraitVAE(nn.Module):
    """What the frozen encoder of an `AutoencoderKL` sees in a portrait."""

    def __init__(self, autoencoder: Any, image_size: int = 256) -> None:
        super().__init__()
        self.encoder, self.quantise = autoencoder.encoder, autoencoder.quant_conv
        self.image_size = image_size
        self.eval().requires_grad_(False)

    @classmethod
    def load(cls, folder: Path, image_size: int = 256) -> "PortraitVAE":
        """Read a folder as diffusers saves it: config.json and weights, or one that has them in `vae/`.

        Raises PortraitVAEError if there is none; nothing is fetched.
        """
        from diffusers import AutoencoderKL

        place = folder / "vae" if (folder / "vae").is_dir() else folder
        try:
            return cls(AutoencoderKL.from_pretrained(place, local_files_only=True), image_size)
        except (OSError, ValueError) as error:
            raise PortraitVAEError(
                f"{place} holds no autoencoder ({str(error).splitlines()[0]})",
                "Name the folder of SDXL's vae as diffusers saves it (config.json, diffusion_pytorch_model).",
            ) from error

    @classmethod
    def untrained(cls, image_size: int = 256) -> "PortraitVAE":
        """SDXL's encoder with random weights: as large and as slow as the real one, for measurements."""
        from diffusers import AutoencoderKL

        return cls(AutoencoderKL(
            in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2, sample_size=1024, scaling_factor=SCALING,
        ), image_size)  # fmt: skip

    @property
    def scales(self) -> tuple[tuple[int, int], ...]:
        """Channels and side of each scale of features, finest first."""
        blocks = self.encoder.down_blocks[:SCALES]
        sides = [self.image_size // 2 ** (k + 1) for k in range(len(blocks))]
        return tuple((block.resnets[-1].conv2.out_channels, side) for block, side in zip(blocks, sides, strict=True))

    @property
    def latent(self) -> tuple[int, int]:
        """Channels and side of the latent."""
        return self.encoder.conv_out.out_channels // 2, self.image_size >> (len(self.encoder.down_blocks) - 1)

    @torch.no_grad()
    def forward(self, portrait: Float[Tensor, "B 3 H W"], random: torch.Generator | None = None) -> PlaneCondition:
        """Features and a latent drawn by `random`, otherwise the mean, of portraits in [-1, 1] on white."""
        size = (self.image_size, self.image_size)
        if portrait.shape[-2:] != size:
            portrait = functional.interpolate(portrait, size, mode="bicubic", align_corners=False, antialias=True)
        hidden = self.encoder.conv_in(portrait)
        features = []
        for index, block in enumerate(self.encoder.down_blocks):
            hidden = block(hidden)
            if index < SCALES:
                features.append(hidden.float())
        hidden = self.encoder.mid_block(hidden)
        hidden = self.encoder.conv_out(self.encoder.conv_act(self.encoder.conv_norm_out(hidden)))
        moments = hidden if self.quantise is None else self.quantise(hidden)
        mean, log_variance = moments.float().chunk(2, 1)
        latent = mean
        if random is not None:
            deviation = (0.5 * log_variance.clamp(*LOG_VARIANCES)).exp()
            # Gaussian: RodinHD's code draws evenly from [0, 1), which moves the mean.
            latent = mean + deviation * torch.randn(mean.shape, generator=random).to(mean.device)
        return PlaneCondition(tuple(features), latent * SCALING)
