# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user sets in the Crowd panel, saved with the scene, and the specification that it makes."""

# mypy: disable-error-code="valid-type"

from pathlib import Path
from typing import Any

import bpy

from .crowd.rules import SpecError
from .crowd.spec import MAX_COUNT, OBJECTS_UP_TO, CrowdSpec, spec_of
from .requests import IMAGE_STARTS

SOURCES = (
    ("SEEDS", "Seeds", "People who do not exist, made from numbers"),
    ("SENTENCES", "Sentences", "People who do not exist, made from descriptions"),
    ("PORTRAITS", "Portraits", "The people in the photographs of a folder"),
)
LAYOUTS = (
    ("grid", "Grid", "Rows and columns around the 3D cursor", "MESH_GRID", 0),
    ("circle", "Circle", "Rings around the 3D cursor", "MESH_CIRCLE", 1),
    ("curve", "Curve", "Along a curve of the scene", "CURVE_PATH", 2),
    ("surface", "Surface", "Scattered over a mesh of the scene, upright", "MOD_NOISE", 3),
    ("points", "Points", "One person on each vertex of a mesh of the scene", "STICKY_UVS_DISABLE", 4),
)
PLACED_ON = {"curve": ("CURVE", "MESH"), "surface": ("MESH",), "points": ("MESH",)}
"""Layout -> types of the objects that it goes along, over or by."""
FACINGS = (
    ("auto", "Automatic", "Front; inwards in a circle, ahead along a curve"),
    ("front", "Front", "Towards -Y, the front view"),
    ("centre", "Centre", "Towards the middle of the crowd"),
    ("away", "Away", "Away from the middle of the crowd"),
    ("along", "Along", "The way that the row, ring or curve runs"),
    ("random", "Random", "Everyone somewhere else"),
)
INSTANCES = (
    ("auto", "Automatic", f"Objects up to {OBJECTS_UP_TO} people, points beyond"),
    ("objects", "Objects", "One object per person, sharing meshes: each can be moved, hidden and animated"),
    ("points", "Points", "One object for all, instanced by geometry nodes: for many thousands"),
)
PRESETS = (
    ("draft", "Draft", "Coarsest and quickest, 8,000 faces: enough for a crowd"),
    ("standard", "Standard", "20,000 faces and a 1024-pixel texture each"),
    ("high", "High", "30,000 faces and a 2048-pixel texture each; takes longest"),
)
MOST_PORTRAITS = 1000


def _fits(settings: "MAQUETTE_PG_crowd", candidate: bpy.types.Object) -> bool:
    return candidate.type in PLACED_ON.get(settings.layout, ())


class MAQUETTE_PG_crowd(bpy.types.PropertyGroup):
    """The next crowd."""

    source: bpy.props.EnumProperty(name="From", description="What the distinct people are made from", items=SOURCES)
    distinct: bpy.props.IntProperty(
        name="Distinct",
        description="How many different people there are; each takes as long as one avatar, everyone else nothing",
        default=12,
        min=1,
        max=1000,
    )
    first_seed: bpy.props.IntProperty(
        name="First Seed", description="Seed of the first person; the others have the seeds after it", default=1, min=0
    )
    folder: bpy.props.StringProperty(
        name="Folder", description="Folder of photographs, one face in each", subtype="DIR_PATH"
    )
    sentences: bpy.props.StringProperty(
        name="Sentences",
        description="What people are like, in English, descriptions separated by semicolons; they take turns until"
        " there are as many distinct people as asked for, and no two with the same description are alike",
        maxlen=4000,
    )
    preset: bpy.props.EnumProperty(name="Quality", description="How fine each distinct person is", items=PRESETS)
    generator: bpy.props.StringProperty(
        name="Generator",
        description="Model or style that makes the people; empty: the backend's own",
        maxlen=40,
    )
    count: bpy.props.IntProperty(
        name="Count", description="How many people stand there", default=60, min=1, max=MAX_COUNT
    )
    layout: bpy.props.EnumProperty(name="Layout", description="Where people stand", items=LAYOUTS)
    target: bpy.props.PointerProperty(
        name="Object",
        description="Curve, ground or mesh that people are placed on; empty: the active object",
        type=bpy.types.Object,
        # The bpy 4.2 module goes down at its end over a function of Python in a group.
        **({"poll": _fits} if bpy.app.version >= (4, 3, 0) else {}),
    )
    spacing: bpy.props.FloatProperty(
        name="Spacing",
        description="Least distance between the middles of two people; a bust is 0.46 m wide",
        default=0.7,
        min=0.46,
        max=100,
        subtype="DISTANCE",
    )
    facing: bpy.props.EnumProperty(name="Facing", description="Which way people look", items=FACINGS)
    scale: bpy.props.FloatProperty(
        name="Size", description="How much larger or smaller people are", default=0.05, min=0, max=0.5, subtype="FACTOR"
    )
    rotation: bpy.props.FloatProperty(
        name="Turn", description="Degrees by which people look to either side", default=12, min=0, max=180
    )
    tint: bpy.props.FloatProperty(
        name="Tint",
        description="How far the colour of a whole person is shifted, skin included",
        default=0.1,
        min=0,
        max=1,
        subtype="FACTOR",
    )
    clothes: bpy.props.FloatProperty(
        name="Clothes",
        description="How far the colour below the neck is shifted; by height, long hair and beards are tinted too",
        default=0.5,
        min=0,
        max=1,
        subtype="FACTOR",
    )
    instances: bpy.props.EnumProperty(name="Placed As", description="What people are in the scene", items=INSTANCES)
    seed: bpy.props.IntProperty(
        name="Arrangement", description="Another number: other places, sizes and colours, the same people", min=0
    )


