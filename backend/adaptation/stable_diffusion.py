# SPDX-License-Identifier: GPL-3.0-or-later
"""Stable Diffusion 1.5 or 2.1 as a picture prior, through diffusers, from files that are already here.

A folder in the published format (`model_index.json` with its parts), or one of the repositories in the local cache.
Nothing is ever downloaded. Models that predict velocities (2.1 at 768 pixels) and those that predict noise are told
apart by their scheduler's configuration.
"""

import hashlib
import logging
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .errors import AdaptationError
from .prior import PriorPlace

CACHED = (
    "stabilityai/stable-diffusion-2-1-base",
    "stabilityai/stable-diffusion-2-1",
    "stable-diffusion-v1-5/stable-diffusion-v1-5",
)
"""Repositories looked for in the local cache; first come, first taken."""
FORMAT_HINT = "Give a folder as diffusers saves it: model_index.json, unet, vae, text_encoder, tokenizer, scheduler."

log = logging.getLogger(__name__)


class StableDiffusion:
    """Latent diffusion; encoding is differentiable, everything else is not."""

    name = "stable-diffusion"

    def __init__(self, pipeline: Any, fingerprint: str) -> None:
        """The pipeline is diffusers' StableDiffusionPipeline, its parts on one device and without gradients."""
        self.pipeline, self.fingerprint = pipeline, fingerprint
        scheduler = pipeline.scheduler
        self.velocity = scheduler.config.prediction_type == "v_prediction"
        if scheduler.config.prediction_type not in ("epsilon", "v_prediction"):
            raise AdaptationError(
                f"the model predicts {scheduler.config.prediction_type}, which is neither noise nor velocity",
                "Take Stable Diffusion 1.5 or 2.1.",
            )
        self.device: torch.device = pipeline.unet.device
        self.dtype: torch.dtype = pipeline.unet.dtype
        self.alphas_cumprod: Tensor = scheduler.alphas_cumprod.to(self.device, torch.float32)
        self.side = int(pipeline.unet.config.sample_size) * int(pipeline.vae_scale_factor)

    @torch.no_grad()
    def text(self, prompts: Sequence[str]) -> Float[Tensor, "B L D"]:
        """Hidden states of the text encoder; sentences longer than it reads are cut."""
        tokenizer = self.pipeline.tokenizer
        tokens = tokenizer(
            list(prompts), padding="max_length", max_length=tokenizer.model_max_length, truncation=True,
            return_tensors="pt",
        )  # fmt: skip
        said: Tensor = self.pipeline.text_encoder(tokens.input_ids.to(self.device))[0]
        return said

    def encode(self, pictures: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B C s s"]:
        """Means of the autoencoder's posterior, scaled to unit deviation."""
        vae = self.pipeline.vae
        mean: Tensor = vae.encode(pictures.to(self.device, self.dtype)).latent_dist.mean
        return (mean * vae.config.scaling_factor).float()

    @torch.no_grad()
    def decode(self, latents: Float[Tensor, "B C s s"]) -> Float[Tensor, "B 3 S S"]:
        vae = self.pipeline.vae
        picture: Tensor = vae.decode((latents / vae.config.scaling_factor).to(self.device, self.dtype)).sample
        return picture.float()

    @torch.no_grad()
    def predict_noise(
        self, noisy: Float[Tensor, "B C s s"], times: Int[Tensor, " B"], text: Float[Tensor, "B L D"]
    ) -> Float[Tensor, "B C s s"]:
        """Velocities v = alpha noise - sigma x are turned into noise (Salimans and Ho 2022)."""
        said = self.pipeline.unet(
            noisy.to(self.device, self.dtype), times.to(self.device), encoder_hidden_states=text.to(self.dtype)
        ).sample.float()
        if not self.velocity:
            return said
        alpha = self.alphas_cumprod[times.to(self.device)][:, None, None, None]
        return alpha.sqrt() * said + (1 - alpha).sqrt() * noisy.to(self.device)


def load(place: PriorPlace) -> StableDiffusion:
    """A pipeline from a folder or from the local cache. Raises AdaptationError if the library or files are missing."""
    try:
        import diffusers
    except ImportError as error:
        raise AdaptationError("the prior stable-diffusion needs diffusers, which is not installed",
                              "Install it: pip install diffusers transformers accelerate.") from error  # fmt: skip
    model = _found(place)
    dtype = torch.float16 if place.half else torch.float32
    try:
        pipeline = diffusers.StableDiffusionPipeline.from_pretrained(
            model, safety_checker=None, requires_safety_checker=False, local_files_only=True, torch_dtype=dtype
        ).to(place.device)
    except (OSError, ValueError, KeyError, RuntimeError, AttributeError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise AdaptationError(f"the Stable Diffusion model {model} cannot be read ({reason})",
                              FORMAT_HINT) from error  # fmt: skip
    for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
        part.eval().requires_grad_(False)
    pipeline.unet.set_default_attn_processor()
    log.info("stable-diffusion: %s on %s", model, place.device)
    return StableDiffusion(pipeline, _fingerprint(pipeline))


def _found(place: PriorPlace) -> str:
    """A folder, or a repository of which the cache has the files."""
    if place.folder is not None:
        if not (place.folder / "model_index.json").is_file():
            raise AdaptationError(f"{place.folder} holds no model_index.json", FORMAT_HINT)
        return str(place.folder)
    from diffusers import StableDiffusionPipeline

    for name in CACHED:
        try:
            StableDiffusionPipeline.load_config(name, local_files_only=True)
        except OSError:
            continue
        return name
    raise AdaptationError(
        f"no Stable Diffusion model is in the local cache (looked for {', '.join(CACHED)})",
        "Name a folder in the format of diffusers, fetch a repository into the cache yourself, or take the prior "
        "studio, which ships.",
    )


def _fingerprint(pipeline: Any) -> str:
    """Of the denoiser's first and last weights: enough to tell models apart, without reading gigabytes."""
    digest = hashlib.sha256()
    for parameter in (pipeline.unet.conv_in.weight, pipeline.unet.conv_out.weight):
        digest.update(parameter.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
