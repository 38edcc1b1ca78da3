# SPDX-License-Identifier: GPL-3.0-or-later
"""A crowd from its specification to the objects in a scene: what panel, command line and scripts all call.

    from blender_addon import crowd_scene
    from blender_addon.crowd.spec import spec_of

    spec = spec_of({"count": 200, "seeds": [1, 2, 3], "layout": {"kind": "surface", "object": "Terrain"}})
    crowd_scene.check(bpy.context.scene, spec)                         # fits? before anyone is made
    for told in crowd_scene.populate(bpy.context.scene, spec, Store(folder), through(client), capabilities):
        print(told.fraction)

`run_file` is what the command line starts inside a Blender without a window.
"""

import json
import math
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .crowd.gather import Maker, Told, gather
from .crowd.plan import Standing, Terrain, arranged, manifest
from .crowd.rules import SpecError
from .crowd.spec import CrowdSpec, plain, spec_of
from .crowd.store import Person, Store
from .scene import crowd, terrain

RECIPE = "maquette_crowd"
"""Custom property of the collection: the specification, as JSON."""
RESULT = "maquette populate: "
"""How `run_file` begins the one line that its caller reads."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """What came of it."""

    collection: str
    manifest: dict[str, Any]


def check(scene: bpy.types.Scene, spec: CrowdSpec) -> Standing:
    """Where everyone would stand. Raises SpecError or LayoutError, before any work is done."""
    return arranged(spec, _terrain(scene, spec))


def populate(
    scene: bpy.types.Scene, spec: CrowdSpec, store: Store, make: Maker, capabilities: Mapping[str, Any]
) -> Generator[Told, None, Crowd]:
    """Makes who is missing, then places everyone; yields often, so that a timer can carry it. Returns the crowd.

    Raises SpecError, LayoutError, GatherError or StoreError; the scene is touched only once all people are there.
    """
    standing = check(scene, spec)
    name = scene.name
    people = yield from gather(spec, store, make, capabilities)
    found = bpy.data.scenes.get(name)  # an undo or another file may have come between
    if found is None:
        raise SpecError(f"the scene {name!r} is gone", "Populate again: the people are kept.")
    return (yield from place(found, spec, people, standing))


def place(
    scene: bpy.types.Scene, spec: CrowdSpec, people: Sequence[Person], standing: Standing
) -> Generator[Told, None, Crowd]:
    """Puts finished people where they are to stand; one person is in memory at a time beyond Blender's own.

    Raises KeyError where undo or another file took them away in the meantime.
    """
    scene_name = scene.name
    looks = []
    for number, person in enumerate(people):
        shape = person.shape()
        levels = [shape.level(budget) for budget in spec.lod.faces]
        pictures = {"albedo": person.albedo, **person.maps()}
        loading = crowd.new_person(person.key, f"Person {number:03d}", shape.vertices, shape.uv, levels, pictures)
        looks.append((yield from _told(loading, people, f"loading person {number + 1} of {len(people)}")))
    yield Told(len(people), len(people), "placing")
    scene = bpy.data.scenes[scene_name]
    for look in looks:
        for each in look.levels:
            bpy.data.meshes[each]  # KeyError before anything is placed in a file that lacks the people
    collection = crowd.new_collection(scene, spec.collection)
    collection[RECIPE] = json.dumps(plain(spec))
    name = collection.name
    rows = (standing.positions, standing.headings, standing.scales, standing.tints, standing.clothes)
    if spec.as_points:
        coarse = standing.levels if spec.lod.viewport is None else np.full_like(standing.levels, spec.lod.viewport)
        crowd.place_points(scene, collection, looks, standing.people, standing.levels, coarse, *rows)
    else:
        placing = crowd.place_objects(name, looks, standing.people, standing.levels, *rows)
        yield from _told(placing, people, "placing")
    described = [
        {"source": source, "key": person.key, "recipe": _shown(person.recipe())}
        for source, person in zip(spec.sources, people, strict=True)
    ]
    return Crowd(name, manifest(spec, standing, described, plain(spec)))


def _shown(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What a manifest says of a person; what edits start from is large, and stays with the person in the store."""
    return {name: value for name, value in recipe.items() if name != "source"}


