# SPDX-License-Identifier: GPL-3.0-or-later
"""Published checkpoints of TripoSR as our `models.lrm`: names, and the settings of the config.yaml beside them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor

from ..models.lrm import Lrm, LrmConfig
from ..models.vit import VitConfig
from .pickled import Stored
from .plane_gan_files import State, Unfit, compare

SETTINGS = "config.yaml"
"""Lies beside the published checkpoint."""
VIT_HEAD = 64
"""Channels of a head in every published DINO."""
MAX_SETTINGS_BYTES = 100_000

Settings = Mapping[str, Mapping[str, str]]
"""Section -> name -> value, as text; settings outside sections are in the section ""."""


def lrm(content: Any, settings: Settings | None) -> tuple[LrmConfig, State]:
    """Configuration and tensors, by our names, of a checkpoint that `torch_files.open_checkpoint` opened.

    Without settings those of the published model hold. Raises Unfit for anything but a TripoSR.
    """
    state = _state(content)
    try:
        config = _config(state, settings or {})
    except (KeyError, IndexError, ValueError) as error:
        raise Unfit(f"lacks settings or tensors that a TripoSR has ({error})") from error
    renamed = dict(map(_renamed, state.items()))
    renamed = {key: value for key, value in renamed.items() if not key.startswith("encoder.pooler.")}
    with torch.device("meta"):
        wanted = Lrm(config).state_dict()
    compare(wanted, renamed)
    return config, renamed


def read_settings(path: Path) -> Settings:
    """The config.yaml: sections of names and plain values; `${section.name}` stands for that value.

    Raises Unfit for anything else that YAML can say.
    """
    content = path.read_text(encoding="utf-8", errors="replace")
    if len(content) > MAX_SETTINGS_BYTES:
        raise Unfit(f"has a {SETTINGS} that is too long")
    sections: dict[str, dict[str, str]] = {"": {}}
    current = ""
    for line in content.splitlines():
        line = re.sub(r"(^|\s)#.*$", "", line).rstrip()
        if not line:
            continue
        found = re.fullmatch(r"(\s*)([\w-]+):\s*(.*)", line)
        if not found:
            raise Unfit(f"has a {SETTINGS} with more than sections of plain values")
        indent, name, value = found.groups()
        if not indent and not value:
            current = name
            sections[current] = {}
            continue
        sections[current if indent else ""][name] = value.strip("\"'")
    for section in sections.values():
        for name, value in section.items():
            if link := re.fullmatch(r"\$\{(\w+)\.(\w+)\}", value):
                section[name] = sections.get(link[1], {}).get(link[2], "")
    return sections


def _state(content: Any) -> State:
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or "tokenizer.embeddings" not in content:
        raise Unfit("holds no TripoSR: there is no tensor tokenizer.embeddings")
    found: State = {}
    for name, value in content.items():
        tensor = value.tensor() if isinstance(value, Stored) else value
        if not isinstance(tensor, Tensor):
            raise Unfit(f"holds no numbers under {name}")
        found[str(name)] = tensor.float()
    return found


def _config(state: State, settings: Settings) -> LrmConfig:
    usual = LrmConfig()

    def told(section: str, name: str, default: Any) -> Any:
        value = settings.get(section, {}).get(name)
        return default if value is None else type(default)(value)

    _, width, side, _ = state["tokenizer.embeddings"].shape
    patches = state["image_tokenizer.model.embeddings.patch_embeddings.projection.weight"].shape
    places = state["image_tokenizer.model.embeddings.position_embeddings"].shape[1] - 1
    wide = next(
        value
        for key, value in state.items()
        if re.fullmatch(r"image_tokenizer\.model\..*\.0\.(intermediate\.dense|mlp\.fc1)\.weight", key)
    )
    inner = state["backbone.proj_in.weight"].shape[0]
    head = told("backbone", "attention_head_dim", usual.head)
    reduction = told("renderer", "feature_reduction", str(usual.reduction))
    density = told("renderer", "density_activation", str(usual.density))
    activation = told("decoder", "activation", str(usual.activation))
    for name, value, known in (
        ("feature_reduction", reduction, ("concat", "mean")),
        ("density_activation", density, ("exp", "softplus")),
        ("activation", activation, ("silu", "relu")),
        ("color_activation", told("renderer", "color_activation", "sigmoid"), ("sigmoid",)),
    ):
        if value not in known:
            raise Unfit(f"wants {name} {value!r}, which the published program does not have")
    return LrmConfig(
        vit=VitConfig(
            width=patches[0],
            layers=_count(state, r"image_tokenizer\.model\.(?:encoder\.layer|layers)\.(\d+)\..*"),
            heads=max(1, patches[0] // VIT_HEAD),
            hidden=wide.shape[0],
            patch=patches[2],
            places=round(places**0.5),
        ),
        picture=told("", "cond_image_size", usual.picture),
        side=side,
        width=width,
        heads=told("backbone", "num_attention_heads", max(1, inner // head)),
        head=head,
        layers=_count(state, r"backbone\.transformer_blocks\.(\d+)\..*"),
        features=state["post_processor.upsample.weight"].shape[1],
        hidden=state["decoder.layers.0.weight"].shape[0],
        depth=_count(state, r"decoder\.layers\.(\d+)\.weight") // 2,
        activation=cast(Literal["silu", "relu"], activation),
        reduction=cast(Literal["concat", "mean"], reduction),
        radius=told("renderer", "radius", usual.radius),
        density=cast(Literal["exp", "softplus"], density),
        density_bias=told("renderer", "density_bias", usual.density_bias),
        samples=told("renderer", "num_samples_per_ray", usual.samples),
    )


def _count(state: State, pattern: str) -> int:
    found = [int(match[1]) for key in state if (match := re.fullmatch(pattern, key))]
    return max(found) + 1


_RULES = (
    (r"image_tokenizer\.model\.embeddings\.cls_token", "encoder.whole"),
    (r"image_tokenizer\.model\.embeddings\.position_embeddings", "encoder.places"),
    (r"image_tokenizer\.model\.embeddings\.patch_embeddings\.projection\.(.*)", r"encoder.patches.\1"),
    (r"image_tokenizer\.model\.layernorm\.(.*)", r"encoder.norm.\1"),
    (r"image_tokenizer\.model\.pooler\.(.*)", r"encoder.pooler.\1"),
    (r"image_tokenizer\.model\.(?:encoder\.layer|layers)\.(.*)", r"encoder.blocks.\1"),
    (r"(.*)\.attention\.attention\.(.)(?:uery|ey|alue)\.(.*)", r"\1.\2.\3"),
    (r"(.*)\.attention\.([qkv])_proj\.(.*)", r"\1.\2.\3"),
    (r"(.*)\.attention\.(?:output\.dense|o_proj)\.(.*)", r"\1.out.\2"),
    (r"(.*)\.(?:intermediate\.dense|mlp\.fc1)\.(.*)", r"\1.wide.\2"),
    (r"(encoder\.blocks\.\d+)\.(?:output\.dense|mlp\.fc2)\.(.*)", r"\1.back.\2"),
    (r"(.*)\.layernorm_before\.(.*)", r"\1.norm1.\2"),
    (r"(.*)\.layernorm_after\.(.*)", r"\1.norm2.\2"),
    (r"tokenizer\.embeddings", "tokens"),
    (r"backbone\.norm\.(.*)", r"transformer.norm.\1"),
    (r"backbone\.proj_in\.(.*)", r"transformer.into.\1"),
    (r"backbone\.proj_out\.(.*)", r"transformer.back.\1"),
    (r"backbone\.transformer_blocks\.(.*)", r"transformer.blocks.\1"),
    (r"(.*)\.attn1\.(.*)", r"\1.own.\2"),
    (r"(.*)\.attn2\.(.*)", r"\1.other.\2"),
    (r"(.*)\.to_([qkv])\.(.*)", r"\1.\2.\3"),
    (r"(.*)\.to_out\.0\.(.*)", r"\1.out.\2"),
    (r"(.*)\.ff\.net\.0\.proj\.(.*)", r"\1.wide.\2"),
    (r"(.*)\.ff\.net\.2\.(.*)", r"\1.back.\2"),
    (r"post_processor\.(.*)", r"\1"),
    (r"decoder\.layers\.(\d+)\.(.*)", r"decoder.\1.\2"),
)
"""Their names to ours, one after the other."""


def _renamed(item: tuple[str, Tensor]) -> tuple[str, Tensor]:
    key, value = item
    theirs = key.startswith("decoder.")
    for pattern, ours in _RULES:
        key = re.sub(f"^{pattern}$", ours, key)
    if theirs:  # activations count among the published layers
        key = re.sub(r"^decoder\.(\d+)", lambda found: f"decoder.{int(found[1]) // 2}", key)
    return key, value
