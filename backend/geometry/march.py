# SPDX-License-Identifier: GPL-3.0-or-later
"""A march that the signed distance guides: where to ask a field, and how samples become opacity and colour.

Far from the surface a ray strides over empty cells without asking; near it the stride is the distance less the soft
shell; in the shell it is what lets the distance fall by the shell's width. Between two samples distance and colour are
taken as linear, and opacity is integrated in closed form, so steps may be as long as that holds: a dozen questions a
ray give what uniform sampling gives with thousands. `marching` is the same, compiled, for triplanes on a CPU.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import softplus

from .cameras import Rays
from .fields import Field, TriplaneField, VolumeField
from .occupancy import Occupancy, ask

Opacity = Literal["logistic", "laplace"]
"""How distance becomes opacity: see `rendering.render`."""
PIECES = 4
"""Parts of a step on which colour is taken as constant where a density is integrated."""
EDGE = 1e-4
"""Distance from the box at which a ray's first and last questions may lie."""
TILE = 1024
"""Rays that a thread takes at a time."""


class Rules(NamedTuple):
    """How far a ray steps and when it ends; lengths in units of the surface's width beta."""

    trust: float = 0.8
    """Share of a distance that is stepped outside the shell: a trained distance is a little too steep."""
    entry: float = 2.0
    """Distance at which a step from outside wants to arrive."""
    shell: float = 4.0
    """Distance below which a ray is inside the shell."""
    fall: float = 1.0
    """How far the distance shall fall on a step inside the shell."""
    graze: float = 1.0
    """Least step."""
    opaque: float = 0.02
    """A ray ends when less than this passes; the rest counts as the last sample's."""
    horizon: float = 9.0
    """Distance beyond which a sample is not seen."""
    questions: float = 600
    """Bound for a ray that grazes the surface all along."""


PLAIN = Rules()


@dataclass(frozen=True, slots=True)
class March:
    """What is known of each ray."""

    rgb: Float[Tensor, "M 3"]
    """Colour, weighted by opacity."""
    distance: Float[Tensor, " M"]
    """Mean distance from the origin to what is seen; 0 where nothing is."""
    passing: Float[Tensor, " M"]
    """Light that passes."""
    questions: int
    """Points asked."""


def march(
    field: Field,
    grid: Occupancy,
    origins: Float[Tensor, "M 3"],
    directions: Float[Tensor, "M 3"],
    beta: float,
    opacity: Opacity = "logistic",
    rules: Rules = PLAIN,
    order: Int[Tensor, " M"] | None = None,
) -> March:
    """The quickest march there is for the field; rays are taken in `order`, as neighbours share texels."""
    kernel = field.kernel() if isinstance(field, TriplaneField) else None
    if kernel is None:
        return march_plain(field, grid, origins, directions, beta, opacity, rules)
    import numpy as np

    from . import TRUNCATION
    from .compiled import share
    from .marching import march_rays

    laplace = opacity == "laplace"
    clear = _clear(grid, opacity).contiguous().numpy()
    starts, headings = origins.float().contiguous().numpy(), directions.float().contiguous().numpy()
    turn = np.arange(len(starts)) if order is None else order.contiguous().numpy()
    out = np.empty((len(starts), 5), np.float32)
    if laplace and isinstance(field, VolumeField) and len(starts):
        beta = float(field.values(origins[:1]).beta)
    steps = Rules(*map(float, rules))  # one type of number: another would be compiled anew
    counts: list[int] = []
    share(
        len(starts),
        TILE,
        lambda first, last: counts.append(
            march_rays(
                kernel.planes, kernel.layers, TRUNCATION, clear, float(grid.extent), starts, headings, turn,
                first, last, laplace, beta, steps, out,
            )
        ),
    )  # fmt: skip
    sums = torch.from_numpy(out)
    distance = sums[:, 3] / (1 - sums[:, 4]).clamp_min(1e-6)
    return March(sums[:, :3], distance, sums[:, 4], sum(counts))


