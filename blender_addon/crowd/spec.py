# SPDX-License-Identifier: GPL-3.0-or-later
"""What a crowd is asked to be. `crowd.schema.json` beside this file is `published_schema()`, kept equal by a test."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .described import Described
from .rules import Choice, Line, Many, Real, SpecError, Table, Whole, key, schema_of, table_of

SCHEMA_FILE = Path(__file__).with_name("crowd.schema.json")
MAX_COUNT = 100_000
MAX_SEED = 2**63 - 1
MAX_FILE_BYTES = 16 << 20
BODY = 0.46
"""Metres that an upright bust of normal size takes, whichever way it looks: the widest that the generator's box holds
and its people reach, shoulder to shoulder."""
KINDS = ("grid", "circle", "curve", "surface", "points")
PRESETS = ("draft", "standard", "high")
WHO = ("seeds", "portraits", "sentences", "described")
"""The ways of saying who the distinct people are."""
OBJECTS_UP_TO = 500
"""Crowds of more people than this are points with instances unless told otherwise: Blender slows down with objects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where people stand."""

    kind: str = key(Choice(KINDS), meaning="How places are found: grid, circle, curve, surface or points.")
    columns: int = key(Whole(0, MAX_COUNT), 0, "Grid: people per row; 0 makes the grid about square.")
    radius: float = key(Real(0, 10_000), 0.0, "Circle: metres to the innermost ring; 0 puts all on one ring.")
    arc: float = key(Real(1, 360), 360.0, "Circle: degrees that it goes round; less leaves it open at the front.")
    rows: int = key(Whole(1, 1000), 1, "Curve: people side by side.")
    object: str | None = key(
        Line(63), None, "Curve: name of a curve or edge mesh in the scene. Surface: name of a mesh in the scene."
    )
    path: tuple[tuple[float, ...], ...] | None = key(
        Many(Many(Real(-1e5, 1e5), 2, 3), 2), None, "Curve: its corners [x, y] or [x, y, z], instead of an object."
    )
    points: tuple[tuple[float, ...], ...] | None = key(
        Many(Many(Real(-1e5, 1e5), 2, 3)), None, "Points: the places [x, y] or [x, y, z], one per person."
    )
    max_slope: float = key(Real(0, 89), 40.0, "Surface: steepest ground that is stood on, degrees.")
    origin: tuple[float, ...] = key(
        Many(Real(-1e5, 1e5), 3, 3), (0.0, 0.0, 0.0), "Grid and circle: where their middle is, [x, y, z]."
    )
    ground: str | None = key(
        Line(63), None, "Name of a mesh in the scene that grid, circle, curve or points are put down on."
    )
    facing: str | None = key(
        Choice(("front", "centre", "away", "along", "random")),
        None,
        "Which way people look: front is -Y, centre and away are of the crowd's middle, along is the path's, row's or"
        " ring's. Front unless given; centre in a circle, along on a curve.",
    )
    look_at: tuple[float, ...] | None = key(
        Many(Real(-1e5, 1e5), 2, 2), None, "The point [x, y] that all look at, instead of `facing`."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """How much people differ from one another beyond who they are; all of it follows from the crowd's seed."""

    scale: float = key(Real(0, 0.5), 0.05, "Sizes lie within 1 - scale and 1 + scale.")
    rotation: float = key(Real(0, 180), 12.0, "Degrees to either side by which headings are off.")
    position: float = key(Real(0, 100), 0.0, "Metres by which places are off; at most what keeps people apart.")
    tint: float = key(Real(0, 1), 0.1, "How far the colour of a whole person, skin included, is shifted.")
    clothes: float = key(
        Real(0, 1), 0.5, "How far the colour below the neck is shifted; by height, as nothing tells cloth from skin."
    )
    distribution: str = key(
        Choice(("uniform", "normal")),
        "uniform",
        "Of sizes and headings: even, or most near the middle (cut at 2 sigma).",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """Levels of detail; all share one texture. The finest is what the preset made, coarser ones are simplified."""

    faces: tuple[int, ...] = key(
        Many(Whole(50, 500_000), 1, 6), (60_000, 20_000, 5_000, 1_000, 250), "Triangles of each level, falling."
    )
    distances: tuple[float, ...] | None = key(
        Many(Real(0, 1e6), 0, 5),
        None,
        "Metres from the viewpoint at which each next level begins, rising, one fewer than `faces`;"
        " 1.5, 4 and 10 and so on unless given.",
    )
    viewpoint: tuple[float, ...] | None = key(
        Many(Real(-1e5, 1e5), 3, 3), None, "Whence distances count; the scene's camera, else 3 m before the crowd."
    )
    viewport: int | None = key(
        Whole(0, 5),
        None,
        "Number of the level, 0 the finest, that the viewport shows of everyone while renders keep the distances;"
        " points only.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdSpec:
    """A crowd."""

    count: int | None = key(Whole(1, MAX_COUNT), None, "How many stand there; with points, their number.")
    seeds: tuple[int, ...] | None = key(
        Many(Whole(0, MAX_SEED), 1, 10_000), None, "Distinct people from numbers, one each."
    )
    portraits: tuple[str, ...] | None = key(
        Many(Line(4000), 1, 10_000), None, "Distinct people from photographs: paths, relative to the specification."
    )
    sentences: tuple[str, ...] | None = key(
        Many(Line(500), 1, 10_000), None, "Distinct people from descriptions; the same one twice is two people."
    )
    described: Described | None = key(  # noqa: RUF009
        Table(Described), None, "Distinct people by a distribution of attributes: a sentence with gaps and its words."
    )
    weights: tuple[float, ...] | None = key(
        Many(Real(0, 1e6), 1, 10_000), None, "How often each distinct person appears, relative to the others."
    )
    preset: str = key(Choice(PRESETS), "draft", "Quality of each distinct person.")
    generator: str | None = key(
        Line(40), None, "Name of the generator or style that makes the distinct people; the backend's own unless given."
    )
    layout: Layout = key(Table(Layout), meaning="Where people stand: an object with its `kind`.")  # noqa: RUF009
    spacing: float = key(Real(0.05, 1000), 0.7, "Least metres between the middles of two people.")
    variation: Variation = key(Table(Variation), Variation(), "How people differ.")  # noqa: RUF009
    lod: Detail = key(Table(Detail), Detail(), "Levels of detail.")  # noqa: RUF009
    instances: str = key(
        Choice(("auto", "objects", "points")),
        "auto",
        "objects: one object per person, sharing meshes. points: one object, instanced by geometry nodes, for many"
        f" thousands. auto: objects up to {OBJECTS_UP_TO} people.",
    )
    collection: str = key(Line(50), "Crowd", "Name of the collection that is made.")
    scene: str | None = key(
        Line(4000), None, "A .blend file that the crowd is put into (command line); a new scene unless given."
    )
    seed: int = key(Whole(0, 2**32 - 1), 0, "Start of all chance in places, sizes and colours.")

    def __post_init__(self) -> None:
        given = [name for name in WHO if getattr(self, name) is not None]
        if len(given) != 1:
            which = " and ".join(given) or "none"
            raise SpecError(f"one of seeds, portraits, sentences and described must be given, got {which}")
        if self.weights is not None:
            if len(self.weights) != len(self.sources):
                raise SpecError(
                    f"weights must be as many as {given[0]} ({len(self.sources)}), got {len(self.weights)} values"
                )
            if not sum(self.weights):
                raise SpecError("weights must not all be 0")
        points = self.layout.points
        if self.layout.kind == "points" and points is None:
            raise SpecError("layout.points is missing", "Give the places [x, y] or [x, y, z].")
        if self.layout.kind == "points" and self.count not in (None, len(points or ())):
            raise SpecError(f"count must be the number of layout.points ({len(points or ())}), got {self.count}")
        if self.layout.kind != "points" and self.count is None:
            raise SpecError("count is missing", "How many stand there?")
        if self.layout.kind == "surface" and self.layout.object is None:
            raise SpecError("layout.object is missing", "Name the mesh in the scene that people stand on.")
        if self.layout.kind == "curve" and (self.layout.object is None) == (self.layout.path is None):
            raise SpecError("one of layout.object and layout.path must be given for a curve")
        needed = self.body + 2 * self.variation.position
        if self.spacing < needed - 1e-9:
            raise SpecError(
                f"spacing must be at least {needed:.2f} so that no two people touch"
                f" (variation.scale {self.variation.scale:g}, variation.position {self.variation.position:g}),"
                f" got {self.spacing:g}"
            )
        if list(self.lod.faces) != sorted(set(self.lod.faces), reverse=True):
            raise SpecError(f"lod.faces must fall from level to level, got {list(self.lod.faces)}")
        distances = self.lod.distances
        if distances is not None and len(distances) != len(self.lod.faces) - 1:
            raise SpecError(
                f"lod.distances must be one fewer than lod.faces ({len(self.lod.faces)}), got {len(distances)} values"
            )
        if distances is not None and list(distances) != sorted(set(distances)):
            raise SpecError(f"lod.distances must rise from level to level, got {list(distances)}")
        if self.lod.viewport is not None and self.lod.viewport >= len(self.lod.faces):
            raise SpecError(f"lod.viewport must be from 0 to {len(self.lod.faces) - 1}, got {self.lod.viewport}")

    @property
    def total(self) -> int:
        """How many stand there."""
        return len(self.layout.points or ()) if self.count is None else self.count

    @property
    def sources(self) -> tuple[Any, ...]:
        """The distinct people, whichever way they are given."""
        if self.described is not None:
            return self.described.sentences(self.seed)
        return self.seeds or self.portraits or self.sentences or ()

    @property
    def worded(self) -> bool:
        """Whether the distinct people are given by sentences."""
        return self.sentences is not None or self.described is not None

    @property
    def body(self) -> float:
        """Metres that the largest person takes."""
        return BODY * (1 + self.variation.scale)

    @property
    def distances(self) -> tuple[float, ...]:
        """Metres at which each level after the first begins."""
        if self.lod.distances is not None:
            return self.lod.distances
        return tuple(1.5 * (8 / 3) ** number for number in range(len(self.lod.faces) - 1))

    @property
    def as_points(self) -> bool:
        """Whether one object of points carries all instances."""
        return self.instances == "points" or (self.instances == "auto" and self.total > OBJECTS_UP_TO)


def spec_of(value: Any) -> CrowdSpec:
    """The specification that a JSON value holds. Raises SpecError."""
    return table_of(CrowdSpec, value)


def read_spec(file: Path) -> CrowdSpec:
    """The specification in a file; its relative paths become absolute. Raises SpecError."""
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise SpecError(f"{file} is larger than {MAX_FILE_BYTES >> 20} MiB")
        value = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"{file} cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise SpecError(f"{file} is no JSON: {error}") from error
    if isinstance(value, dict):
        value.pop("$schema", None)  # editors complete and check by it
    spec = spec_of(value)
    folder = file.resolve().parent
    found = {name: getattr(spec, name) for name in spec.__slots__}
    if spec.portraits is not None:
        found["portraits"] = tuple(str(folder / each) for each in spec.portraits)
    if spec.scene is not None:
        found["scene"] = str(folder / spec.scene)
    return CrowdSpec(**found)


def plain(spec: CrowdSpec) -> dict[str, Any]:
    """The specification as JSON values, only what is not left to its default; `spec_of` takes it back."""
    return _plain(spec)


def published_schema() -> dict[str, Any]:
    """JSON Schema of a specification file. What keys mean together is checked beyond it, in sentences."""
    schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Maquette crowd"}
    whole = schema | schema_of(CrowdSpec)
    whole["properties"] = {"$schema": {"type": "string"}} | whole["properties"]
    return whole


def _plain(table: Any) -> dict[str, Any]:
    found = {}
    for name, each in table.__dataclass_fields__.items():
        value = getattr(table, name)
        if value == each.default or (isinstance(value, float) and math.isnan(value)):
            continue
        found[name] = _plain(value) if hasattr(value, "__dataclass_fields__") else _listed(value)
    return found


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _listed(each) for name, each in value.items()}
    return [_listed(each) for each in value] if isinstance(value, tuple) else value
