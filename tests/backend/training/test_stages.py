# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of the default generator, one after the other, on balls."""

from pathlib import Path

import pytest
import torch

from backend.models.embedding import EmbeddingConfig
from backend.models.latent_denoiser import PORTRAIT, LatentDenoiserConfig
from backend.models.plane_codec import CodecConfig
from backend.models.plane_decoder import PlaneDecoderConfig
from backend.models.portrait_reader import PortraitReader, PortraitReaderConfig
from backend.models.prior import PriorConfig
from backend.models.upsampler import UpsamplerConfig
from backend.studio.attributes import CLASSES
from backend.studio.dataset import DatasetError
from backend.synthesis.base import Condition, Sample
from backend.synthesis.rodin import Rodin
from backend.training.base import BaseStage, BaseStageConfig, load_base
from backend.training.embedding import EmbeddingTraining, load_embedding, train_embedding
from backend.training.engine import EngineConfig, train
from backend.training.export import export_weights
from backend.training.latents import LatentSet, encode_people, learn_latents, mirror_views
from backend.training.objective import ObjectiveConfig
from backend.training.photometric import PhotometricConfig
from backend.training.planes import PlanesStage, PlanesStageConfig, load_field_maker
from backend.training.portrait_set import PortraitSet
from backend.training.prior import train_prior
from backend.training.reading import ReaderStage, ReaderTraining, load_reader
from backend.training.upsampler import UpsamplerStage, UpsamplerStageConfig, load_upsampler

ENGINE = EngineConfig(steps=2, save_every=1, sheet_every=2, warm_up=1, precision="no")
OBJECTIVE = ObjectiveConfig(photometric=PhotometricConfig(rays=20, pool=40), points=50, surface_points=50)


@pytest.fixture(scope="module")
def latents(shards: Path) -> LatentSet:
    return learn_latents(shards, CodecConfig.tiny(), LatentDenoiserConfig.tiny().components)