@torch.inference_mode()
def march_plain(
    field: Field,
    grid: Occupancy,
    origins: Float[Tensor, "M 3"],
    directions: Float[Tensor, "M 3"],
    beta: float,
    opacity: Opacity = "logistic",
    rules: Rules = PLAIN,
) -> March:
    """The march in torch, for any field on any device: the twin to which the compiled one is held."""
    clear = _clear(grid, opacity)
    count = len(origins)
    rgb, distance, passing = origins.new_zeros(count, 3), origins.new_zeros(count), origins.new_ones(count)
    first, last = Rays(origins, directions).span(grid.extent)
    ray = torch.nonzero(last > first)[:, 0]
    t = _skip(clear, grid, origins[ray], directions[ray], first[ray] + EDGE, last[ray])
    alive, questions = t < last[ray], 0
    ray, t = ray[alive], t[alive]
    state = _Rays(ray, t)
    for asked in range(int(rules.questions)):
        if not len(state.ray):
            break
        start, heading = origins[state.ray], directions[state.ray]
        s, colour, width = _look(field, start + state.t[:, None] * heading, beta, opacity, rules)
        questions += len(s)
        if asked == 0:
            state.old_t, state.old_s, slope = state.t, s + 1e3, torch.ones_like(s)
        else:
            slope = (state.old_s - s) / (state.t - state.old_t)
        nearby = s < rules.horizon * width
        state.old_rgb = torch.where((nearby & ~state.nearby)[:, None], colour, state.old_rgb)
        colour = torch.where(nearby[:, None], colour, state.old_rgb)
        through = _through_surface if opacity == "logistic" else _through_density
        light, place = through(state, s, width, asked)
        light = torch.where(nearby | state.nearby, light, state.light)
        weight, state.light = state.light - light, light
        rgb[state.ray] += weight[:, None] * torch.lerp(state.old_rgb, colour, place[:, None])
        distance[state.ray] += weight * torch.lerp(state.old_t, state.t, place)
        state.nearby, state.older_t, state.older_s = nearby, state.old_t, state.old_s
        state.old_t, state.old_s, state.old_rgb = state.t, s, colour
        outside = (rules.trust * (s - rules.entry * width)).maximum(rules.graze * width)
        inside = (rules.fall * width / slope.clamp_min(0.05)).minimum((rules.trust * s).maximum(rules.graze * width))
        onward, end = state.t + torch.where(s > rules.shell * width, outside, inside), last[state.ray]
        # What lies before the end of the box still counts.
        stays = (onward >= end - EDGE) & (state.t < end - 2 * EDGE) & (s <= rules.shell * width)
        onward = torch.where(stays, end - EDGE, onward)
        state.t = _skip(clear, grid, start, heading, onward, end)
        done = state.light < rules.opaque
        rest = torch.where(done, state.light, 0.0)
        rgb[state.ray] += rest[:, None] * colour
        distance[state.ray] += rest * state.old_t
        state.light = torch.where(done, 0.0, state.light)
        passing[state.ray] = state.light
        state.keep(torch.nonzero(~done & (state.t < end))[:, 0])
    return March(rgb, distance / (1 - passing).clamp_min(1e-6), passing, questions)


class _Rays:
    """Rays under way: place, last two samples, least distance and light yet."""

    def __init__(self, ray: Int[Tensor, " M"], t: Float[Tensor, " M"]) -> None:
        self.ray, self.t = ray, t
        self.light, self.least = torch.ones_like(t), torch.full_like(t, 1e3)
        self.old_t, self.old_s, self.older_t, self.older_s = (torch.zeros_like(t) for _ in range(4))
        self.nearby, self.old_rgb = torch.zeros_like(t, dtype=torch.bool), t.new_zeros(len(t), 3)

    def keep(self, rows: Int[Tensor, " K"]) -> None:
        """Forget the other rays."""
        if len(rows) < len(self.ray):
            for name, values in vars(self).items():
                setattr(self, name, values[rows])


def _clear(grid: Occupancy, opacity: Opacity) -> Float[Tensor, "G G G"]:
    # A density reaches further than the shell: cells beside those near the surface are asked, too.
    if opacity == "logistic":
        return grid.clear
    return torch.where(grid.clear < 2 * grid.extent / len(grid.clear), 0.0, grid.clear)


def _skip(
    clear: Float[Tensor, "G G G"],
    grid: Occupancy,
    origins: Float[Tensor, "M 3"],
    directions: Float[Tensor, "M 3"],
    t: Float[Tensor, " M"],
    last: Float[Tensor, " M"],
) -> Float[Tensor, " M"]:
    # The next place on each ray where the field must be asked, or a place behind its end.
    t, flat = t.clone(), clear.reshape(-1)
    moving = torch.nonzero(t < last)[:, 0]
    while len(moving):
        step = flat[grid.cells(origins[moving] + t[moving, None] * directions[moving])]
        t[moving] += step
        moving = moving[(step > 0) & (t[moving] < last[moving])]
    return t


