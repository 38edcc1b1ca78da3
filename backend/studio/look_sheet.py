# SPDX-License-Identifier: GPL-3.0-or-later
"""A sheet of people in every look, and with their hair in other colours, with a sentence for each picture."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import UInt8

from .assets import Pack
from .look_captions import caption
from .looks import EDITS, LOOKS, paint, recolour
from .parameters import sample_parameters
from .people import build_person
from .shading import Seen, seen
from .sittings import one_view, sitting_camera

SIDE = 160
ROWS = 3
"""Of pictures of one person."""
HAIR = EDITS["hair"][:6]


def look_strip(seed: int, pack: Pack) -> tuple[UInt8[np.ndarray, "H W 3"], list[str]]:
    """One person of a seed in all looks, then with coloured hair, in `ROWS` rows; and what would be said of each."""
    parameters = sample_parameters(seed, pack)
    random = np.random.default_rng([seed, 6])
    camera = (float(random.uniform(-0.6, 0.6)), 0.05, 0.38, 0.1)
    view = bare(one_view(build_person(parameters, pack), camera, SIDE), camera)
    record = parameters.record()
    pictures = [paint(view, look.name, seed) for look in LOOKS]
    said = [caption(record, look.name, random, None, camera[0]) for look in LOOKS]
    for colour in HAIR:
        pictures.append(recolour(view, "hair", colour))
        said.append(caption(record, "photograph", random, ("hair", colour), camera[0]))
    across = -(-len(pictures) // ROWS)
    pictures += [torch.ones(3, SIDE, SIDE)] * (ROWS * across - len(pictures))
    rows = [torch.cat(pictures[k : k + across], 2) for k in range(0, len(pictures), across)]
    strip = torch.cat(rows, 1).clamp(0, 1).permute(1, 2, 0)
    return (strip.numpy() * 255 + 0.5).astype(np.uint8), said


def bare(arrays: Mapping[str, np.ndarray], camera: tuple[float, float, float, float]) -> Seen:
    """A stored view (`sittings`) as looks are painted from."""
    rgba, normal = (torch.from_numpy(arrays[name]).permute(2, 0, 1).float() for name in ("rgba", "normal"))
    depth, part = torch.from_numpy(arrays["depth"]).float(), torch.from_numpy(arrays["part"]).long()
    return seen(rgba / 255, normal / 127, depth, part, sitting_camera(*camera))


def strips_as_sheet(strips: Sequence[UInt8[np.ndarray, "H W 3"]]) -> UInt8[np.ndarray, "H2 W2 3"]:
    """One person below the other."""
    return np.concatenate(list(strips), 0)
