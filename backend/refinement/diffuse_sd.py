# SPDX-License-Identifier: GPL-3.0-or-later
"""Stable Diffusion 1.5 or 2.1 with ControlNets as a prior, through diffusers, from files that are already here.

A folder in the published format (`model_index.json` with its parts), beside them any of `controlnet-depth`,
`controlnet-normal`, `controlnet-tile` and `controlnet-inpaint`; without a folder, the same repositories in the local
cache. Nothing is ever downloaded. What is missing is painted first, in full; then everything that may change is
repainted at the wish's strength.

Options: `memory` fast, sliced or offloaded; `half` auto, yes or no; `model` a repository in the cache; `controls` a
list such as depth,tile.
"""

import logging
import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from .prior import PriorError, PriorSettings, Step, View, Wish
from .stepwise import stepwise

if TYPE_CHECKING:
    from diffusers import StableDiffusionControlNetInpaintPipeline

Control = Literal["depth", "normal", "tile", "inpaint"]
Memory = Literal["fast", "sliced", "offloaded"]
CACHED: dict[str, dict[Control, str]] = {
    "stable-diffusion-v1-5/stable-diffusion-v1-5": {
        "depth": "lllyasviel/control_v11f1p_sd15_depth", "normal": "lllyasviel/control_v11p_sd15_normalbae",
        "tile": "lllyasviel/control_v11f1e_sd15_tile", "inpaint": "lllyasviel/control_v11p_sd15_inpaint",
    },
    "stabilityai/stable-diffusion-2-1-base": {
        "depth": "thibaud/controlnet-sd21-depth-diffusers", "normal": "thibaud/controlnet-sd21-normalbae-diffusers",
    },
}  # fmt: skip
"""Repositories looked for in the local cache, first come first taken, and their ControlNets."""
WEIGHTS: dict[Control, float] = {"depth": 0.8, "normal": 0.6, "tile": 0.5, "inpaint": 0.5}
"""How much each ControlNet counts; Paint3D has 1 and 0.5 for depth and inpainting, several together need less."""
GUIDANCE, STEPS = 6.0, 20
WORTH = 0.004
"""Share of a view that must be missing for it to be painted in a pass of its own."""
GRAIN = 8
"""Sides must be multiples of this: the autoencoder's reduction."""
SETTING = "head and shoulders, {side}, plain white background, flat even light, sharp focus, highly detailed"
NOT_WANTED = "blurry, shadows, highlights, frame, text, deformed"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SdOptions:
    """What only this prior knows."""

    memory: Memory = "fast"
    """fast: all on the device; sliced: attention and autoencoder in parts; offloaded: also every part comes to the
    device only while it works, which needs accelerate."""
    half: Literal["auto", "yes", "no"] = "auto"
    """Half precision; auto: on graphics cards."""
    model: str | None = None
    """Repository in the local cache, where no folder is given."""
    controls: tuple[Control, ...] = get_args(Control)
    """ControlNets to use of those that are there."""

    @classmethod
    def read(cls, options: Mapping[str, str]) -> "SdOptions":
        """From words. Raises PriorError for one that is unknown."""
        chosen: dict[str, Any] = {}
        allowed = {"memory": get_args(Memory), "half": ("auto", "yes", "no")}
        for name, value in options.items():
            words = tuple(value.split(",")) if name == "controls" else (value,)
            choices = get_args(Control) if name == "controls" else allowed.get(name, words)
            if name not in ("memory", "half", "model", "controls") or not set(words) <= set(choices):
                raise PriorError(f"diffuse-sd has no option {name}={value}",
                                 "It knows memory=fast|sliced|offloaded, half=auto|yes|no, model=REPOSITORY and "
                                 "controls=depth,normal,tile,inpaint.")  # fmt: skip
            chosen[name] = words if name == "controls" else value
        return cls(**chosen)


