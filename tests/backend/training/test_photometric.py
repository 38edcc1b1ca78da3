# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.geometry import TRUNCATION
from backend.geometry.fields import TriplaneField
from backend.geometry.rendering import render_views
from backend.geometry.triplane import Triplane
from backend.models.decoder import DecoderConfig, FieldDecoder
from backend.training.photometric import (
    PhotometricConfig,
    RayBatch,
    RayPool,
    composite,
    photometric_loss,
    window_points,
)
from backend.training.views import ViewSet, held_out_cameras


class Ball:
    """A ball of one colour."""

    extent = 1.0
    device = torch.device("cpu")

    def __init__(self, radius: float, colour: tuple[float, float, float]) -> None:
        self.radius, self.colour = radius, torch.tensor(colour)

    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        return (points.norm(dim=-1) - self.radius).clamp(-TRUNCATION, TRUNCATION)

    def rgb(self, points: torch.Tensor) -> torch.Tensor:
        return self.colour.expand(len(points), 3)


def pictures(field: Ball, size: int) -> ViewSet:
    cameras = held_out_cameras(4)
    views = render_views(field, cameras, size, size)
    rgb, alpha = (torch.stack([getattr(view, name) for view in views]).clone() for name in ("rgb", "alpha"))
    return ViewSet(cameras, rgb, alpha)


def test_composite_agrees_with_a_loop() -> None:
    random = torch.Generator().manual_seed(0)
    sdf, rgb = torch.randn(5, 6, generator=random) * 0.01, torch.rand(5, 6, 3, generator=random)
    colour, coverage = composite(sdf, rgb, 0.004)
    for ray in range(5):
        passing, seen = 1.0, torch.zeros(3)
        for sample in range(6):
            left = min(passing, float(torch.sigmoid(sdf[ray, sample] / 0.004)))
            seen = seen + (passing - left) * rgb[ray, sample]
            passing = left
        torch.testing.assert_close(colour[ray], seen + passing)
        torch.testing.assert_close(coverage[ray], torch.tensor(1 - passing))


def test_samples_go_from_near_to_far_through_the_window() -> None:
    origins, directions = torch.zeros(3, 3), torch.tensor([0.0, 0.0, 1.0]).expand(3, 3)
    batch = RayBatch(origins, directions, torch.full((3,), 2.0), torch.tensor([0.1, 0.2, 0.4]),
                     torch.zeros(3, 3), torch.zeros(3))  # fmt: skip
    depth = window_points(batch, 16, torch.Generator().manual_seed(0))[..., 2]
    assert (depth.diff(dim=-1) > 0).all()
    spread = (depth - 2).abs().amax(-1)
    assert (spread <= batch.half + 1e-6).all() and (spread > 0.8 * batch.half).all()


def test_the_true_field_has_nearly_no_loss_and_a_wrong_colour_has() -> None:
    views, config = pictures(Ball(0.6, (0.8, 0.3, 0.1)), 32), PhotometricConfig(rays=512, beta=0.005)
    random = torch.Generator().manual_seed(0)
    losses = []
    for colour in ((0.8, 0.3, 0.1), (0.3, 0.3, 0.1)):
        field, pool = Ball(0.6, colour), RayPool(views, config)
        pool.refresh(field, random)
        batch = pool.draw(random)
        points = window_points(batch, config.samples, random)
        flat = points.reshape(-1, 3)
        sdf, rgb = field.sdf(flat).reshape(points.shape[:-1]), field.rgb(flat).reshape(points.shape)
        losses.append(float(photometric_loss(sdf, rgb, batch, config)))
    assert losses[0] < 2e-3 and losses[1] > 0.05


def test_planes_learn_a_ball_from_its_pictures() -> None:
    torch.manual_seed(0)
    random = torch.Generator().manual_seed(0)
    views, config = pictures(Ball(0.6, (0.8, 0.3, 0.1)), 32), PhotometricConfig(rays=256, beta=0.01)
    planes = (0.1 * torch.randn(1, 3, 8, 16, 16)).requires_grad_(True)
    decoder = FieldDecoder(DecoderConfig(channels=8, hidden=16))
    optimiser = torch.optim.Adam([planes, *decoder.parameters()], lr=0.01)
    start = Ball(0.57, (0, 0, 0))
    for _ in range(80):  # a ball of about that size first, so that there is a surface to begin with
        points = torch.rand(1, 1000, 3, generator=random) * 2 - 1
        loss = (decoder(Triplane(planes).sample(points))[0] - start.sdf(points)).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    pool, losses = RayPool(views, config), []
    for step in range(120):
        if step % 20 == 0:
            pool.refresh(TriplaneField(Triplane(planes), decoder), random)
        batch = pool.draw(random)
        points = window_points(batch, config.samples, random)
        sdf, rgb = decoder(Triplane(planes).sample(points.reshape(1, -1, 3))[0])
        loss = photometric_loss(sdf.reshape(points.shape[:-1]), rgb.reshape(points.shape), batch, config)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) < 0.2 * sum(losses[:10])
    assert planes.grad is not None and planes.grad.abs().amax() > 0
