# SPDX-License-Identifier: GPL-3.0-or-later
"""Which half precision a machine does in hardware."""

from typing import Literal

import torch

Precision = Literal["auto", "no", "bf16", "fp16"]
"""What products are computed in; "auto" asks the machine."""


def use_bfloat16() -> bool:
    """Whether this CPU does bfloat16 products in hardware: elsewhere they are several times slower than float32."""
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def choose_precision(device: torch.device) -> Literal["no", "bf16", "fp16"]:
    """The fastest precision that trains well on a device: bfloat16 where it is built in, else float16 with scaled
    losses on graphics cards, else full."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if device.type == "cpu" and use_bfloat16() else "no"
