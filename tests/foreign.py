# SPDX-License-Identifier: GPL-3.0-or-later
"""Small checkpoints in the formats that EG3D, PanoHead and TripoSR are published in, without their code.

Numbers follow from the tensors' published names, so that `foreign_reference.json` could be made by the original
programs filled in the same way (docs/converting.md tells how).
"""

import json
import math
import pickle
import re
import sys
import types
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from backend.geometry.emission import TwoPassConfig
from backend.geometry.feature_planes import EG3D_AXES, PANOHEAD_AXES
from backend.models.lrm import Lrm, LrmConfig
from backend.models.plane_gan import PlaneGan, PlaneGanConfig
from backend.models.stylegan import MappingConfig, SynthesisConfig
from backend.models.super_resolution import SuperResolutionConfig
from backend.models.vit import VitConfig
from backend.weights.library import FORMAT
from backend.weights.licences import LICENCES

HOSTILE = "raise SystemExit('the source of a checkpoint was run')"
"""Stands where the published pickles carry their source."""

EG3D = PlaneGanConfig(
    mapping=MappingConfig(layers=2),
    synthesis=SynthesisConfig(side=256, base=1024, most=16, clamp=None),
    axes=EG3D_AXES,
    render=TwoPassConfig(coarse=12, fine=12),
    large=SuperResolutionConfig(kind="2X"),
)
PANOHEAD = PlaneGanConfig(
    mapping=MappingConfig(layers=2),
    synthesis=SynthesisConfig(side=64, channels=288, base=1024, most=16, clamp=None),
    depth=3,
    axes=PANOHEAD_AXES,
    activation="none",
    colour_layer=True,
    background=SynthesisConfig(side=64, channels=32, base=512, most=16, clamp=None),
    shift=MappingConfig(layers=2, w=3, rate=1.0, linear_end=True),
    render=TwoPassConfig(coarse=12, fine=12, crop=0.1),
    large=SuperResolutionConfig(kind="2X"),
    centre=(0.0, 0.0, 0.0),
)
TRIPOSR = LrmConfig(
    vit=VitConfig(width=128, layers=1, heads=2, hidden=96), picture=64, side=8, width=32, heads=2, head=16, layers=1,
    features=6, hidden=16, depth=2, samples=24,
)  # fmt: skip
SETTINGS = """cond_image_size: 64

tokenizer_cls: tsr.models.tokenizers.triplane.Triplane1DTokenizer
tokenizer:
  plane_size: 8
  num_channels: 32

backbone:
  in_channels: ${tokenizer.num_channels}
  num_attention_heads: 2
  attention_head_dim: 16

renderer:
  radius: 0.87 # slightly larger than 0.5 * sqrt(3)
  feature_reduction: concat
  density_activation: exp
  density_bias: -1.0
  num_samples_per_ray: 24
"""


