# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixed scenes for the sampling claims: studio people with hair as signed distances, and the network that proposes.

The planes are those that the shipped encoder gives; surfaces are as soft as the paper's are at the end of its schedule
(its beta of 0.001 in a box of side 1 is 0.002 in ours).
"""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..geometry.bins import robust_set
from ..geometry.cameras import Camera, orbit
from ..geometry.fields import SoftField, TriplaneField
from ..geometry.proposed import proposal, reach
from ..geometry.sampling import Sampler, TwoPass, box_span
from ..geometry.sparse import SparseField
from ..geometry.triplane import Triplane
from ..geometry.volume import VolumeView, volume_render
from ..models.field_encoder import FieldEncoder
from ..models.plane_codec import views_to_input
from ..models.proposal import ProposalCNN, ProposalConfig
from ..studio.assets import Pack
from ..studio.dataset import axis_views
from ..studio.parameters import sample_parameters
from ..studio.people import build_person
from ..studio.views import Scene
from ..training.proposal import ProposalTraining, train_proposal
from ..weights.store import ENCODER, file_hash, load_encoder
from .base import Progress, Settings

TEACHERS = 8
"""People on whom the proposal network is trained; none of them is rendered by a claim."""
FIRST_TEACHER, FIRST_JUDGED = 1000, 2000
"""Where the search for people with hair begins."""
REFERENCE = TwoPass(192, 192, stratified=True)
"""The paper's pseudo ground truth for sampling tests."""


@dataclass(frozen=True, slots=True)
class SamplingScene:
    """One person, one camera, and what is seen with 384 samples a pixel."""

    field: SparseField
    camera: Camera
    size: int
    rgb: Float[Tensor, "H W 3"]
    depth: Float[Tensor, "H W"]
    seed: int

    def render(self, sampler: Sampler, draw: int = 0) -> VolumeView:
        """A picture with jittered samples."""
        random = torch.Generator().manual_seed(1000 * self.seed + draw)
        return volume_render(self.field, self.camera, self.size, self.size, sampler, random=random)

    def errors(self, view: VolumeView) -> Float[Tensor, " N"]:
        """Squared error of every pixel."""
        return (view.rgb - self.rgb).square().mean(-1).reshape(-1)


def scene(settings: Settings, seed: int, model: FieldEncoder) -> SamplingScene:
    """The scene of one seed: its own person, from its own side."""
    field = soft_person(settings, people_with_hair(settings, FIRST_JUDGED + 100 * seed, 1)[0], model)
    size = settings.pick(256, 32)
    angle = np.random.default_rng([seed, 5]).uniform([-0.9, -0.2], [0.9, 0.3])
    camera = orbit(*angle.tolist())
    kept = settings.cache / "scenes" / f"view_{settings.size}_{seed}.npz"
    if not kept.exists():
        view = volume_render(field, camera, size, size, REFERENCE, random=torch.Generator().manual_seed(seed))
        with _unfinished(kept).open("wb") as file:
            np.savez(file, rgb=view.rgb.numpy(), depth=view.depth.numpy())
        _unfinished(kept).replace(kept)
    with np.load(kept) as stored:
        rgb, depth = torch.from_numpy(stored["rgb"]), torch.from_numpy(stored["depth"])
    return SamplingScene(field, camera, size, rgb, depth, seed)


def soft_person(settings: Settings, person: int, model: FieldEncoder) -> SparseField:
    """A studio person with a soft surface."""
    return SparseField(SoftField(encoded_person(settings, person, model), settings.pick(0.002, 0.008)))


def encoded_person(settings: Settings, person: int, model: FieldEncoder) -> TriplaneField:
    """A studio person as the shipped encoder sees them; kept in the run's cache."""
    kept = settings.cache / "scenes" / f"planes_{file_hash(ENCODER)}_{person}.npy"
    if not kept.exists():
        pack = Pack(settings.pack)
        views = axis_views(Scene(build_person(sample_parameters(person, pack), pack).parts))
        rgba, depth = (torch.from_numpy(view)[None] for view in views)
        rgba = (rgba.clamp(0, 1) * 255 + 0.5).byte()
        planes = model.field_of_views(views_to_input(rgba, depth.half(), model.codec.config.view_size)).triplane.planes

        with _unfinished(kept).open("wb") as file:
            np.save(file, planes.numpy())
        _unfinished(kept).replace(kept)
    return TriplaneField(Triplane(torch.from_numpy(np.load(kept))), model.decoder)


def proposal_network(settings: Settings, model: FieldEncoder, progress: Progress) -> ProposalCNN:
    """The network of all sampling claims of a run, trained by the first of them."""
    config = settings.pick(ProposalConfig.small(), ProposalConfig.tiny())
    training = settings.pick(
        ProposalTraining(patches=128, steps=400),
        ProposalTraining(image=32, patch=8, margin=1, patches=4, steps=8),
    )
    recipe = repr((asdict(config), asdict(training), TEACHERS, FIRST_TEACHER, file_hash(ENCODER), settings.size))
    kept = settings.cache / "scenes" / f"proposal_{hashlib.sha256(recipe.encode()).hexdigest()[:12]}.safetensors"
    network = ProposalCNN(config)
    if not kept.exists():
        teachers = []
        for index, person in enumerate(people_with_hair(settings, FIRST_TEACHER, settings.pick(TEACHERS, 2))):
            progress("people for the proposal network", 0.1 * index / TEACHERS)
            teachers.append(soft_person(settings, person, model))
        network = train_proposal(teachers, config, training, 0, lambda stage, share: progress(stage, 0.1 + 0.4 * share))
        save_file(network.state_dict(), _unfinished(kept))
        _unfinished(kept).replace(kept)
    network.load_state_dict(load_file(kept))
    return network.eval().requires_grad_(False)


def prepare(settings: Settings, progress: Progress) -> tuple[ProposalCNN, list[SamplingScene]]:
    """What a sampling claim needs: the network, and a scene for every seed."""
    model = load_encoder()
    network = proposal_network(settings, model, progress)
    scenes = []
    for index, seed in enumerate(settings.seeds):
        progress("pictures with 384 samples", 0.5 + 0.2 * index / len(settings.seeds))
        scenes.append(scene(settings, seed, model))
    return network, scenes


def decibels(errors: Tensor) -> float:
    """PSNR of squared errors."""
    return float(-10 * errors.mean().clamp_min(1e-10).log10())


def wide_sets(scene: SamplingScene, network: ProposalCNN, budget: int) -> Bool[Tensor, " N"]:
    """Pixels whose robust set has more bins than a budget has samples."""
    rays = scene.camera.rays(scene.size, scene.size)
    bounds = reach(box_span(rays, scene.field.extent))
    probability, _ = proposal(scene.field, rays, (scene.size, scene.size), network, bounds)
    return robust_set(probability).sum(-1) > budget


def people_with_hair(settings: Settings, first: int, count: int) -> list[int]:
    """Seeds of the first people from one on who have hair."""
    pack = Pack(settings.pack)
    found: list[int] = []
    person = first
    while len(found) < count and person < first + 100:
        if sample_parameters(person, pack).hair is not None:
            found.append(person)
        person += 1
    return found


def _unfinished(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_suffix(".part")
