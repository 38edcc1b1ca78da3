# SPDX-License-Identifier: GPL-3.0-or-later
"""Padding around charts, so that filtering and mipmaps never mix a foreign colour into a seam."""

import numpy as np
from jaxtyping import Bool, Shaped

GUTTER = 8 / 1024
"""Width of the padding as a share of the texture's side."""


def fill(
    image: Shaped[np.ndarray, "T T C"], coverage: Bool[np.ndarray, "T T"], gutter: float = GUTTER
) -> Shaped[np.ndarray, "T T C"]:
    """The image with covered texels grown outward by the gutter; the rest takes the mean colour of what is covered."""
    import cv2

    if not coverage.any():
        return image.copy()
    gaps = np.where(coverage, 0, 255).astype(np.uint8)
    distance, label = cv2.distanceTransformWithLabels(gaps, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    source = np.zeros(int(label.max()) + 1, np.int64)
    covered = np.flatnonzero(coverage)
    source[label.reshape(-1)[covered]] = covered
    flat = image.reshape(-1, image.shape[2])
    out = np.empty_like(flat)
    out[:] = flat[covered].mean(0, dtype=np.float64).round() if image.dtype == np.uint8 else flat[covered].mean(0)
    # One texel more than asked, for the distance is approximate.
    grown = np.flatnonzero(distance.reshape(-1) <= max(2.0, gutter * len(image)) + 1)
    out[grown] = flat[source[label.reshape(-1)[grown]]]
    return out.reshape(image.shape)