def filled(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The numbers of the tensor of that published name."""
    draw = np.random.RandomState(zlib.crc32(name.encode()))
    values = draw.standard_normal(shape or (1,)).astype(np.float32).reshape(shape)
    last = name.rsplit(".", 1)[-1]
    if last == "noise_strength":
        return np.asarray(values * np.float32(0.2))
    if last == "w_avg":
        return values * np.float32(0.3)
    if last == "bias":
        values = values * np.float32(0.1)
        if ".affine." in name or "norm" in name:
            return values if "norm" in name else values + np.float32(1)
        if name == "decoder.net.2.bias":
            values[0] = 8
        return values
    if re.match(r"backbone\.mapping\.fc", name):
        return values * np.float32(100)
    if name == "decoder.net.2.weight":
        values[0] *= 12
    if "norm" in name:
        return 1 + values * np.float32(0.1)
    return values


def thin(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """As `filled`, in the sizes that plain layers have: 1 / sqrt(inputs)."""
    values = filled(name, shape)
    if len(shape) > 1 and name.endswith("weight"):
        values = values * np.float32(1 / math.sqrt(np.prod(shape[1:])))
    if name == "decoder.layers.4.weight":
        values = values * np.float32(8)
    return values


def gan_names(config: PlaneGanConfig) -> dict[str, tuple[int, ...]]:
    """Published names and shapes of a GAN's tensors."""
    with torch.device("meta"):
        ours = {key: tuple(value.shape) for key, value in PlaneGan(config).state_dict().items()}
    found = {}
    for key, shape in ours.items():
        key = re.sub(r"\.layers\.(\d+)\.", r".fc\1.", key)
        key = re.sub(r"\.blocks\.(\d+)\.", lambda each: f".b{4 << int(each[1])}.", key)
        key = key.replace(".to_image.", ".torgb.").replace("to_colour.", "torgb.")
        key = re.sub(r"\.noise$", ".noise_const", key)
        key = re.sub(r"\.mean$", ".w_avg", key)
        for ours_name, theirs in (("mapping.", "backbone.mapping."), ("synthesis.", "backbone.synthesis."),
                                  ("large.", "superresolution."), ("background.", "bcg_synthesis."),
                                  ("shift.", "t_mapping."), ("decoder.first.", "decoder.net.0."),
                                  ("decoder.last.", "decoder.net.2.")):  # fmt: skip
            if key.startswith(ours_name):
                key = theirs + key.removeprefix(ours_name)
                break
        found[key] = shape
    return found


def gan_settings(config: PlaneGanConfig, family: str) -> dict[str, Any]:
    """What a published checkpoint calls rendering_kwargs."""
    settings: dict[str, Any] = {
        "clamp_mode": "softplus", "c_gen_conditioning_zero": False, "c_scale": 1.0, "decoder_lr_mul": 1.0,
        "disparity_space_sampling": False, "sr_antialias": True, "superresolution_noise_mode": "none",
        "depth_resolution": config.render.coarse, "depth_resolution_importance": config.render.fine,
        "ray_start": 2.25, "ray_end": 3.3, "box_warp": 1, "avg_camera_radius": 2.7, "avg_camera_pivot": [0, 0, 0.2],
        "superresolution_module": "training.superresolution.SuperresolutionHybrid2X",
    }  # fmt: skip
    if family == "panohead":
        settings |= {"triplane_depth": 3, "triplane_size": 64, "decoder_activation": "none", "use_torgb_raw": True,
                     "use_background": True}  # fmt: skip
    return settings


class Module:
    """Pickles as an object of a published class does, source and all."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.state: dict[str, Any] = {
            "training": False, "_parameters": OrderedDict(), "_buffers": OrderedDict(), "_modules": OrderedDict(),
            "_non_persistent_buffers_set": set(), "_forward_hooks": OrderedDict(),
        }  # fmt: skip

    def __reduce__(self) -> tuple[Any, ...]:
        function = sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj
        return function, (
            {"type": "class", "version": 6, "module_src": HOSTILE, "class_name": self.kind, "state": self.state},
        )

    def at(self, path: list[str], kinds: dict[str, str]) -> "Module":
        """The module under a path, made where there is none."""
        if not path:
            return self
        parts = self.state["_modules"]
        if path[0] not in parts:
            parts[path[0]] = Module(kinds.get(path[0], "Part"))
        found: Module = parts[path[0]]
        return found.at(path[1:], kinds)


def gan_tree(config: PlaneGanConfig, family: str, settings: dict[str, Any] | None = None) -> Module:
    """A generator as published, with numbers by name."""
    kinds = {"superresolution": "SuperresolutionHybrid2X", "decoder": "OSGDecoder", "renderer": "ImportanceRenderer"}
    root = Module("TriPlaneGenerator")
    labels = config.mapping.labels
    root.state |= {"z_dim": config.mapping.z, "c_dim": labels, "w_dim": config.mapping.w}
    with published_names():
        root.state["rendering_kwargs"] = sys.modules["dnnlib.util"].EasyDict(settings or gan_settings(config, family))
    for name, shape in gan_names(config).items():
        *path, last = name.split(".")
        module = root.at(path, kinds)
        values = torch.from_numpy(filled(name, shape))
        group = "_buffers" if last in ("noise_const", "w_avg") else "_parameters"
        module.state[group][last] = values if group == "_buffers" else torch.nn.Parameter(values)
        if re.fullmatch(r"fc\d+", path[-1]):
            rate = 1.0 if path[0] == "t_mapping" else 0.01
            end = path[0] == "t_mapping" and path[-1] == f"fc{config.mapping.layers - 1}"
            gain = rate / np.sqrt(shape[1]) if last == "weight" else module.state["weight_gain"]
            module.state |= {"weight_gain": gain, "activation": "linear" if end else "lrelu"}
        if path[-1] in ("conv0", "conv1"):
            module.state |= {"conv_clamp": 256 if path[0] == "superresolution" else None, "activation": "lrelu"}
            taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
            module.state["_buffers"]["resample_filter"] = torch.outer(taps, taps) / 64
    # As every pickle has it: the inverse of each projection.
    matrices = torch.zeros(3, 3, 3)
    for plane, axes in enumerate(config.axes):
        for place, axis in enumerate(axes):
            matrices[plane, place, axis] = 1
    root.at(["renderer"], kinds).state["plane_axes"] = matrices
    return root


def save_gan(path: Path, config: PlaneGanConfig, family: str, **changes: Any) -> Path:
    """A checkpoint as EG3D's training writes it; `changes` replace entries of its settings."""
    root = gan_tree(config, family, gan_settings(config, family) | changes)
    return save_pickle(path, {"G": None, "D": None, "G_ema": root, "training_set_kwargs": None, "augment_pipe": None})


def save_pickle(path: Path, content: Any) -> Path:
    """Pickled with the published classes' names at hand."""
    with published_names(), open(path, "wb") as file:
        pickle.dump(content, file)
    return path


def save_triposr(folder: Path, *, legacy: bool = False) -> Path:
    """model.ckpt and config.yaml as published."""
    state = OrderedDict((name, torch.from_numpy(thin(name, shape))) for name, shape in triposr_names().items())
    torch.save(state, folder / "model.ckpt", _use_new_zipfile_serialization=not legacy)
    (folder / "config.yaml").write_text(SETTINGS)
    return folder / "model.ckpt"


CENTRE = (0.10, -0.05)
"""Of the pattern in the planes of `round_gan`, along columns and rows, in their box."""


def round_gan() -> PlaneGan:
    """A GAN of known planes: each one's first feature is the squared distance from `CENTRE`.

    Noise inputs are the only tensors with a place in the picture, so the pattern is that of the last layer. The body is
    where the three planes' features add up to less than 0.16.
    """
    small, side, level = PlaneGanConfig.tiny(), 32, 10.0
    synthesis = replace(small.synthesis, side=side, channels=3 * 8, base=side, most=8, clamp=None)
    model = PlaneGan(replace(small, synthesis=synthesis, axes=EG3D_AXES, level=level, trim=0.0))
    for value in model.parameters():
        value.data.zero_()
    for layer in model.mapping.layers:
        torch.nn.init.normal_(layer.weight, std=1 / layer.rate)
    at = (torch.arange(side) + 0.5) / side - 0.5
    block = model.synthesis.blocks[-1]
    block.conv1.noise.copy_((at[None, :] - CENTRE[0]) ** 2 + (at[:, None] - CENTRE[1]) ** 2)
    block.conv1.noise_strength.data.fill_(1.0)
    block.to_image.affine.bias.data.fill_(1.0)
    block.to_image.weight.data[::8, 0] = 1 / math.sqrt(2)  # the layer's activation brings the square root of 2
    # softplus of large values is the value: raw density = 10 + 100 (0.16 - sum of squared distances).
    model.decoder.first.weight.data[0, 0] = -300 * math.sqrt(8)
    model.decoder.first.bias.data[0] = 200.0
    model.decoder.last.weight.data[0, 0] = math.sqrt(16)
    model.decoder.last.bias.data[0] = level + 16 - 200
    model.decoder.last.bias.data[1:4] = torch.tensor([2.0, 0.0, -2.0])
    return model.eval().requires_grad_(False)


def keep_round(folder: Path, name: str) -> None:
    """`round_gan` as a converted model of the user's folder."""
    model = round_gan()
    told = {"config": model.config.to_json(), "licence": asdict(LICENCES["eg3d"]),
            "origin": {"file": "round.pkl", "sha256": "0123456789abcdef" * 4}}  # fmt: skip
    metadata = {"format": FORMAT, "family": "eg3d"} | {key: json.dumps(value) for key, value in told.items()}
    save_file(model.state_dict(), folder / f"{name}.safetensors", metadata=metadata)


def triposr_names() -> dict[str, tuple[int, ...]]:
    """Published names and shapes of TripoSR's tensors."""
    with torch.device("meta"):
        ours = {key: tuple(value.shape) for key, value in Lrm(TRIPOSR).state_dict().items()}
    vit, own = "image_tokenizer.model.", "backbone.transformer_blocks."
    rules = (
        (r"encoder\.whole", f"{vit}embeddings.cls_token"), (r"encoder\.places", f"{vit}embeddings.position_embeddings"),
        (r"encoder\.patches", f"{vit}embeddings.patch_embeddings.projection"), (r"encoder\.norm\.", f"{vit}layernorm."),
        (r"encoder\.blocks\.(\d+)\.norm1", rf"{vit}encoder.layer.\1.layernorm_before"),
        (r"encoder\.blocks\.(\d+)\.norm2", rf"{vit}encoder.layer.\1.layernorm_after"),
        (r"encoder\.blocks\.(\d+)\.q", rf"{vit}encoder.layer.\1.attention.attention.query"),
        (r"encoder\.blocks\.(\d+)\.k", rf"{vit}encoder.layer.\1.attention.attention.key"),
        (r"encoder\.blocks\.(\d+)\.v", rf"{vit}encoder.layer.\1.attention.attention.value"),
        (r"encoder\.blocks\.(\d+)\.out", rf"{vit}encoder.layer.\1.attention.output.dense"),
        (r"encoder\.blocks\.(\d+)\.wide", rf"{vit}encoder.layer.\1.intermediate.dense"),
        (r"encoder\.blocks\.(\d+)\.back", rf"{vit}encoder.layer.\1.output.dense"),
        (r"tokens", "tokenizer.embeddings"), (r"upsample", "post_processor.upsample"),
        (r"transformer\.norm", "backbone.norm"), (r"transformer\.into", "backbone.proj_in"),
        (r"transformer\.back", "backbone.proj_out"), (r"transformer\.blocks\.", own),
        (rf"({re.escape(own)}\d+)\.own\.([qkv])", r"\1.attn1.to_\2"),
        (rf"({re.escape(own)}\d+)\.own\.out", r"\1.attn1.to_out.0"),
        (rf"({re.escape(own)}\d+)\.other\.([qkv])", r"\1.attn2.to_\2"),
        (rf"({re.escape(own)}\d+)\.other\.out", r"\1.attn2.to_out.0"),
        (rf"({re.escape(own)}\d+)\.wide", r"\1.ff.net.0.proj"), (rf"({re.escape(own)}\d+)\.back", r"\1.ff.net.2"),
        (r"decoder\.(\d+)", lambda found: f"decoder.layers.{2 * int(found[1])}"),
    )  # fmt: skip
    names = {}
    for key, shape in ours.items():
        for pattern, theirs in rules:
            key = re.sub(f"^{pattern}", theirs, key)
        names[key] = shape
    width = TRIPOSR.vit.width
    return names | {f"{vit}pooler.dense.weight": (width, width), f"{vit}pooler.dense.bias": (width,)}


@contextmanager
def published_names() -> Iterator[None]:
    """The published classes' names, importable for a moment, as pickle wants them while it writes."""

    class EasyDict(dict[str, Any]):
        pass

    def _reconstruct_persistent_obj(meta: Any) -> None:
        raise AssertionError("only its name is written")

    before = {
        name: sys.modules.get(name) for name in ("torch_utils", "torch_utils.persistence", "dnnlib", "dnnlib.util")
    }
    for name in before:
        sys.modules[name] = types.ModuleType(name)
    _reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    EasyDict.__module__, EasyDict.__qualname__ = "dnnlib.util", "EasyDict"
    sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj = _reconstruct_persistent_obj  # type: ignore[attr-defined]
    sys.modules["dnnlib.util"].EasyDict = _EASY.setdefault("kind", EasyDict)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


_EASY: dict[str, Any] = {}
"""The one class of that name, for trees that are made before they are written."""
