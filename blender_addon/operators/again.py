# SPDX-License-Identifier: GPL-3.0-or-later
"""An avatar made again from the recipe it carries: the same, or with another seed."""

# mypy: disable-error-code="valid-type"

import hashlib
import random
from functools import partial
from pathlib import Path

import bpy

from .. import wording
from ..properties import MAX_SEED
from ..requests import Wanted, change_request, job_request
from ..scene import tags
from .asking import ask, can_ask
from .telling import refused, tell


def _poll(cls: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    if context.object is None or tags.RECIPE not in context.object:
        return refused(cls, "The active object carries no recipe.")
    return can_ask(cls)


def _submit(operator: bpy.types.Operator, context: bpy.types.Context, seed: int | None, name: str) -> set[str]:
    """Asks for what the active object's recipe says, with `seed` in the place of its own."""
    recipe = tags.recipe_of(context.object) or {}
    preset = str(recipe.get("preset", "standard"))
    if wording.is_changed(recipe):
        # Its own source is all there is to it: the mean of that one, with the same chance in the finer steps.
        sources, own = [tags.source_of(context.object)], int(recipe.get("seed", 0))
        again = partial(change_request, "blend", sources, preset, seed=own, label=name)
        return ask(operator, context, again, name)
    path = str(context.object.get(tags.PORTRAIT, ""))
    if recipe.get("portrait") and (problem := _missing(path, recipe["portrait"])):
        tell(operator, "ERROR", problem)
        return {"CANCELLED"}
    wanted = Wanted(
        source="PORTRAIT" if recipe.get("portrait") else "SEED",
        portrait=path,
        seed=int(recipe.get("seed", 0)) if seed is None else seed,
        preset=preset,
        imagine=recipe.get("kind") == "imagine",
    )
    # Sentence, weights and the rest are among the recipe's options.
    request_for = partial(job_request, wanted, options=recipe.get("options"), label=name)
    return ask(operator, context, request_for, name, path)


def _missing(path: str, record: object) -> str:
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
        if _poll(cls, context) and wording.is_changed(tags.recipe_of(context.object) or {}):
            return refused(cls, "What was edited or blended has no seed; vary the avatar it came from.")
        return _poll(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        seed = self.seed or random.randrange(1, 100_000)
        recipe = tags.recipe_of(context.object) or {}
        said = recipe.get("portrait") or wording.sentence_of(recipe)
        name = context.object.name if said else f"Avatar {seed}"
        return _submit(self, context, seed, name)


CLASSES = (MAQUETTE_OT_regenerate, MAQUETTE_OT_vary)
