# SPDX-License-Identifier: GPL-3.0-or-later
"""An avatar made again from the recipe it carries: the same, or with another seed."""

# mypy: disable-error-code="valid-type"

import hashlib
import random
from pathlib import Path

import bpy

from .. import session, wording
from ..jobs import Phase
from ..launcher import LaunchError
from ..properties import MAX_SEED
from ..protocol import JobRequest, ProtocolError
from ..requests import Wanted, job_request
from ..scene import tags


def _poll(cls: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    if context.object is None or tags.RECIPE not in context.object:
        cls.poll_message_set("The active object carries no recipe.")
        return False
    if not bpy.app.background and session.current().client is None:
        cls.poll_message_set("Start or connect to a backend first.")
        return False
    return True


def _submit(operator: bpy.types.Operator, context: bpy.types.Context, seed: int | None, name: str) -> set[str]:
    """Asks for what the active object's recipe says, with `seed` in the place of its own."""
    live, recipe = session.current(), tags.recipe_of(context.object) or {}
    path = str(context.object.get(tags.PORTRAIT, ""))
    if recipe.get("portrait") and (problem := _changed(path, recipe["portrait"])):
        operator.report({"ERROR"}, problem)
        return {"CANCELLED"}
    wanted = Wanted(
        source="PORTRAIT" if recipe.get("portrait") else "SEED",
        portrait=path,
        seed=int(recipe.get("seed", 0)) if seed is None else seed,
        preset=str(recipe.get("preset", "standard")),
    )
    try:
        if bpy.app.background and not live.ready:
            if live.client is None:
                live.connect()
            live.wait_ready(session.LAUNCH_SECONDS)
        welcome = live.client.welcome if live.client else None
        request = job_request(wanted, welcome, recipe.get("options"), label=name)
        if not isinstance(request, JobRequest):
            operator.report({"ERROR"}, request)
            return {"CANCELLED"}
        work = live.submit(request, name, context.scene.name, path)
    except (LaunchError, ProtocolError) as error:
        operator.report({"ERROR"}, str(error))
        return {"CANCELLED"}
    if bpy.app.background:
        job = live.wait(work.job.job_id, lambda job: None)
        if job.phase is not Phase.DONE:
            operator.report({"ERROR"}, f"{job.message} {job.hint}".strip() or wording.progress(job))
            return {"CANCELLED"}
    return {"FINISHED"}


def _changed(path: str, record: object) -> str:
    """Why the photograph cannot be used again, or an empty text."""
    file = Path(path)
    if not path or not file.is_file():
        where = f"at {path}" if path else "whose place is not known"
        return f"This avatar was made from a photograph {where}, which is not there; choose it under Create instead."
    expected = record.get("sha256") if isinstance(record, dict) else None
    if expected and hashlib.sha256(file.read_bytes()).hexdigest() != expected:
        return f"{file.name} is no longer the photograph this avatar was made from; choose it under Create instead."
    return ""


class MAQUETTE_OT_regenerate(bpy.types.Operator):
    """Make this avatar once more from its recipe, beside it; with the same model it comes out the same"""

    bl_idname = "maquette.regenerate"
    bl_label = "Regenerate"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _poll(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        return _submit(self, context, None, context.object.name)


class MAQUETTE_OT_vary(bpy.types.Operator):
    """Make another avatar from this one's recipe with a new seed, beside it"""

    bl_idname = "maquette.vary"
    bl_label = "Vary Seed"

    seed: bpy.props.IntProperty(
        name="Seed", description="The new seed; 0: any", min=0, max=MAX_SEED, options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _poll(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        seed = self.seed or random.randrange(1, 100_000)
        recipe = tags.recipe_of(context.object) or {}
        name = context.object.name if recipe.get("portrait") else f"Avatar {seed}"
        return _submit(self, context, seed, name)


CLASSES = (MAQUETTE_OT_regenerate, MAQUETTE_OT_vary)
