# SPDX-License-Identifier: GPL-3.0-or-later
"""Stable Diffusion with ControlNets of random weights, small enough for a test, in a folder as diffusers saves it."""

from collections.abc import Sequence
from pathlib import Path

SIDE = 32
"""Side of its pictures: latents of 16²."""


def save_tiny_diffusion(folder: Path, controls: Sequence[str] = ("depth", "normal")) -> Path:
    """Write all parts; letters are the only words of its tokenizer."""
    import torch
    from diffusers import (
        AutoencoderKL,
        ControlNetModel,
        DDIMScheduler,
        StableDiffusionControlNetInpaintPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    from tests.tiny_clip import save_tiny_clip

    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(save_tiny_clip(folder / "clip"))
    text = CLIPTextModel(CLIPTextConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, vocab_size=len(tokenizer),
        max_position_embeddings=77, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    ))  # fmt: skip
    tokenizer.model_max_length = 77
    unet = UNet2DConditionModel(
        sample_size=SIDE // 2, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16, attention_head_dim=2, norm_num_groups=4,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(8, 16), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, latent_channels=4, norm_num_groups=4, sample_size=SIDE,
    )  # fmt: skip
    nets = [ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(4, 8)) for _ in controls]
    for net in nets:
        for layer in [*net.controlnet_down_blocks, net.controlnet_mid_block, net.controlnet_cond_embedding.conv_out]:
            torch.nn.init.normal_(layer.weight, std=0.3)  # fresh ones say nothing
    pipeline = StableDiffusionControlNetInpaintPipeline(
        vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, controlnet=nets[0],
        scheduler=DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.save_pretrained(folder)
    for name, net in zip(controls, nets, strict=True):
        net.save_pretrained(folder / f"controlnet-{name}")
    return folder
