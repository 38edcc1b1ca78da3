# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import what, read from the syntax trees: imports point one way."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = [
    "protocol",
    "geometry",
    "diffusion",
    "models",
    "weights",
    "surface",
    "texture",
    "faces",
    "studio",
    "training",
    "synthesis",
    "refinement",
    "adaptation",
    "pipeline",
    "evaluation",
    "claims",
    "service",
    "cluster",
    "cli",
]
"""A package imports only what stands before it; `protocol` is blender_addon.protocol."""
NARROWER = {
    "geometry": set(),
    "diffusion": {"geometry"},
    "models": {"geometry"},
    "surface": {"geometry"},
    "texture": {"geometry", "surface"},
}
"""Packages that may know even less than all before them."""
OFFLINE = {
    "training": {"adaptation", "evaluation", "claims", "cluster", "cli"},
    "studio": {"training", "synthesis", "refinement", "adaptation", "evaluation", "claims", "cluster", "cli"},
    "evaluation": {"claims", "cluster", "cli"},
    "claims": {"cli"},
    "cluster": {"cli"},
}
"""Package -> who alone imports it."""
PROTOCOL_USERS = {"service", "cluster", "cli"}
PURE = {
    "geometry": {"torch", "numpy", "numba", "llvmlite", "jaxtyping", "einops"},
    "diffusion": {"torch", "numpy", "jaxtyping", "einops"},
    "protocol": {"numpy"},
}
"""Third-party libraries of packages that stay plain."""
ADDON_BEFORE = {
    "protocol": set(),
    "line": {"protocol"},
    "fetching": {"protocol"},
    "client": {"protocol", "line", "fetching"},
    "launcher": {"protocol", "client"},
    "jobs": {"protocol"},
    "requests": {"protocol"},
    "scene": {"protocol"},
    "crowd": {"protocol", "client", "requests", "scene"},
    "shelf": {"protocol"},
    "styles": {"protocol", "requests"},
    "probe": {"protocol", "client"},
    "avatars": {"protocol", "jobs", "preferences", "scene"},
    "session": {
        "protocol",
        "client",
        "launcher",
        "jobs",
        "requests",
        "scene",
        "preferences",
        "avatars",
        "probe",
        "shelf",
    },
}
"""Add-on module -> its siblings that it may import; those not named are the Blender side and may import any."""
BLENDER_MODULES = {"bpy", "bmesh", "mathutils", "gpu", "bpy_extras", "addon_utils"}
BLENDER_FILES = (
    "session.py",
    "avatars.py",
    "preferences.py",
    "properties.py",
    "refine_properties.py",
    "style_properties.py",
    "panels/",
    "operators/",
    "scene/",
    "crowd_panel.py",
    "translations.py",
    "crowd_properties.py",
    "crowd_run.py",
    "crowd_scene.py",
    "head_files.py",
)
BLENDER_FREE = (
    "scene/axes.py",
    "scene/catalog.py",
    "scene/channels.py",
    "scene/gathering.py",
    "scene/ground.py",
    "scene/islands.py",
    "scene/layout.py",
    "scene/png.py",
    "scene/welding.py",
)
ONE_PLACE = {
    "zmq": ("backend/service/", "blender_addon/line.py"),
    "xatlas": ("backend/surface/atlas.py",),
    "skimage": ("backend/evaluation/",),
    "fast_simplification": ("backend/surface/clean.py",),
    "ai_edge_litert": ("backend/faces/networks.py",),
    "embreex": ("backend/studio/", "backend/training/"),
    "ray": ("backend/cluster/",),
    "igl": ("backend/studio/", "backend/training/"),
}
"""Library -> the only files that know it."""
DISTRIBUTIONS = {
    "ai-edge-litert": "ai_edge_litert",
    "fast-simplification": "fast_simplification",
    "libigl": "igl",
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "pyzmq": "zmq",
    "scikit-image": "skimage",
}
"""Name on the registry -> name in an import, where they differ."""


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Absolute dotted names of everything a file imports, wherever the statement stands."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1]] if node.level else []
            base += node.module.split(".") if node.module else []
            yield from (".".join([*base, alias.name]) for alias in node.names)


def layer_of(name: str) -> str | None:
    """The layer a dotted name belongs to, None outside both packages."""
    parts = name.split(".")
    if parts[:2] == ["blender_addon", "protocol"]:
        return "protocol"
    if parts[0] == "backend" and len(parts) > 1 and parts[1] in LAYERS:
        return parts[1]
    return None


