# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest
import torch

from backend.models.portrait_vae import SCALING, PortraitVAE, PortraitVAEError

diffusers = pytest.importorskip("diffusers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small autoencoder of SDXL's kind, as its folder lies on a disk."""
    torch.manual_seed(0)
    place = tmp_path_factory.mktemp("sdxl") / "vae"
    diffusers.AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(8, 16, 16, 16), norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, layers_per_block=1,
    ).save_pretrained(place)  # fmt: skip
    return place.parent


def test_features_and_latent_are_the_autoencoders_own(folder: Path) -> None:
    vae = PortraitVAE.load(folder, image_size=32)
    portrait = torch.rand(2, 3, 32, 32) * 2 - 1
    seen = vae(portrait)
    assert [tuple(scale.shape[1:3]) for scale in seen.features] == list(vae.scales) == [(8, 16), (16, 8), (16, 4)]
    assert tuple(seen.latent.shape[1:3]) == vae.latent == (4, 4)
    whole = diffusers.AutoencoderKL.from_pretrained(folder / "vae")
    with torch.no_grad():
        moments = whole.encode(portrait).latent_dist
    torch.testing.assert_close(seen.latent, moments.mean * SCALING)
    kept = []
    whole.encoder.down_blocks[1].register_forward_hook(lambda block, given, out: kept.append(out))
    whole.encode(portrait)
    torch.testing.assert_close(seen.features[1], kept[0])


def test_latents_are_drawn_around_their_mean(folder: Path) -> None:
    vae = PortraitVAE.load(folder / "vae", image_size=32)
    portrait = (torch.rand(1, 3, 32, 32) * 2 - 1).expand(400, -1, -1, -1)
    drawn, mean = vae(portrait, torch.Generator().manual_seed(0)).latent, vae(portrait[:1]).latent
    assert drawn.std(0).min() > 0
    assert ((drawn.mean(0) - mean[0]).abs() < 5 * drawn.std(0) / 20).all()


def test_pictures_of_other_sizes_are_resized(folder: Path) -> None:
    vae = PortraitVAE.load(folder, image_size=32)
    grey = vae(torch.zeros(1, 3, 64, 64)).latent
    torch.testing.assert_close(grey, vae(torch.zeros(1, 3, 32, 32)).latent, atol=1e-5, rtol=1e-4)


def test_a_folder_without_one_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(PortraitVAEError, match="holds no autoencoder") as refusal:
        PortraitVAE.load(tmp_path)
    assert "config.json" in refusal.value.hint


def test_nothing_of_it_is_trained(folder: Path) -> None:
    vae = PortraitVAE.load(folder, image_size=32)
    assert not any(parameter.requires_grad for parameter in vae.parameters())
