# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to a job, found by the job's id: no Blender object outlives an undo or a loaded file in a variable."""

import json

import bpy

JOB = "maquette_job"
"""Custom property on object, mesh, material and image: the job's id."""
RECIPE = "maquette_recipe"
"""Custom property on object and image: how the avatar was made, as JSON."""
ENDED = "maquette_ended"
"""Custom property on the object of a job that failed or was cancelled: the error's code. Nothing more will come."""
PORTRAIT = "maquette_portrait"
"""Custom property on the object: where the photograph was it was made from, for making it again."""
SOURCE = "maquette_source"
"""Custom property on the object: the recipe's source, which edits and blends start from; large, and so kept apart."""
MAP = "maquette_map"
"""Custom property on images other than the albedo: "normal" or "surface"."""
LEVEL = "maquette_level"
"""Custom property on the image: the texture level it shows."""

PENDING = "maquette_pending"
"""Custom property on a scene in a saved file: jobs under way whose avatars it does not hold yet, as JSON id -> name."""


def find_object(job_id: str) -> bpy.types.Object | None:
    """The avatar object of a job, in whichever scene it is."""
    return next((each for each in bpy.data.objects if each.get(JOB) == job_id), None)


def find_head(job_id: str) -> bpy.types.Object | None:
    """An object of the user's that shows the material of a job which refined it."""
    for each in bpy.data.objects:
        if any(slot.material is not None and slot.material.get(JOB) == job_id for slot in each.material_slots):
            return each
    return None


def find_image(job_id: str) -> bpy.types.Image | None:
    """The albedo image of a job."""
    return next((each for each in bpy.data.images if each.get(JOB) == job_id and MAP not in each), None)


def find_map(job_id: str, kind: str) -> bpy.types.Image | None:
    """Another image of a job, see `MAP`."""
    return next((each for each in bpy.data.images if each.get(JOB) == job_id and each.get(MAP) == kind), None)


def unfinished() -> list[bpy.types.Object]:
    """Avatars of this file whose jobs had not ended when it was saved, each with a scene to be in."""
    return [
        each
        for each in bpy.data.objects
        if JOB in each and RECIPE not in each and ENDED not in each and each.users_scene
    ]


def recipe_of(block: bpy.types.ID) -> dict | None:
    """The recipe stored on an object or image, if it carries one."""
    text = block.get(RECIPE)
    return json.loads(text) if text else None


def store_recipe(block: bpy.types.ID, recipe: dict) -> None:
    """Writes the recipe as one line of JSON; its source only onto an object, in a property of its own."""
    plain = {name: value for name, value in recipe.items() if name != "source"}
    block[RECIPE] = json.dumps(plain, ensure_ascii=False, sort_keys=True)
    if isinstance(block, bpy.types.Object) and isinstance(recipe.get("source"), str):
        block[SOURCE] = recipe["source"]


def source_of(avatar: bpy.types.Object | None) -> str:
    """What edits and blends of the avatar start from, empty where it does not tell."""
    return str(avatar.get(SOURCE, "")) if avatar is not None else ""


def store_pending(scene: bpy.types.Scene, pending: dict[str, str]) -> None:
    """Notes the jobs (id -> name) in the scene; none: leaves no trace."""
    if pending:
        scene[PENDING] = json.dumps(pending, ensure_ascii=False)
    elif PENDING in scene:
        del scene[PENDING]


def take_pending() -> list[tuple[str, str, str]]:
    """(id, name, scene) of the jobs noted in the file, which forgets them; what is damaged is left out."""
    found = []
    for scene in bpy.data.scenes:
        if PENDING not in scene:
            continue
        try:
            entries = json.loads(str(scene[PENDING]))
        except ValueError:
            entries = {}
        if isinstance(entries, dict):
            found += [(job_id, str(name), scene.name) for job_id, name in entries.items()]
        del scene[PENDING]
    return found
