# SPDX-License-Identifier: GPL-3.0-or-later
"""A layout that notes what a panel draws, where there is no window to draw it in."""

from types import SimpleNamespace
from typing import Any

import bpy


class Drawn:
    """In the place of a UILayout; `everything` is the layout that the panel was given."""

    def __init__(self, above: "Drawn | None" = None) -> None:
        object.__setattr__(self, "everything", above.everything if above is not None else self)
        self.above, self.enabled = above, True
        if above is None:
            self.labels: list[str] = []
            self.buttons: list[tuple[str, bool]] = []
            self.fields: list[tuple[str, bool]] = []

    @property
    def usable(self) -> bool:
        return self.enabled and (self.above is None or self.above.usable)

    def row(self, **_: Any) -> "Drawn":
        return Drawn(self)

    column = box = split = grid_flow = row

    def label(self, *, text: str, **_: Any) -> None:
        self.everything.labels.append(text)

    def progress(self, *, text: str, factor: float) -> None:
        assert 0 <= factor <= 1
        self.everything.labels.append(text)

    def prop(self, owner: Any, name: str, **_: Any) -> None:
        assert name in owner.bl_rna.properties, f"{owner} has no {name}"
        self.everything.fields.append((name, self.usable))

    def prop_enum(self, owner: Any, name: str, value: str) -> None:
        assert value in owner.bl_rna.properties[name].enum_items
        self.everything.fields.append((value, self.usable))

    def prop_search(self, owner: Any, name: str, place: Any, within: str, **_: Any) -> None:
        assert within in place.bl_rna.properties
        self.prop(owner, name)

    def operator(self, name: str, **_: Any) -> Any:
        """What buttons set on their operator has to be one of its properties."""
        rna = getattr(bpy.ops.maquette, name.removeprefix("maquette.")).get_rna_type()
        self.everything.buttons.append((name, self.usable))
        return _Settings(rna.properties.keys())

    def template_icon(self, icon: int, **_: Any) -> None:
        assert isinstance(icon, int)

    def template_ID(self, owner: Any, name: str, **_: Any) -> None:
        self.prop(owner, name)

    def menu(self, name: str, **_: Any) -> None:
        assert getattr(bpy.types, name)

    def separator(self, **_: Any) -> None:
        """Nothing to note."""


class _Settings:
    def __init__(self, known: list[str]) -> None:
        object.__setattr__(self, "_known", known)

    def __setattr__(self, name: str, value: Any) -> None:
        assert name in self._known, name


def drawn(panel: type[bpy.types.Panel]) -> Drawn:
    """What the panel shows now, in a sidebar of Blender's usual width."""
    layout = Drawn()
    context = SimpleNamespace(
        scene=bpy.context.scene,
        object=bpy.context.object,
        view_layer=bpy.context.view_layer,
        preferences=SimpleNamespace(system=SimpleNamespace(ui_scale=1.0)),
        region=SimpleNamespace(width=280),
    )
    if not hasattr(panel, "poll") or panel.poll(bpy.context):
        panel.draw(SimpleNamespace(layout=layout), context)
    return layout
