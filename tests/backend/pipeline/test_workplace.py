# SPDX-License-Identifier: GPL-3.0-or-later
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backend.pipeline.workplace import KEPT, WorkplaceError, clear, workplace

ROOT = Path(__file__).parents[3]
HOLDS = """
import sys
from pathlib import Path
from backend.pipeline.workplace import workplace
with workplace(Path(sys.argv[1]), "run") as folder:
    (folder / "checkpoint").write_text("half")
    print("there", flush=True)
    sys.stdin.readline()
"""


def test_a_folder_is_one_runs_alone_and_what_a_killed_one_left_is_found_again(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "there\n"
        with pytest.raises(WorkplaceError, match="being made already"), workplace(tmp_path, "run"):
            pass
        with workplace(tmp_path, "another run"):
            pass
        other.kill()
    with workplace(tmp_path, "run") as folder:
        assert (folder / "checkpoint").read_text() == "half"
        clear(folder)
    with workplace(tmp_path, "run") as folder:
        assert list(folder.iterdir()) == []


def test_within_a_process_it_is_one_blocks_alone_too(tmp_path: Path) -> None:
    with workplace(tmp_path, "run"), pytest.raises(WorkplaceError, match="already"), workplace(tmp_path, "run"):
        pass


def test_of_stopped_runs_the_latest_stay(tmp_path: Path) -> None:
    for number in range(KEPT + 2):
        with workplace(tmp_path, str(number)) as folder:
            pass
        os.utime(folder, (time.time() + number,) * 2)
    left = sorted(each.name for each in tmp_path.iterdir() if each.is_dir())
    assert left == [str(number) for number in range(2, KEPT + 2)]


def test_a_run_at_work_is_never_what_makes_room(tmp_path: Path) -> None:
    with workplace(tmp_path, "old") as old:
        os.utime(old, (1, 1))
        for number in range(KEPT + 1):
            with workplace(tmp_path, str(number)):
                pass
        assert old.is_dir()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_takes_nothing_is_a_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WorkplaceError, match="takes no files"), workplace(tmp_path / "models", "run"):
        pass
    tmp_path.chmod(0o700)


def test_a_file_where_the_folder_should_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("")
    with pytest.raises(WorkplaceError, match="takes no files"), workplace(tmp_path / "models", "run"):
        pass
