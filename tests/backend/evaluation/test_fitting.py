# SPDX-License-Identifier: GPL-3.0-or-later
from backend.evaluation.fitting import forgetting, quality
from backend.training.replay import Memory


def test_forgetting_is_told_by_tenths_in_the_order_of_visits() -> None:
    found = [Memory(str(k), 30.0, 30.0 - 0.1 * (19 - k)) for k in range(20)]
    report = forgetting(found)
    assert report["psnr_then"] == 30 and report["worst_change"] == -1.9
    assert report["first_tenth_change"] == -1.85 and report["first_tenth_worst_change"] == -1.9
    assert report["change"] == -0.95 and report["people"]["19"] == [30.0, 30.0]
    assert forgetting([])["change"] is None


def test_quality_averages_who_was_fitted_and_names_who_was_not() -> None:
    figures = {"steps": 9, "seconds": 2.0, "psnr": 31.0, "start_psnr": 27.0, "db_per_second": 2.0}
    entries = {
        "a": {"file": "planes_a.safetensors", "figures": figures},
        "b": {"file": "planes_b.safetensors", "figures": figures | {"psnr": 33.0, "seconds": 4.0}},
        "c": {"problem": "no head"},
    }
    report = quality(entries)
    assert report["fitted"] == 2 and report["problems"] == {"c": "no head"}
    assert report["psnr"] == 32 and report["least_psnr"] == 31 and report["seconds_per_person"] == 3
    unjudged = {"a": {"figures": figures | {"psnr": None, "start_psnr": None, "db_per_second": None}}}
    assert "psnr" not in quality(unjudged)
