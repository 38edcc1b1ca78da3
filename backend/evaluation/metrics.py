# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences between pictures and between surfaces."""

import numpy as np
from scipy.spatial import cKDTree
from skimage.metrics import structural_similarity


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio of pictures in [0, 1], dB."""
    return float(-10 * np.log10(max(np.square(picture - truth).mean(), 1e-10)))


def ssim(picture: np.ndarray, truth: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004) of pictures [H, W, 3] in [0, 1]."""
    return float(structural_similarity(picture, truth, channel_axis=-1, data_range=1.0))


def mask_iou(coverage: np.ndarray, truth: np.ndarray) -> float:
    """Overlap of two silhouettes over their union."""
    first, second = coverage > 0.5, truth > 0.5
    return float((first & second).sum() / max((first | second).sum(), 1))


def chamfer(points: np.ndarray, truth: np.ndarray, queries: int | None = None) -> float:
    """Mean of the two mean distances from one cloud to the nearest point of the other.

    Two samplings of one surface lie about half their spacing apart; with `queries` points of each asked against the
    whole of the other, that gap is as small as the clouds are dense. Clouds are taken to be in random order.
    """
    there, _ = cKDTree(truth).query(points[:queries])
    back, _ = cKDTree(points).query(truth[:queries])
    return float((there.mean() + back.mean()) / 2)


def surface_samples(vertices: np.ndarray, faces: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Points [count, 3] spread evenly over a mesh."""
    corners = vertices[faces]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    chosen = corners[random.choice(len(faces), count, p=areas / areas.sum())]
    a, b = np.sqrt(random.random((count, 1))), random.random((count, 1))
    return (1 - a) * chosen[:, 0] + a * (1 - b) * chosen[:, 1] + a * b * chosen[:, 2]
