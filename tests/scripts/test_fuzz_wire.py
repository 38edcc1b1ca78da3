# SPDX-License-Identifier: GPL-3.0-or-later
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blender_addon import launcher
from blender_addon.protocol import JobRequest, Progressed, Welcome, decode, encode
from blender_addon.protocol.wire import REQUESTS

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import fuzz_wire  # noqa: E402
from fuzz_wire import Fall, Mutator, Siege  # noqa: E402


@pytest.fixture
def siege(tmp_path: Path) -> Iterator[Siege]:
    command = [sys.executable, "-m", "backend", "serve", "--runner", fuzz_wire.TINY, "--idle-exit", "60"]
    launched = launcher.start(command, tmp_path, device="cpu", folder=ROOT)
    made = Siege(launched, launched.wait(30), Mutator(0))
    yield made
    made.close()
    launched.stop()


def test_damage_repeats_by_its_seed_and_is_of_every_depth() -> None:
    corpus = [
        [bytes(frame) for frame in encode(each)] for each in (JobRequest("a", portrait=b"x"), Welcome("1", "s", {}, {}))
    ]
    one, two = ([Mutator(7).damaged(corpus[0], corpus) for _ in range(3)] for _ in range(2))
    assert one == two
    mutator, still = Mutator(1), 0
    made = [mutator.damaged(corpus[0], corpus) for _ in range(500)]
    assert corpus[0] == [bytes(frame) for frame in encode(JobRequest("a", portrait=b"x"))]
    for frames in made:
        try:
            still += isinstance(decode(frames, REQUESTS), JobRequest)
        except Exception as error:
            assert type(error).__name__ == "ProtocolError"
    assert 5 < still < 250  # most is refused, some passes the first gate and tries the ones behind
    assert {len(frames) for frames in made} >= {0, 1, 2, 3, 12}


def test_ten_thousand_damaged_messages_do_no_harm() -> None:
    seed = int(os.environ.get("MAQUETTE_FUZZ_SEED", "0"))
    lines: list[str] = []
    assert fuzz_wire.fuzz(10_000, seed, lines.append) >= 10_000
    assert "no job started" in lines[-1]


def test_it_falls_where_a_job_starts(siege: Siege, tmp_path: Path) -> None:
    siege.batch(5)
    siege.judge(tmp_path)
    siege.friend.send(encode(JobRequest("undamaged", seed=0)))
    siege.friend.until(Progressed)
    with pytest.raises(Fall, match="1 jobs were started"):
        siege.judge(tmp_path)


def test_it_falls_where_the_backend_ends_or_grows(siege: Siege, tmp_path: Path) -> None:
    siege.memory = [1 << 20, 1 << 20, 1 << 20, 90 << 20]
    with pytest.raises(Fall, match="grew by 89 MB"):
        siege.judge(tmp_path)
    siege.process.kill()
    siege.process.wait(5)
    with pytest.raises(Fall, match="has ended"):
        siege.judge(tmp_path)
