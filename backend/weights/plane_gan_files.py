# SPDX-License-Identifier: GPL-3.0-or-later
"""Published checkpoints of EG3D and PanoHead as our `models.plane_gan`: their names, and what their settings mean.

Sizes are read from the tensors, conventions (plane axes, box, camera, renderer) from the settings that the checkpoint
carries; nothing is assumed that the file can tell.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast

import torch
from torch import Tensor

from ..geometry.emission import TwoPassConfig
from ..geometry.feature_planes import EG3D_AXES, PANOHEAD_AXES, Axes
from ..models.plane_gan import PlaneGan, PlaneGanConfig
from ..models.stylegan import MappingConfig, SynthesisConfig
from ..models.super_resolution import Kind, SuperResolutionConfig
from .pickled import Record, Stored

Family = Literal["eg3d", "panohead"]
DEEPEST = 64
"""Modules within modules; more are a forgery."""
PANOHEAD_CROP = 0.1
"""PanoHead renders nothing closer to the upright faces of the box than this, whatever its settings say."""


class Unfit(Exception):
    """A checkpoint of something else; the text is one clause."""


State = dict[str, Tensor]


def plane_gan(content: Any, family: Family) -> tuple[PlaneGanConfig, State]:
    """Configuration and tensors, by our names, of a checkpoint that `torch_files.open_checkpoint` opened.

    Raises Unfit for anything but an EG3D or PanoHead generator.
    """
    generator = _generator(content)
    state = dict(_tensors(generator))
    settings = _settings(generator)
    thick = "triplane_depth" in settings
    if thick != (family == "panohead"):
        raise Unfit(f"is a model of {'PanoHead' if thick else 'EG3D'}, not of {family}")
    config = _config(generator, settings, state, family)
    return config, _renamed(state, config)


def _generator(content: Any) -> Record:
    found = content.get("G_ema") if isinstance(content, dict) else None
    if not isinstance(found, Record) or found.kind != "TriPlaneGenerator":
        inside = f"a {found.kind}" if isinstance(found, Record) and found.kind else "no such generator"
        raise Unfit(f"holds {inside} under G_ema, where EG3D and PanoHead keep a TriPlaneGenerator")
    return found


def _tensors(module: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    if depth > DEEPEST or not isinstance(module, dict):
        raise Unfit("is no tree of modules")
    for group in ("_parameters", "_buffers"):
        for name, value in (module.get(group) or {}).items():
            if value is not None:
                yield f"{prefix}{name}", _tensor(value, f"{prefix}{name}")
    for name, part in (module.get("_modules") or {}).items():
        if part is not None:
            yield from _tensors(part, f"{prefix}{name}.", depth + 1)


def _tensor(value: Any, name: str) -> Tensor:
    tensor = value.tensor() if isinstance(value, Stored) else value
    if not isinstance(tensor, Tensor):
        raise Unfit(f"holds no numbers under {name}")
    return tensor.float()


def _settings(generator: Record) -> Mapping[str, Any]:
    settings = generator.get("rendering_kwargs")
    if not isinstance(settings, dict):
        raise Unfit("does not tell how it is rendered (rendering_kwargs)")
    return settings


def _config(generator: Record, settings: Mapping[str, Any], state: State, family: Family) -> PlaneGanConfig:
    try:
        if settings.get("clamp_mode", "softplus") != "softplus":
            raise Unfit(f"clamps densities by {settings['clamp_mode']!r}, which the published renderers cannot")
        labels, z, w = (int(generator[name]) for name in ("c_dim", "z_dim", "w_dim"))
        blank = bool(settings.get("c_gen_conditioning_zero", False))
        return PlaneGanConfig(
            mapping=_mapping(generator, "backbone.mapping", state, z, labels, w),
            synthesis=_synthesis(generator, "backbone.synthesis", state),
            depth=int(settings["triplane_depth"]) if family == "panohead" else None,
            axes=_axes(generator, PANOHEAD_AXES if family == "panohead" else EG3D_AXES),
            box=float(settings["box_warp"]),
            label_scale=0.0 if blank else float(settings.get("c_scale", 0)),
            features=_shape(state, "decoder.net.0.weight")[1],
            hidden=_shape(state, "decoder.net.0.weight")[0],
            decoder_rate=float(settings.get("decoder_lr_mul", 1)),
            activation=_activation(settings) if family == "panohead" else "sigmoid",
            colour_layer="torgb.weight" in state,
            background=_synthesis(generator, "bcg_synthesis", state) if "bcg_synthesis.b4.const" in state else None,
            shift=_shift(generator, state, z, labels),
            render=_render(settings, family),
            large=_large(generator, settings, state, w),
            centre=_centre(settings, family),
            radius=float(settings.get("avg_camera_radius", 2.7)),
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise Unfit(f"lacks settings or tensors that its kind has ({error})") from error


def _mapping(generator: Record, path: str, state: State, z: int, labels: int, w: int) -> MappingConfig:
    layers = len({key for key in state if re.fullmatch(rf"{re.escape(path)}\.fc\d+\.weight", key)})
    into = _shape(state, f"{path}.fc0.weight")[1]
    if into != z + (w if labels else 0) or any(
        _shape(state, f"{path}.fc{index}.weight")[0] != w for index in range(layers)
    ):
        raise Unfit("has a mapping network of another form")
    first = _part(generator, f"{path}.fc0")
    last = _part(generator, f"{path}.fc{layers - 1}")
    for layer in (first, last):
        if layer.get("activation", "lrelu") not in ("lrelu", "linear"):
            raise Unfit(f"has a mapping network with {layer['activation']!r}, not leaky ReLU")
    rate = round(float(first["weight_gain"]) * math.sqrt(into), 9)
    return MappingConfig(
        z=z, labels=labels, w=w, layers=layers, rate=rate, linear_end=last.get("activation") == "linear"
    )


def _shift(generator: Record, state: State, z: int, labels: int) -> MappingConfig | None:
    if "t_mapping.fc0.weight" not in state:
        return None
    return _mapping(generator, "t_mapping", state, z, labels, 3)


def _synthesis(generator: Record, path: str, state: State) -> SynthesisConfig:
    blocks = (re.fullmatch(rf"{re.escape(path)}\.b(\d+)\.torgb\.weight", key) for key in state)
    sides = sorted(int(found[1]) for found in blocks if found)
    widths = {side: _shape(state, f"{path}.b{side}.conv1.weight")[0] for side in sides}
    most = max(widths.values())
    narrow = [side * width for side, width in widths.items() if width < most]
    first = _part(generator, f"{path}.b{sides[-1]}")
    if first.get("architecture", "skip") != "skip":
        raise Unfit(f"has a synthesis network of the {first['architecture']!r} kind, not with skip connections")
    for name in ("conv0", "conv1"):
        if _part(generator, f"{path}.b{sides[-1]}.{name}").get("activation", "lrelu") != "lrelu":
            raise Unfit("has a synthesis network without leaky ReLU")
    clamp = _part(generator, f"{path}.b{sides[-1]}.conv1").get("conv_clamp")
    return SynthesisConfig(
        w=_shape(state, f"{path}.b4.conv1.affine.weight")[1],
        side=sides[-1],
        channels=_shape(state, f"{path}.b4.torgb.weight")[0],
        base=narrow[0] if narrow else most * sides[-1],
        most=most,
        clamp=None if clamp is None else float(clamp),
    )


def _large(generator: Record, settings: Mapping[str, Any], state: State, w: int) -> SuperResolutionConfig | None:
    if "superresolution.block0.conv0.weight" not in state:
        return None
    module = _part(generator, "superresolution")
    kind = module.kind.removeprefix("SuperresolutionHybrid")
    if kind not in ("8XDC", "8X", "4X", "2X", "Deepfp32"):
        raise Unfit(f"has a super-resolution of the unknown kind {module.kind}")
    clamp = _part(generator, "superresolution.block0.conv0").get("conv_clamp")
    return SuperResolutionConfig(
        kind=cast(Kind, kind),
        channels=_shape(state, "superresolution.block0.conv0.weight")[1],
        w=w,
        clamp=None if clamp is None else float(clamp),
        antialias=bool(settings.get("sr_antialias", True)),
    )


def _render(settings: Mapping[str, Any], family: Family) -> TwoPassConfig:
    near, far = settings["ray_start"], settings["ray_end"]
    whole = near == far == "auto"
    return TwoPassConfig(
        near=None if whole else float(near),
        far=None if whole else float(far),
        coarse=int(settings["depth_resolution"]),
        fine=int(settings["depth_resolution_importance"]),
        disparity=bool(settings.get("disparity_space_sampling", False)),
        white=bool(settings.get("white_back", False)),
        crop=PANOHEAD_CROP if family == "panohead" else None,
    )


def _activation(settings: Mapping[str, Any]) -> Literal["sigmoid", "lrelu", "none"]:
    name = settings["decoder_activation"]
    return cast(Literal["sigmoid", "lrelu", "none"], name if name in ("sigmoid", "lrelu") else "none")


def _centre(settings: Mapping[str, Any], family: Family) -> tuple[float, float, float]:
    # PanoHead's heads stand in the middle of their box, and its own programs look there.
    pivot = (0.0, 0.0, 0.0) if family == "panohead" else settings.get("avg_camera_pivot", (0, 0, 0))
    x, y, z = (float(each) for each in pivot)
    return x, y, z


def _axes(generator: Record, usual: Axes) -> Axes:
    """The planes' axes from the matrices that the renderer carries, each the inverse of its projection."""
    stored = _part(generator, "renderer").get("plane_axes")
    if stored is None:
        return usual
    matrices = _tensor(stored, "renderer.plane_axes").double()
    if matrices.shape != (3, 3, 3) or not torch.equal((matrices.abs() > 0.5).double(), matrices):
        raise Unfit("has planes that do not lie along the axes")
    found = [torch.linalg.inv(each).argmax(0).tolist() for each in matrices]
    if any(sorted(each) != [0, 1, 2] for each in found):
        raise Unfit("has planes that do not lie along the axes")
    return cast(Axes, tuple((a, b, c) for a, b, c in found))