def layered_files() -> list[tuple[Path, str]]:
    files = [(path, path.relative_to(ROOT).parts[1]) for path in sources("backend") if path.parent != ROOT / "backend"]
    return files + [(path, "protocol") for path in sources("blender_addon/protocol")]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_backend_package_has_its_place() -> None:
    assert {layer for _, layer in layered_files()} <= set(LAYERS)


def test_imports_point_one_way() -> None:
    wrong = []
    for path, layer in layered_files():
        before = NARROWER.get(layer, set(LAYERS[: LAYERS.index(layer)]))
        for name in imported(path):
            other = layer_of(name)
            if other is None or other == layer:
                continue
            allowed = other in before
            allowed &= layer in OFFLINE.get(other, {layer})
            allowed &= other != "protocol" or layer in PROTOCOL_USERS
            if not allowed:
                wrong.append(f"{relative(path)} imports {name}")
    assert not wrong


def test_backend_sees_only_the_wire_of_the_addon() -> None:
    wrong = []
    for path in sources("backend"):
        for name in imported(path):
            inside = name.startswith("blender_addon") and layer_of(name) != "protocol"
            client = relative(path).startswith("backend/cli/") and name.split(".")[1:2] in (
                ["client"],
                ["crowd"],
                ["launcher"],
            )
            if inside and not client:
                wrong.append(f"{relative(path)} imports {name}")
    assert not wrong


def test_addon_stands_alone_and_imports_relatively() -> None:
    wrong = []
    for path in sources("blender_addon"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            wrong += [f"{relative(path)}: {n}" for n in names if n.split(".")[0] in {"backend", "blender_addon"}]
    assert not wrong


def test_addon_modules_point_one_way() -> None:
    wrong = []
    for path in sources("blender_addon"):
        module = path.relative_to(ROOT / "blender_addon").parts[0].removesuffix(".py")
        if module not in ADDON_BEFORE:
            continue
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == "blender_addon" and len(parts) > 1 and parts[1] not in ADDON_BEFORE[module] | {module}:
                wrong.append(f"{relative(path)} imports {name}")
    assert not wrong


def test_blender_only_where_it_belongs() -> None:
    wrong = []
    for path in sources("backend") + sources("blender_addon"):
        inside = path.relative_to(ROOT / "blender_addon").as_posix() if "blender_addon" in path.parts else ""
        allowed = inside.startswith(BLENDER_FILES) and inside not in BLENDER_FREE
        names = [name for name in imported(path) if name.split(".")[0] in BLENDER_MODULES]
        if names and not allowed and inside != "__init__.py":
            wrong.append(f"{relative(path)} imports {names}")
    assert not wrong


def test_optional_libraries_are_known_in_one_place() -> None:
    wrong = []
    for path in sources("backend") + sources("blender_addon"):
        for name in imported(path):
            places = ONE_PLACE.get(name.split(".")[0])
            if places and not relative(path).startswith(places):
                wrong.append(f"{relative(path)} imports {name}")
    assert not wrong


@pytest.mark.parametrize("package", PURE)
def test_plain_packages_stay_plain(package: str) -> None:
    allowed = PURE[package] | set(sys.stdlib_module_names) | {"backend", "blender_addon"}
    wrong = [
        f"{relative(path)} imports {name}"
        for path, layer in layered_files()
        if layer == package
        for name in imported(path)
        if name.split(".")[0] not in allowed
    ]
    assert not wrong


@pytest.mark.parametrize(
    "statement",
    ["import backend.cli.frame", "import blender_addon", "import backend.pipeline.presets, backend.pipeline.request"],
)
def test_light_modules_load_nothing_heavy(statement: str) -> None:
    heavy = "{'torch', 'numba', 'bpy', 'xatlas', 'trimesh', 'ai_edge_litert', 'scipy', 'cv2'}"
    check = f"import sys; {statement}; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_library_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = project["dependencies"] + extras["train"] + extras["cluster"]
    distributions = {re.split(r"[<>=\[]", name)[0].lower() for name in declared}
    known = {DISTRIBUTIONS.get(name, name) for name in distributions} | set(sys.stdlib_module_names)
    wrong = [
        f"{relative(path)} imports {name}"
        for path in sources("backend")
        for name in imported(path)
        if name.split(".")[0] not in known | {"backend", "blender_addon"}
    ]
    assert not wrong


def test_every_source_carries_its_licence() -> None:
    line = "# SPDX-License-Identifier: GPL-3.0-or-later"
    files = [path for folder in ("backend", "blender_addon", "scripts", "tests") for path in sources(folder)]
    heads = {relative(path): path.read_text(encoding="utf-8").splitlines()[:2] for path in files}
    # Before it only the line that makes a script executable.
    missing = [name for name, head in heads.items() if line not in head or not (head[0] == line or head[0][:2] == "#!")]
    assert not missing
