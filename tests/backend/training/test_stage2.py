# SPDX-License-Identifier: GPL-3.0-or-later
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from backend.studio.dataset import DatasetError
from backend.training.objective import Subject
from backend.training.replay import ReplayConfig, replay
from backend.training.stage2 import Stage2Config, fit_person, fit_planes, fitted_path, load_fitted, save_fitted
from backend.training.subjects import Subjects

TINY = Stage2Config(objective=ReplayConfig.tiny().objective, steps=60)


def test_a_person_gains_by_being_fitted_alone(balls: Path, tmp_path: Path) -> None:
    shared = replay(Subjects(balls, 3), tmp_path / "run", replace(ReplayConfig.tiny(), steps=40))
    data = Subjects(balls).load("00000003")
    weights = [value.clone() for value in shared.decoder.parameters()]
    arguments = pickle.loads(pickle.dumps((data, shared.mean, shared.decoder, TINY)))
    fitted = fit_person(*arguments)
    assert fitted.psnr > fitted.start_psnr + 1.5
    assert fitted.gain_per_second == pytest.approx((fitted.psnr - fitted.start_psnr) / fitted.seconds)
    assert all(torch.equal(a, b) for a, b in zip(weights, shared.decoder.parameters(), strict=True))
    planes, figures = load_fitted(save_fitted(fitted, tmp_path))
    assert torch.equal(planes, fitted.planes) and figures["psnr"] == round(fitted.psnr, 3)

    config = replace(TINY, steps=5, objective=replace(TINY.objective, supervision="points"))
    together = [Subject(config.objective, None, Subjects(balls).load(f"{k:08d}").points, torch.device("cpu"))
                for k in (0, 1)]  # fmt: skip
    pair = fit_planes(torch.stack([shared.mean] * 2), shared.decoder, together, config, 0)
    assert pair.shape[0] == 2 and not torch.equal(pair[0], pair[1])


def test_damaged_results_are_refused(tmp_path: Path) -> None:
    path = fitted_path(tmp_path, "a")
    path.write_bytes(b"nothing")
    with pytest.raises(DatasetError, match="no fitted planes"):
        load_fitted(path)