def _part(generator: Record, path: str) -> Record:
    found: Any = generator
    for name in path.split("."):
        found = found["_modules"][name]
    if not isinstance(found, Record):
        raise Unfit(f"holds no module under {path}")
    return found


def _shape(state: State, name: str) -> tuple[int, ...]:
    return tuple(state[name].shape)


_RULES = (
    (r"backbone\.mapping\.(.*)", r"mapping.\1"),
    (r"backbone\.synthesis\.(.*)", r"synthesis.\1"),
    (r"bcg_synthesis\.(.*)", r"background.\1"),
    (r"t_mapping\.(.*)", r"shift.\1"),
    (r"superresolution\.(.*)", r"large.\1"),
    (r"decoder\.net\.0\.(.*)", r"decoder.first.\1"),
    (r"decoder\.net\.2\.(.*)", r"decoder.last.\1"),
    (r"torgb\.(.*)", r"to_colour.\1"),
    (r"(.*)\.torgb\.(.*)", r"\1.to_image.\2"),
    (r"(.*)\.noise_const", r"\1.noise"),
    (r"(.*)\.fc(\d+)\.(.*)", r"\1.layers.\2.\3"),
    (r"(.*)\.w_avg", r"\1.mean"),
)
"""Their names to ours, one after the other."""


