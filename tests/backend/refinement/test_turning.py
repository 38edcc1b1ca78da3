# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.refinement.turning import to_world


def test_normals_are_turned_into_the_worlds() -> None:
    towards_camera = torch.tensor([0.0, 0, 1])[None, :, None, None]
    assert to_world(towards_camera, 0.0, 0.0).flatten().tolist() == pytest.approx([0, 0, 1])
    assert to_world(towards_camera, np.pi / 2, 0.0).flatten().tolist() == pytest.approx([1, 0, 0], abs=1e-6)
    up = torch.tensor([0.0, 1, 0])[None, :, None, None]
    assert to_world(up, 0.7, 0.0).flatten().tolist() == pytest.approx([0, 1, 0], abs=1e-6)
    assert to_world(up, 0.0, 0.5).flatten().tolist() == pytest.approx([0, np.cos(0.5), -np.sin(0.5)], abs=1e-6)
