# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the cameras of a refinement stand, in the order in which they paint."""

import math

RING = 8
"""Views around the head at most; further ones look from above and below."""
OVER = ((0.0, 1.05), (0.0, -0.6), (math.pi, 0.8), (0.7, 0.8), (-0.7, 0.8), (2.4, -0.5), (-2.4, -0.5), (math.pi, -0.6))
"""Azimuth and elevation (radians) of those: crown, chin, back of the crown, temples, nape."""
MOST = RING + len(OVER)


def viewpoints(count: int) -> list[tuple[float, float]]:
    """Azimuth and elevation (radians) of 1 to `MOST` views: the front, outward on both sides in turn, the back.

    The front comes first because everything else is painted to match it.
    """
    ring = min(count, RING)
    apart = 2 * math.pi / ring
    outward = [0.0]
    for step in range(1, (ring + 1) // 2):
        outward += [step * apart, -step * apart]
    if ring % 2 == 0:
        outward.append(math.pi)
    return [(azimuth, 0.0) for azimuth in outward] + list(OVER[: count - ring])