def placed_on(context: bpy.types.Context) -> bpy.types.Object | None:
    """The object that the layout needs: the chosen one, else the active one if it is of the right type."""
    settings = context.scene.maquette_crowd
    for candidate in (settings.target, context.object):
        if candidate is not None and _fits(settings, candidate) and candidate.name in context.scene.objects:
            return candidate
    return None


def why_not(context: bpy.types.Context) -> str:
    """What is missing before there can be a crowd, in the panel's words; empty when nothing is."""
    settings = context.scene.maquette_crowd
    if settings.source == "PORTRAITS" and not settings.folder:
        return "Choose a folder of photographs"
    if settings.source == "SENTENCES" and not _sentences(settings):
        return "Describe the people first"
    if settings.layout in PLACED_ON and placed_on(context) is None:
        return {"curve": "Choose or select a curve", "surface": "Choose or select a ground"}.get(
            settings.layout, "Choose or select a mesh"
        )
    return ""


def spec_from(context: bpy.types.Context) -> CrowdSpec:
    """The specification that the panel's settings make. Raises SpecError."""
    settings = context.scene.maquette_crowd
    if reason := why_not(context):
        raise SpecError(f"{reason}.")
    layout: dict[str, Any] = {"kind": settings.layout}
    found = placed_on(context)
    if settings.layout in ("curve", "surface") and found is not None:
        layout["object"] = found.name
    elif settings.layout == "points" and found is not None:
        layout["points"] = [list(found.matrix_world @ vertex.co) for vertex in found.data.vertices]
    else:
        layout["origin"] = list(context.scene.cursor.location)
    if settings.facing != "auto":
        layout["facing"] = settings.facing
    wanted: dict[str, Any] = {
        "preset": settings.preset,
        "layout": layout,
        "spacing": settings.spacing,
        "variation": {name: getattr(settings, name) for name in ("scale", "rotation", "tint", "clothes")},
        "instances": settings.instances,
        "seed": settings.seed,
    }
    if settings.generator:
        wanted["generator"] = settings.generator
    if settings.layout != "points":
        wanted["count"] = settings.count
    if settings.source == "SEEDS":
        wanted["seeds"] = list(range(settings.first_seed, settings.first_seed + settings.distinct))
    elif settings.source == "SENTENCES":
        said = _sentences(settings)
        wanted["sentences"] = [said[number % len(said)] for number in range(settings.distinct)]
    else:
        wanted["portraits"] = _portraits(Path(bpy.path.abspath(settings.folder)))
    spec = spec_of(wanted)
    if not spec.as_points:
        return spec
    # Thousands are turned about in the viewport all the time, and rendered once.
    return spec_of(wanted | {"lod": {"viewport": len(spec.lod.faces) - 1}})


def _sentences(settings: "MAQUETTE_PG_crowd") -> list[str]:
    return [said for each in settings.sentences.split(";") if (said := each.strip())]


def _portraits(folder: Path) -> list[str]:
    try:
        files = sorted(each for each in folder.iterdir() if each.is_file())[: 10 * MOST_PORTRAITS]
        found = [str(each) for each in files if _is_image(each)][:MOST_PORTRAITS]
    except OSError as error:
        raise SpecError(f"The folder {folder} cannot be read: {error.strerror or error}.") from error
    if not found:
        raise SpecError(f"There is no photograph in {folder}.")
    return found


def _is_image(file: Path) -> bool:
    with open(file, "rb") as content:
        return content.read(16).startswith(IMAGE_STARTS)


CLASSES = (MAQUETTE_PG_crowd,)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register() -> None:
    _register_classes()
    bpy.types.Scene.maquette_crowd = bpy.props.PointerProperty(type=MAQUETTE_PG_crowd)


def unregister() -> None:
    del bpy.types.Scene.maquette_crowd
    _unregister_classes()
