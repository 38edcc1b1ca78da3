# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from backend import synthesis
from backend.geometry import TRUNCATION
from backend.models.portrait_encoder import PortraitEncoder, PortraitEncoderConfig
from backend.surface.extract import extract
from backend.synthesis.base import Condition, Edit, Progress, Sample
from backend.synthesis.gan_inversion import Inversion
from backend.synthesis.sdf_gan import UNTUNED, SdfGanSynthesizer
from backend.synthesis.source import Source, SourceError
from backend.weights.sdf_gan import SdfGanFileConfig, TrainedSdfGan, save_sdf_gan

INVERSION = Inversion(side=16, coarse=8, fine=8, keep_points=50)


def drain(steps: Generator[Progress, None, Sample]) -> tuple[list[Progress], Sample]:
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as done:
            return seen, done.value


@pytest.fixture(scope="module")
def made() -> SdfGanSynthesizer:
    torch.manual_seed(0)
    # Wide heads: their sphere is round.
    config = SdfGanFileConfig.tiny()
    model = TrainedSdfGan.build(replace(config, generator=replace(config.generator, hidden=128)))
    return SdfGanSynthesizer(
        model, "heads", "0123456789abcdef", torch.device("cpu"), side=33,
        eye=lambda: PortraitEncoder(PortraitEncoderConfig.tiny()), inversion=INVERSION,
    )  # fmt: skip


def person(made: SdfGanSynthesizer, **condition: object) -> Sample:
    return drain(made.synthesize(Condition(**condition)))[1]  # type: ignore[arg-type]


def test_a_seed_is_a_person_with_a_surface(made: SdfGanSynthesizer) -> None:
    steps, sample = drain(made.synthesize(Condition(seed=3)))
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert any(step.preview is not None and step.preview.shape == (96, 96, 3) for step in steps)
    mesh = extract(sample.field, 32)
    radius = np.linalg.norm(mesh.vertices, axis=1)
    assert 0.45 < np.median(radius) < 0.75
    # Near the surface what the grid says is a distance: its slope is 1, whatever the network's was.
    points = torch.from_numpy(mesh.vertices[::7]).float()
    outward = torch.nn.functional.normalize(points, dim=-1)
    rise = sample.field.sdf(points + 0.05 * outward) - sample.field.sdf(points)
    assert 0.7 < float(rise.median()) / 0.05 < 1.1
    assert float(sample.field.sdf(torch.zeros(1, 3))) == pytest.approx(-TRUNCATION)
    again = person(made, seed=3)
    assert np.array_equal(again.source.latent, sample.source.latent)
    assert not np.array_equal(person(made, seed=4).source.latent, sample.source.latent)


def test_truncation_draws_people_together(made: SdfGanSynthesizer) -> None:
    def apart(temperature: float | None) -> float:
        first, second = (person(made, seed=seed, temperature=temperature).source.latent for seed in (1, 2))
        return float(np.abs(first - second).mean())

    assert apart(0.0) == 0 < apart(None) < apart(1.0)


def test_people_are_interpolated_and_mixed_by_layers(made: SdfGanSynthesizer) -> None:
    first, second = (person(made, seed=seed).source for seed in (1, 2))
    half = person(made, blend=((first, 1.0), (second, 3.0))).source.latent
    np.testing.assert_allclose(half, 0.25 * first.latent + 0.75 * second.latent, atol=2e-3)
    mixed = person(made, blend=((first, 0.5), (second, 0.5)), layers=0.5).source.latent
    cut = round(0.5 * made.model.config.generator.styles)
    assert np.array_equal(mixed[:, :cut], first.latent[:, :cut])
    assert np.array_equal(mixed[:, cut:], second.latent[:, cut:])
    packed = Source.unpack(person(made, blend=((first, 1.0),)).source.pack())
    assert np.array_equal(packed.latent, first.latent)


def test_what_it_cannot_do_is_said(made: SdfGanSynthesizer) -> None:
    source = person(made, seed=1).source
    other = Source(source.latent, source.embedding, "fedcba9876543210")
    for condition, message in [
        (Condition(sentence="an old man"), "no sentences"),
        (Condition(edit=Edit(source=source, sentence="older")), "no sentences"),
        (Condition(blend=((other, 1.0),)), "not made by"),
        (Condition(blend=((source, 1.0),) * 3, layers=0.5), "two avatars, got 3"),
    ]:
        with pytest.raises(SourceError, match=message):
            drain(made.synthesize(condition))


def test_a_portrait_is_looked_for_and_can_be_given_up(made: SdfGanSynthesizer) -> None:
    portrait = np.full((256, 256, 3), 120, np.uint8)
    y, x = np.mgrid[:256, :256]
    matte = ((x - 128) ** 2 + (y - 120) ** 2 < 90**2).astype(np.float32)
    asked = Condition(portrait=portrait, matte=matte, invert=6)
    steps, sample = drain(made.synthesize(asked))
    assert sum(step.stage == "likeness" for step in steps) == 6 and sample.notes == (UNTUNED,)
    assert [step.fraction for step in steps] == sorted(step.fraction for step in steps)
    begun = made.synthesize(asked)
    next(begun)
    begun.close()
    assert person(made, seed=1).source.latent.shape == sample.source.latent.shape


def test_a_model_in_the_users_folder_is_offered(
    made: SdfGanSynthesizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAQUETTE_MODELS", str(tmp_path))
    assert "people" not in synthesis.available()
    save_sdf_gan(made.model, tmp_path / "people.safetensors")
    assert synthesis.available()["people"] == ("portrait", "seed")
    loaded = synthesis.load("people", "cpu")
    assert isinstance(loaded, SdfGanSynthesizer) and len(loaded.model_hash) == 16
