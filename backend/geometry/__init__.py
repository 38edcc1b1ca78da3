# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras, triplanes and fields: tensor maths that every later layer stands on.

Conventions, stated once for the whole project:

- world: right-handed, +Y up, a face looks towards +Z; a bust fills the box [-1, 1]^3 and is cut flat at y = -1;
- cameras: OpenCV (x right, y down, z forward), intrinsics divided by image size, so that they fit any resolution;
- signed distance is negative inside and truncated (see `TRUNCATION`); colours are sRGB-encoded in [0, 1];
- images have their top row first; UV origin is bottom left; angles are radians.

Shape letters: `B` batch, `C` channels, `R` plane resolution, `N` points, `M` rays, `S` samples per ray, `H W` image; a
leading `*B` is any batch.
"""

TRUNCATION = 0.1
"""Fields know the distance to the surface only up to this value (box units); beyond it they say this value."""
