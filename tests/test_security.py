# SPDX-License-Identifier: GPL-3.0-or-later
"""What no source may do, and that docs/security.md and docs/serving.md promise nothing without a test."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NEVER = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
"""Modules whose reading executes what was written."""
PICKLED = ROOT / "backend" / "weights" / "pickled.py"
"""The one file that reads pickles, as data."""
NO_CALLS = {"eval", "exec", "os.system", "os.popen"}
DECODERS = ("PIL", "cv2", "torch", "safetensors", "skimage")


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def keyword(call: ast.Call, name: str) -> object:
    return next((ast.unparse(each.value) for each in call.keywords if each.arg == name), None)


def sources() -> list[Path]:
    return [path for folder in ("backend", "blender_addon") for path in sorted((ROOT / folder).rglob("*.py"))]


def test_nothing_that_is_read_is_executed() -> None:
    wrong = []
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {
            alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
        }
        imported |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        allowed = {"pickle"} if path == PICKLED else set()
        wrong += [f"{path}: imports {name}" for name in imported & NEVER - allowed]
        for name, call in calls(tree):
            bad = name in NO_CALLS
            bad |= name == "torch.load" and keyword(call, "weights_only") != "True"
            bad |= name in ("np.load", "numpy.load") and keyword(call, "allow_pickle") not in (None, "False")
            bad |= keyword(call, "shell") == "True"
            if bad:
                wrong.append(f"{path}:{call.lineno}: {name}")
    assert not wrong


def test_the_one_reader_of_pickles_replaces_all_that_could_call() -> None:
    """Names are looked up and called by six methods of the standard reader; ours overrides each of them."""
    tree = ast.parse(PICKLED.read_text(encoding="utf-8"))
    readers = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any("Unpickler" in ast.unparse(base) for base in node.bases)
    ]
    own = {node.name for node in readers[0].body if isinstance(node, ast.FunctionDef)}
    assert len(readers) == 1
    assert {"find_class", "load_reduce", "load_newobj", "load_newobj_ex", "load_build", "_instantiate"} <= own
    used = {name for name, _ in calls(tree) if name.startswith("pickle.") or "Unpickler" in name}
    assert used == set()
    assert not any(isinstance(node, ast.Attribute) and node.attr in ("loads", "load_module") for node in ast.walk(tree))


def test_the_server_has_no_image_decoder() -> None:
    code = f"import sys, backend.service.server; sys.exit(','.join({set(DECODERS)!r} & sys.modules.keys()) or 0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", ["security.md", "serving.md"])
def test_every_promise_names_a_test_that_exists(page: str) -> None:
    named = re.findall(r"`(test_\w+)`", (ROOT / "docs" / page).read_text(encoding="utf-8"))
    written = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        written |= set(re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    assert len(named) > 15
    assert not set(named) - written


def test_every_row_about_an_attacker_is_a_promise() -> None:
    lines = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith(("| He ", "| Where", "|--"))]
    assert len(rows) > 20
    assert not [row for row in rows if "`test_" not in row]