def run_file(job: str) -> None:
    """Inside a Blender without a window: opens or makes the scene, checks or places, saves, writes the manifest.

    `job` is JSON: {"spec": {...}, "store": folder, "people": [keys] or null (only check), "out": file,
    "manifest": file}. Prints one line that begins with RESULT: {} or {"message": ..., "hint": ...}.
    """
    asked = json.loads(job)
    try:
        answer = _run(asked)
    except Exception as error:
        if not isinstance(message := getattr(error, "message", None), str):
            raise
        answer = {"message": message, "hint": getattr(error, "hint", "")}
    # Straight to the descriptor: Blender's own prints may still wait in a buffer.
    os.write(1, f"\n{RESULT}{json.dumps(answer)}\n".encode())


def _run(asked: Mapping[str, Any]) -> dict[str, Any]:
    spec = spec_of(asked["spec"])
    if spec.scene is None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
    else:
        if not Path(spec.scene).is_file():
            raise SpecError(f"scene: there is no file {spec.scene}")
        try:
            bpy.ops.wm.open_mainfile(filepath=spec.scene, load_ui=False)
        except RuntimeError as error:
            raise SpecError(f"scene: {spec.scene} is no .blend file that this Blender opens") from error
    scene = bpy.context.scene
    if asked["people"] is None:
        standing = check(scene, spec)
        return {"count": len(standing.people)}
    store = Store(Path(asked["store"]))
    people = [person for key in asked["people"] if (person := store.find(key)) is not None]
    standing = check(scene, spec)
    if spec.scene is None:
        _show(scene, standing)
        standing = check(scene, spec)  # levels of detail count from the camera that there is now
    steps = place(scene, spec, people, standing)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            made: Crowd = done.value
            break
    bpy.ops.wm.save_as_mainfile(filepath=asked["out"], check_existing=False, compress=True)
    text = json.dumps(made.manifest, indent=1, ensure_ascii=False)
    staged = Path(asked["manifest"] + ".part")
    staged.write_text(text + "\n", encoding="utf-8")
    os.replace(staged, asked["manifest"])
    return {"count": len(made.manifest["standing"]), "collection": made.collection}


def _told(steps: Iterator[None], people: Sequence[Person], stage: str) -> Generator[Told, None, Any]:
    """Each step told; returns what the steps return."""
    done, part = len(people), 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
        part += 1
        yield Told(done, done, f"{stage}{'.' * (part % 4)}")


def _terrain(scene: bpy.types.Scene, spec: CrowdSpec) -> Terrain:
    asked = spec.layout
    surface = asked.object if asked.kind == "surface" else asked.ground
    curve = asked.object if asked.kind == "curve" else None
    return Terrain(
        triangles=None if surface is None else terrain.triangles(scene, surface),
        path=None if curve is None else terrain.path(scene, curve),
        camera=terrain.camera(scene),
    )


def _show(scene: bpy.types.Scene, standing: Standing) -> None:
    """A new scene gets what makes it visible: a camera before the crowd, a sun, a grey world."""
    low = standing.positions.min(axis=0) - 0.3
    high = standing.positions.max(axis=0) + np.array([0.3, 0.3, 0.5])
    middle, width = (low + high) / 2, float((high - low)[:2].max())
    lens = bpy.data.cameras.new("Crowd camera")
    lens.clip_end = 10_000
    camera = bpy.data.objects.new("Crowd camera", lens)
    away = width / 2 / math.tan(lens.angle / 2) + width / 2
    camera.location = (middle[0], middle[1] - away, middle[2] + 0.35 * away)
    camera.rotation_euler = (math.pi / 2 - math.atan2(0.35 * away, away), 0.0, 0.0)
    lamp = bpy.data.lights.new("Sun", "SUN")
    lamp.energy, lamp.angle = 3.0, 0.1
    sun = bpy.data.objects.new("Sun", lamp)
    sun.rotation_euler = (0.8, 0.2, -0.5)
    for each in (camera, sun):
        scene.collection.objects.link(each)
    scene.camera = camera
    world = bpy.data.worlds.new("Crowd world")
    world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.bl_idname == "ShaderNodeBackground")
    background.inputs["Color"].default_value = (0.4, 0.42, 0.45, 1.0)
    scene.world = world
    bpy.context.view_layer.update()