@pytest.fixture(scope="module")
def runs(shards: Path, latents: LatentSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkpoint of every stage, two steps each."""
    runs = tmp_path_factory.mktemp("runs")
    attributes = {name: len(classes) for name, classes in CLASSES.items()}
    tiny = EmbeddingConfig.tiny()
    model = EmbeddingConfig(size=tiny.size, components=tiny.components, width=16, attributes=attributes,
                            portrait=tiny.portrait, text=tiny.text)  # fmt: skip
    train_embedding(shards, latents, runs / "embedding", ENGINE, EmbeddingTraining(batch=4, held_out=2), model)
    train_prior(shards, latents, runs / "embedding" / "embedding.pt", runs / "prior", ENGINE, model=PriorConfig.tiny())
    planes = PlanesStage(
        shards,
        PlaneDecoderConfig.tiny(),
        PlanesStageConfig(points=50, surface_points=50, objective=OBJECTIVE, points_alone=0.5, kept_points=500),
    )
    train(planes, ENGINE, runs / "planes")
    embedding = load_embedding(runs / "embedding" / "embedding.pt")
    train(ReaderStage(shards, latents, PortraitReaderConfig.tiny(), ReaderTraining(batch=4, held_out=2)), ENGINE,
          runs / "reader")  # fmt: skip
    reader = load_reader(runs / "reader" / "reader.pt")
    base = BaseStage(shards, latents, embedding, reader, LatentDenoiserConfig.tiny(), BaseStageConfig(batch=6))
    base.begin(torch.Generator().manual_seed(0), visits=40)
    train(base, ENGINE, runs / "base")
    upsampler = UpsamplerStage(
        shards, latents, load_field_maker(runs / "planes" / "planes.pt"), embedding, UpsamplerConfig.tiny(),
        UpsamplerStageConfig(objective=ObjectiveConfig(supervision="views", photometric=OBJECTIVE.photometric)),
        load_base(runs / "base" / "base.pt")[0],
    )  # fmt: skip
    train(upsampler, ENGINE, runs / "upsampler")
    return runs


def test_latents_are_standardised_symmetric_on_average_and_kept(latents: LatentSet, tmp_path: Path) -> None:
    planes = latents.planes.float()
    assert len(planes) == 2 * latents.people == 12
    assert planes.mean(0).abs().max() < 1e-2 and abs(float(planes.std()) - 1) < 1e-2
    mean = latents.codec.decode(latents.mean[None])
    torch.testing.assert_close(mirror_views(mean), mean, atol=0.05, rtol=0)
    latents.save(tmp_path / "latents.pt")
    again = LatentSet.load(tmp_path / "latents.pt")
    assert torch.equal(again.planes, latents.planes) and again.codec.config == latents.codec.config
    with pytest.raises(DatasetError, match="does not exist"):
        LatentSet.load(tmp_path / "none.pt")


def test_mirroring_twice_changes_nothing_and_once_swaps_the_sides() -> None:
    views = torch.rand(2, 3, 10, 8, 8, generator=torch.Generator().manual_seed(0))
    once = mirror_views(views)
    torch.testing.assert_close(mirror_views(once), views)
    torch.testing.assert_close(once[:, 0, :, :, 0], views[:, 0, :, :, -1])  # columns of xy are x
    torch.testing.assert_close(once[:, 2, :4], views[:, 2, 4:8])  # what the left saw, the right sees
    torch.testing.assert_close(once[:, 2, 8], -views[:, 2, 9])


def test_portraits_are_fresh_in_range_and_mirrored_with_their_angles(shards: Path) -> None:
    portraits, random = PortraitSet(shards, 32), torch.Generator().manual_seed(0)
    chosen, which = torch.tensor([0, 6]), torch.tensor([1, 1])
    (first, angles), (second, _) = (portraits.draw(chosen, random, which) for _ in range(2))
    assert first.shape == (2, 4, 32, 32) and first.abs().max() <= 1 and not torch.equal(first, second)
    assert angles[0, 0] == -angles[1, 0] != 0 and angles[0, 1] == angles[1, 1]


def test_every_stage_leaves_a_sheet(runs: Path) -> None:
    for name in ("embedding", "base", "planes", "upsampler"):
        assert (runs / name / f"{name}_000002.png").stat().st_size > 500


def test_base_and_upsampler_load_again_with_what_they_recorded(runs: Path, latents: LatentSet) -> None:
    base, record = load_base(runs / "base" / "base.pt")
    assert torch.equal(base.principal.basis, latents.basis) and record["people"] == latents.people
    upsampler, record = load_upsampler(runs / "upsampler" / "upsampler.pt")
    assert upsampler.config == UpsamplerConfig.tiny() and record["schedule"]["kind"] == "sigmoid"


def test_a_reader_learns_what_portraits_show(shards: Path, latents: LatentSet) -> None:
    """Balls differ in colour, which a picture tells."""
    config = ReaderTraining(batch=16, held_out=0, plain=1.0, facing=0.0)
    stage = ReaderStage(shards, latents, PortraitReaderConfig.tiny(), config)
    optimiser = torch.optim.Adam(stage.network.parameters(), 3e-3)
    random, missed = torch.Generator().manual_seed(0), []
    for _ in range(40):
        losses = stage.losses(random)
        optimiser.zero_grad()
        sum(losses.values(), torch.zeros(())).backward()
        optimiser.step()
        missed.append(float(losses["unexplained"].detach()))
    assert sum(missed[-5:]) < 0.6 * sum(missed[:5])


def test_a_base_model_begins_with_what_its_reader_leaves_open(shards: Path, runs: Path, latents: LatentSet) -> None:
    embedding = load_embedding(runs / "embedding" / "embedding.pt")
    reader = PortraitReader(PortraitReaderConfig.tiny()).eval()
    torch.nn.init.zeros_(reader.out.weight)
    with torch.no_grad():
        reader.out.bias.copy_(latents.coordinates[0])  # knows one person, and only that one
    stage = BaseStage(shards, latents, embedding, reader, LatentDenoiserConfig.tiny(), BaseStageConfig(plain=1.0))
    stage.begin(torch.Generator().manual_seed(0), visits=400)
    left = (latents.coordinates[0] - latents.coordinates).square().mean(0)
    assert stage.network.doubt[PORTRAIT].sigmoid().sub((1.1 * left).clamp(0.03, 0.97)).abs().max() < 0.25
    assert all(not each.requires_grad for each in stage.network.read.parameters())


def test_more_people_keep_the_code_of_those_before(shards: Path, latents: LatentSet) -> None:
    again = encode_people(shards, latents)
    torch.testing.assert_close(again.planes.float(), latents.planes.float(), atol=2e-3, rtol=0)
    torch.testing.assert_close(again.coordinates, latents.coordinates, atol=2e-2, rtol=0)
    assert torch.equal(again.seeds, latents.seeds) and again.people == latents.people


def test_conditions_of_the_upsampler_are_worn_or_what_the_base_model_makes(
    shards: Path, runs: Path, latents: LatentSet
) -> None:
    embedding = load_embedding(runs / "embedding" / "embedding.pt")
    maker, base = load_field_maker(runs / "planes" / "planes.pt"), load_base(runs / "base" / "base.pt")[0]
    lows = []
    for given in (None, base):
        stage = UpsamplerStage(
            shards, latents, maker, embedding, UpsamplerConfig.tiny(),
            UpsamplerStageConfig(predicted=1.0, without_portrait=1.0), given,
        )  # fmt: skip
        low, laid = stage.conditions(torch.tensor([0, 7]), torch.Generator().manual_seed(0))
        assert low.isfinite().all() and laid.eq(0).all()
        lows.append(low)
    assert not torch.allclose(lows[0], lows[1])


def test_all_stages_together_generate(runs: Path, tmp_path: Path) -> None:
    weights = export_weights(runs, tmp_path / "model.safetensors")
    sampling = Rodin.load(torch.device("cpu"), weights).synthesize(Condition(seed=1, steps=2))
    while True:
        try:
            next(sampling)
        except StopIteration as done:
            sample: Sample = done.value
            break
    assert sample.field.sdf(torch.zeros(1, 3)).isfinite().all() and sample.source.latent.shape == (16, 8, 24)


def test_a_missing_stage_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"embedding\.pt does not exist"):
        export_weights(tmp_path, tmp_path / "model.safetensors")
