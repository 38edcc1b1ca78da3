# SPDX-License-Identifier: GPL-3.0-or-later
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import bench_crowd

from blender_addon.crowd.spec import spec_of


def test_what_is_asked_for_is_a_crowd() -> None:
    spec = spec_of(bench_crowd.spec_of(10_000, range(1, 25)))
    assert spec.count == 10_000 and spec.as_points and len(spec.sources) == 24


def test_rows_have_the_heads_columns_and_say_what_was_made() -> None:
    cost = bench_crowd.Cost(200, 24, 3, 61.0, 1 << 30, 12 << 20, 0.5, 300 << 20, 201)
    assert cost.row() == "| 200 | 24 | 3 | 61 s | 1024 MB | 12 MB | 0.5 s | 300 MB | 201 |"
    assert cost.row().count("|") == bench_crowd.HEAD.splitlines()[0].count("|")
    assert bench_crowd.made_of("46.9 s; 200 people, 24 distinct (24 made now); wrote x") == 24
    assert bench_crowd.made_of("it failed") == 0


def test_only_whole_people_count(tmp_path: Path) -> None:
    for name in ("whole", "half"):
        (tmp_path / "people" / name).mkdir(parents=True)
    (tmp_path / "people/whole/recipe.json").write_text("{}")
    assert bench_crowd._finished(tmp_path / "people") == 1
