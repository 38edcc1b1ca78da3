# SPDX-License-Identifier: GPL-3.0-or-later
import dataclasses
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from backend.claims import CLAIMS
from backend.claims.base import ClaimError, Settings
from backend.claims.run import as_json, chosen, finished, load_result, run_claim, run_claims


def ignore(stage: str, share: float) -> None:
    pass


def test_ids_in_any_case_and_in_the_order_of_the_table() -> None:
    assert chosen([]) == list(CLAIMS)
    assert chosen(["h4", "R2"]) == ["R2", "H4"]
    with pytest.raises(ClaimError, match="there is no claim Q9, Z1") as error:
        chosen(["R2", "Q9", "Z1"])
    assert ", ".join(CLAIMS) in error.value.hint


def test_one_object_of_the_list(toy: ModuleType, settings: Settings) -> None:
    row = json.loads(json.dumps(as_json(run_claim("T1", settings, ignore))))
    assert {"id", "published", "ours", "verdict", "why"} <= set(row)
    assert row["id"] == "T1" and row["verdict"] == "reproduced" and row["published"]["size"] == 0.5
    assert row["ours"]["seeds"]["mean"] == pytest.approx(
        [np.random.default_rng(seed).random(10).mean() for seed in (0, 1, 2)], abs=1e-6
    )
    assert row["ours"]["size"] == pytest.approx(np.mean(row["ours"]["seeds"]["mean"]), abs=1e-5)
    assert row["ours"]["sign"] == row["published"]["sign"] == 1


def test_what_is_finished_is_kept(toy: ModuleType, settings: Settings, tmp_path: Path) -> None:
    first = next(run_claims(["T1"], settings, tmp_path, ignore))
    kept = next(run_claims(["T1"], settings, tmp_path, ignore))
    assert toy.RUNS == [3]
    assert kept.outcome.ours == first.outcome.ours and kept.why == first.why and kept.seconds == first.seconds
    assert np.array_equal(kept.outcome.pictures["a ramp"], first.outcome.pictures["a ramp"])
    assert [result.claim.id for result in finished(settings, tmp_path)] == ["T1"]
    next(run_claims(["T1"], settings, tmp_path, ignore, again=True))
    next(run_claims(["T1"], dataclasses.replace(settings, seeds=(0, 1, 2, 3)), tmp_path, ignore))
    assert toy.RUNS == [3, 3, 4]


def test_a_half_written_result_does_not_count(toy: ModuleType, settings: Settings, tmp_path: Path) -> None:
    next(run_claims(["T1"], settings, tmp_path, ignore))
    (path,) = tmp_path.glob("*/T1.json")
    path.rename(path.with_suffix(".part"))
    assert load_result("T1", settings, tmp_path) is None


def test_an_experiment_ends_with_its_time(toy: ModuleType, settings: Settings, tmp_path: Path) -> None:
    hasty = dataclasses.replace(settings, minutes=0.0)
    result = next(run_claims(["T1"], hasty, tmp_path, ignore))
    assert result.verdict == "not reproduced" and "within 0 minutes" in result.why
    row = as_json(result)
    assert row["ours"]["size"] is None and row["ours"]["seeds"] == {}
    assert load_result("T1", hasty, tmp_path).outcome is None
    assert load_result("T1", settings, tmp_path) is None  # more time is given: it is tried again


def test_progress_counts_all_claims(toy: ModuleType, settings: Settings, tmp_path: Path) -> None:
    seen: list[tuple[str, float]] = []
    list(run_claims(["T1", "T1"], settings, tmp_path, lambda stage, share: seen.append((stage, share)), again=True))
    assert [share for _, share in seen] == pytest.approx([0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6])
    assert seen[0][0] == "T1: drawing"
