# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.diffusion.schedule import ScheduleConfig
from backend.geometry.fields import Field
from backend.models.decoder import DecoderConfig
from backend.models.plane_codec import CodecConfig
from backend.models.triplane_unet import UNetConfig
from backend.synthesis.base import Condition, Progress
from backend.synthesis.rodin import Rodin
from backend.weights import store


@pytest.fixture(scope="module")
def rodin() -> Rodin:
    torch.manual_seed(0)
    codec = CodecConfig.tiny()
    model = store.build(
        UNetConfig.tiny(), codec, DecoderConfig(channels=codec.plane_channels, hidden=16), ScheduleConfig()
    )
    side = codec.latent_size
    model.unet.principal.learn(torch.randn(12, codec.latent_channels * side * 3 * side))
    torch.nn.init.normal_(model.unet.out.own[0].weight, std=0.05)  # else the portrait changes nothing yet
    torch.nn.init.normal_(model.unet.principal.out.weight, std=0.05)
    for module in model.modules().values():
        module.eval().requires_grad_(False)
    return Rodin(model, "test", torch.device("cpu"))


def finish(rodin: Rodin, condition: Condition) -> tuple[Field, list[Progress]]:
    sampling, seen = rodin.synthesize(condition), []
    while True:
        try:
            seen.append(next(sampling))
        except StopIteration as done:
            return done.value, seen


def portrait(value: int) -> np.ndarray:
    return np.full((256, 256, 3), value, np.uint8)


def planes(field: Field) -> torch.Tensor:
    return field.triplane.planes


def test_same_seed_same_avatar_other_seed_another(rodin: Rodin) -> None:
    first, again, other = (finish(rodin, Condition(seed=seed, steps=3))[0] for seed in (1, 1, 2))
    assert torch.equal(planes(first), planes(again)) and not torch.allclose(planes(first), planes(other))


def test_portrait_and_guidance_matter(rodin: Rodin) -> None:
    made = [
        finish(rodin, Condition(seed=1, steps=3, portrait=portrait(value), guidance=scale))[0]
        for value, scale in ((40, 1.0), (220, 1.0), (220, 3.0))
    ]
    assert not torch.allclose(planes(made[0]), planes(made[1]))
    assert not torch.allclose(planes(made[1]), planes(made[2]))


def test_what_the_matte_hides_is_not_seen(rodin: Rodin) -> None:
    matte = np.zeros((256, 256), np.float32)
    made = [finish(rodin, Condition(seed=1, steps=2, portrait=portrait(v), matte=matte))[0] for v in (40, 220)]
    assert torch.equal(planes(made[0]), planes(made[1]))


def test_progress_rises_to_one_with_previews_between(rodin: Rodin) -> None:
    field, seen = finish(rodin, Condition(seed=3, steps=7, portrait=portrait(90)))
    assert [round(step.fraction * 7) for step in seen] == [1, 2, 3, 4, 5, 6, 7]
    assert [step.preview is not None for step in seen] == [False, False, True, False, False, True, False]
    assert field.sdf(torch.zeros(5, 3)).isfinite().all()


def test_a_seed_is_sampled_twice_the_second_time_from_its_own_picture(rodin: Rodin) -> None:
    _, seen = finish(rodin, Condition(seed=3, steps=4))
    assert [step.fraction for step in seen] == [k / 8 for k in range(1, 9)]


def test_closing_ends_the_sampling(rodin: Rodin) -> None:
    sampling = rodin.synthesize(Condition(seed=1, steps=50))
    next(sampling)
    sampling.close()
    with pytest.raises(StopIteration):
        next(sampling)