class DiffuseSd:
    """Repaints views with a ControlNet inpainting pipeline."""

    name = "diffuse-sd"

    def __init__(
        self, pipeline: "StableDiffusionControlNetInpaintPipeline", controls: tuple[Control, ...], size: int
    ) -> None:
        """`controls` says in their order what the pipeline's ControlNets look at."""
        self.pipeline, self.controls, self.size = pipeline, controls, size

    def paint(self, view: View, wish: Wish) -> Generator[Step, None, UInt8[np.ndarray, "S S 3"]]:
        """What is missing at full strength, then everything that is not kept at the wish's."""
        side = len(view.image)
        working = max(GRAIN, side // GRAIN * GRAIN)
        update = np.where(view.shown, 1 - view.keep, 0).astype(np.float32)
        missing = np.where(view.shown, view.generate, 0).astype(np.float32)
        passes = [(missing, 1.0)] if missing.mean() > WORTH else []
        passes += [(update, float(wish.strength))] if wish.strength > 0 and update.any() else []
        picture = view.image
        for number, (mask, strength) in enumerate(passes):
            arguments = self._arguments(view, wish, picture, mask, strength, working)
            running = stepwise(partial(self._run, arguments))
            try:
                while True:
                    try:
                        fraction, latents = next(running)
                    except StopIteration as done:
                        painted = done.value
                        break
                    yield Step((number + fraction) / len(passes), self._preview(latents))
            finally:
                running.close()
            share = mask[..., None]
            blended = share * _resized(painted, side) + (1 - share) * picture
            picture = (blended + 0.5).clip(0, 255).astype(np.uint8)
        return picture

    def _run(self, arguments: dict[str, Any], told: Any) -> np.ndarray:
        steps = max(
            1, min(int(arguments["num_inference_steps"] * arguments["strength"]), arguments["num_inference_steps"])
        )

        def after_step(pipeline: Any, index: int, time: Any, tensors: dict[str, torch.Tensor]) -> dict:
            told(((index + 1) / steps, tensors["latents"]))
            return tensors

        pipeline: Any = self.pipeline
        result = pipeline(**arguments, callback_on_step_end=after_step, output_type="np")
        return result.images[0] * 255

    def _arguments(
        self, view: View, wish: Wish, picture: np.ndarray, mask: np.ndarray, strength: float, side: int
    ) -> dict[str, Any]:
        from PIL import Image

        image = _resized(picture, side).clip(0, 255).astype(np.uint8)
        small = _resized(mask, side)
        looks = [torch.from_numpy(control_image(kind, view, image, small)).permute(2, 0, 1)[None].contiguous()
                 for kind in self.controls]  # fmt: skip
        steps = wish.steps or STEPS
        if int(steps * strength) < 1:  # the pipeline refuses to run no step at all
            steps = math.ceil(1 / strength)
        one = len(looks) == 1
        weights = [WEIGHTS[kind] for kind in self.controls]
        return {
            "prompt": f"{wish.prompt or 'photograph of a person'}, {SETTING.format(side=side_word(view.azimuth))}",
            "negative_prompt": f"{wish.negative}, {NOT_WANTED}" if wish.negative else NOT_WANTED,
            "image": Image.fromarray(image), "mask_image": Image.fromarray((small * 255).astype(np.uint8)),
            "control_image": looks[0] if one else looks,
            "controlnet_conditioning_scale": weights[0] if one else weights,
            "strength": strength, "num_inference_steps": steps,
            "guidance_scale": GUIDANCE if wish.guidance is None else wish.guidance,
            "generator": torch.Generator().manual_seed(wish.seed), "height": side, "width": side,
        }  # fmt: skip

    @torch.inference_mode()
    def _preview(self, latents: torch.Tensor) -> UInt8[np.ndarray, "H W 3"]:
        """Latents' first three channels stretched: enough to see that something emerges, at no cost."""
        image = latents[0, :3].float().cpu()
        image = (image - image.mean()) / image.std().clamp(min=1e-6) * 0.2 + 0.5
        return (image.clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()


def control_image(
    kind: Control, view: View, image: UInt8[np.ndarray, "W W 3"], mask: Float[np.ndarray, "W W"]
) -> Float[np.ndarray, "W W 3"]:
    """What a ControlNet looks at, in [0, 1]: nearness (white: near), normals (red right, green up, blue towards the
    camera), the present picture, or the picture with -1 where it is to be painted."""
    side = len(image)
    if kind == "depth":
        near = np.zeros_like(view.depth, dtype=np.float32)
        if view.shown.any():
            seen = 1 / np.maximum(view.depth[view.shown], 1e-3)
            low, high = float(seen.min()), float(seen.max())
            # The head begins well above the black of nothing.
            near[view.shown] = 0.2 + 0.8 * (seen - low) / max(high - low, 1e-6)
        return np.repeat(_resized(near, side)[..., None], 3, 2).clip(0, 1)
    if kind == "normal":
        facing = np.where(view.shown[..., None], view.normal, np.array([0, 0, 1], np.float32))
        return (_resized(facing.astype(np.float32), side) * 0.5 + 0.5).clip(0, 1)
    plain = image.astype(np.float32) / 255
    return plain if kind == "tile" else np.where(mask[..., None] > 0.5, np.float32(-1), plain)


def side_word(azimuth: float) -> str:
    """How a sentence names the side of a head that is seen from an azimuth (radians)."""
    away = abs(math.remainder(azimuth, 2 * math.pi))
    words = ((0.35, "front view"), (1.1, "three-quarter view"), (2.0, "side view"))
    return next((word for limit, word in words if away < limit), "back view, hair, back of the head")


def load(settings: PriorSettings) -> DiffuseSd:
    """A pipeline from a folder or from the local cache. Raises PriorError if the library or files are missing."""
    options = SdOptions.read(settings.options)
    try:
        import diffusers
    except ImportError as error:
        raise PriorError("diffuse-sd needs diffusers, which is not installed",
                         "Install it: pip install diffusers transformers accelerate.") from error  # fmt: skip
    on_card = torch.cuda.is_available() if settings.device == "auto" else settings.device.startswith("cuda")
    device = ("cuda" if on_card else "cpu") if settings.device == "auto" else settings.device
    dtype = torch.float16 if options.half == "yes" or (options.half == "auto" and on_card) else torch.float32
    model, nets = _found(settings.folder, options)
    try:
        controls = [diffusers.ControlNetModel.from_pretrained(place, local_files_only=True) for place in nets.values()]
        joined = controls[0] if len(controls) == 1 else diffusers.MultiControlNetModel(controls)
        pipeline = diffusers.StableDiffusionControlNetInpaintPipeline.from_pretrained(
            model, controlnet=joined, safety_checker=None, requires_safety_checker=False, local_files_only=True
        ).to(dtype)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise PriorError(
            f"the Stable Diffusion model {model} cannot be read ({_first_line(error)})",
            "Give a folder as diffusers saves it, with controlnet-depth beside the parts.",
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    _save_memory(pipeline, options.memory, device)
    side = int(pipeline.unet.config.sample_size) * int(pipeline.vae_scale_factor)
    log.info("diffuse-sd: %s with %s on %s", model, ", ".join(nets), device)
    return DiffuseSd(pipeline, tuple(nets), side)


def _save_memory(pipeline: Any, memory: Memory, device: str) -> None:
    if memory != "fast":
        pipeline.enable_attention_slicing()
        pipeline.vae.enable_slicing()
        pipeline.vae.enable_tiling()
    if memory == "offloaded" and not device.startswith("cpu"):
        pipeline.enable_sequential_cpu_offload(device=device)
    else:
        pipeline.to(device)


def _found(folder: Path | None, options: SdOptions) -> tuple[str, dict[Control, str]]:
    """Where the pipeline and its ControlNets lie: folders, or repositories of which the cache has the files."""
    if folder is not None:
        if not (folder / "model_index.json").is_file():
            raise PriorError(f"{folder} holds no model_index.json", "Give a folder as diffusers saves it.")
        places = {kind: folder / f"controlnet-{kind}" for kind in options.controls}
        nets = {kind: str(place) for kind, place in places.items() if (place / "config.json").is_file()}
        model = str(folder)
    else:
        from diffusers import ControlNetModel, StableDiffusionControlNetInpaintPipeline

        names = tuple(CACHED) if options.model is None else (options.model,)
        present = [name for name in names if _cached(StableDiffusionControlNetInpaintPipeline, name)]
        if not present:
            raise PriorError(
                f"no Stable Diffusion model is in the local cache (looked for {', '.join(names)})",
                "Name a folder in the format of diffusers, or fetch the repository into the cache yourself.",
            )
        model = present[0]
        known = CACHED.get(model, next(iter(CACHED.values())))
        nets = {kind: known[kind] for kind in options.controls if kind in known}
        nets = {kind: name for kind, name in nets.items() if _cached(ControlNetModel, name)}
    if not nets:
        raise PriorError(f"{model} has no ControlNet, and without one views do not fit the head",
                         "Put one into the folder as controlnet-depth, or fetch one into the cache.")  # fmt: skip
    return model, nets


def _cached(kind: Any, repository: str) -> bool:
    """Whether the cache has a repository's configuration; the network is not asked."""
    try:
        kind.load_config(repository, local_files_only=True)
    except OSError:
        return False
    return True


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _resized(image: np.ndarray, side: int) -> np.ndarray:
    if len(image) == side:
        return image.astype(np.float32)
    how = cv2.INTER_AREA if side < len(image) else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(image, np.float32), (side, side), interpolation=how)