def _renamed(state: State, config: PlaneGanConfig) -> State:
    renamed: State = {}
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    for key, value in state.items():
        if key.endswith("resample_filter"):
            if not torch.allclose(value, torch.outer(taps, taps) / 64, atol=1e-6):
                raise Unfit("resamples with another filter than [1, 3, 3, 1]")
            continue
        if key.endswith("plane_axes"):
            continue
        for pattern, ours in _RULES:
            key = re.sub(f"^{pattern}$", ours, key)
        key = re.sub(r"\.b(\d+)\.", lambda found: f".blocks.{int(math.log2(int(found[1]))) - 2}.", key)
        renamed[key] = value
    with torch.device("meta"):
        wanted = PlaneGan(config).state_dict()
    for key, value in wanted.items():
        # Networks without noise inputs are those whose noise is nothing.
        if key not in renamed and key.endswith((".noise", ".noise_strength")):
            renamed[key] = torch.zeros(value.shape)
    compare(wanted, renamed)
    return renamed


def compare(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Raises Unfit unless the same tensors are in both, of the same shapes."""
    for key in wanted:
        if key not in found:
            raise Unfit(f"lacks the tensor {key}")
        if wanted[key].shape != found[key].shape:
            raise Unfit(f"has {key} of shape {list(found[key].shape)}, expected {list(wanted[key].shape)}")
    if more := sorted(set(found) - set(wanted)):
        raise Unfit(f"has {len(more)} tensors that its kind does not have, such as {more[0]}")