def _look(
    field: Field, points: Float[Tensor, "N 3"], beta: float, opacity: Opacity, rules: Rules
) -> tuple[Float[Tensor, " N"], Float[Tensor, "N 3"], Float[Tensor, " N"]]:
    # Distance, colour where it can be seen, and width.
    s = ask(field, points)
    width = torch.full_like(s, beta)
    if opacity == "laplace" and isinstance(field, VolumeField):
        width = field.values(points).beta
    colour = points.new_zeros(len(points), 3)
    nearby = torch.nonzero(s < rules.horizon * width)[:, 0]
    if len(nearby):
        colour[nearby] = field.rgb(points[nearby])
    return s, colour, width


def _through_surface(
    state: _Rays, s: Float[Tensor, " M"], beta: Float[Tensor, " M"], asked: int
) -> tuple[Float[Tensor, " M"], Float[Tensor, " M"]]:
    # Light passes as a logistic function of the least distance yet (Wang et al. 2021, eq. 13), linear between samples:
    # what passes now, and the mean place of what does not between the last sample and this.
    least, old = state.least, state.old_s
    falls = s < least
    a, b = torch.minimum(least, old) / beta, s / beta
    left = torch.sigmoid(b)
    mean = (softplus(a) - softplus(b) - (a - b) * left) / ((a - b) * (state.light - left)).clamp_min(1e-20)
    start = torch.where(old > least, (old - least) / (old - s), 0.0)
    place = torch.where(falls, start + (1 - start) * mean.clamp(0, 1), 0.0)
    light, state.least = torch.where(falls, left, state.light), torch.where(falls, s, least)
    if asked > 1:  # the last sample was the least: between the three the distance was lower still
        turns = ~falls & (old == least)
        lowest = _lowest(state, s)
        light = torch.where(turns, torch.sigmoid(lowest / beta), light)
        state.least = torch.where(turns, lowest, state.least)
    return light, place


def _lowest(state: _Rays, s: Float[Tensor, " M"]) -> Float[Tensor, " M"]:
    # The parabola's least value through the last three samples, but none that a slope of 1 could not reach.
    d1, d2 = state.old_t - state.older_t, state.t - state.old_t
    a, b = (state.old_s - state.older_s) / d1, (s - state.old_s) / d2
    slope, bend = (a * d2 + b * d1) / (d1 + d2), (b - a) / (d1 + d2)
    bound = torch.where(slope < 0, (state.old_s + s - d2) / 2, (state.older_s + state.old_s - d1) / 2)
    lowest = (state.old_s - slope.square() / (4 * bend)).maximum(bound).minimum(state.old_s)
    return torch.where(bend > 0, lowest, state.old_s)


def _through_density(
    state: _Rays, s: Float[Tensor, " M"], beta: Float[Tensor, " M"], asked: int
) -> tuple[Float[Tensor, " M"], Float[Tensor, " M"]]:
    # The same for a Laplace density (Yariv et al. 2021, eqs. 2-3): its optical depth where the distance is linear.
    light, moment, old = state.light, torch.zeros_like(s), state.old_s
    piece = (state.t - state.old_t) / PIECES
    for n in range(PIECES):
        a, b = old + (s - old) * n / PIECES, old + (s - old) * (n + 1) / PIECES
        tail = torch.exp(-a.abs() / beta) / 2
        flat = torch.where(a > 0, tail, 1 - tail)
        sloped = (_psi_integral(a, beta) - _psi_integral(b, beta)) / torch.where(a == b, 1.0, a - b)
        depth = piece / beta * torch.where((a - b).abs() > 1e-3 * beta, sloped, flat)
        after = light * torch.exp(-depth.clamp_min(0))
        moment = moment + (light - after) * (n + 0.5) / PIECES
        light = after
    return light, moment / (state.light - light).clamp_min(1e-12)


def _psi_integral(s: Float[Tensor, " M"], beta: Float[Tensor, " M"]) -> Float[Tensor, " M"]:
    # The integral over s of the Laplace distribution function Psi(-s).
    tail = beta / 2 * torch.exp(-s.abs() / beta)
    return torch.where(s > 0, -tail, s - tail)
