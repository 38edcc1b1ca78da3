# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the backend is and how to start it: settings of this computer, kept with Blender's preferences."""

# mypy: disable-error-code="valid-type"

from pathlib import Path

import bpy

from .protocol import CONNECTION_NAME, Connection, ErrorCode, ProtocolError, default_store, is_loopback

DEVICES = (
    ("auto", "Best available", "A CUDA graphics card if there is one, else the processor"),
    ("cpu", "Processor", "Leaves the graphics card to Blender"),
    ("cuda", "Graphics card", "NVIDIA, by CUDA"),
)


class MAQUETTE_AP_preferences(bpy.types.AddonPreferences):
    """The add-on's settings, found by the name of its root package."""

    bl_idname = __package__

    interpreter: bpy.props.StringProperty(
        name="Python of the backend",
        description="The Python in which Maquette is installed (or the maquette program itself); "
        "empty: the maquette command on the search path",
        subtype="FILE_PATH",
    )
    folder: bpy.props.StringProperty(
        name="Source folder",
        description="Folder of Maquette's sources, for a Python into which it is not installed; usually empty",
        subtype="DIR_PATH",
    )
    device: bpy.props.EnumProperty(name="Device", description="What the backend computes on", items=DEVICES)
    idle_unload: bpy.props.IntProperty(
        name="Free memory after (min)",
        description="Minutes without jobs after which a backend started here gives back the device's memory; the next "
        "job loads the model again, which takes some seconds. 0: it keeps the model loaded",
        default=10,
        min=0,
        max=1440,
    )
    connection: bpy.props.StringProperty(
        name="Connection file",
        description="File that the backend wrote: its address and key. Empty: the local backend's usual place. "
        "For another machine, one made by the command maquette keys, with its address and public key",
        subtype="FILE_PATH",
    )
    allow_remote: bpy.props.BoolProperty(
        name="Allow a backend on another computer",
        description="Portraits and results then travel over the network, encrypted, to the address in the connection "
        "file; Blender's own Online Access has to be allowed too",
        default=False,
    )
    stop_with_blender: bpy.props.BoolProperty(
        name="Stop the backend with Blender",
        description="End the backend that was started here when Blender quits; unfinished jobs go on at its next start",
        default=True,
    )
    show_textures: bpy.props.BoolProperty(
        name="Show textures in Solid views",
        description="Switch the colour of 3D views in Solid mode to Texture as soon as an avatar has one",
        default=True,
    )

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.use_property_split = True
        column.label(text="To start a backend on this computer")
        column.prop(self, "interpreter", placeholder="maquette")
        column.prop(self, "folder", placeholder="Not needed where Maquette is installed")
        column.prop(self, "device")
        column.prop(self, "idle_unload")
        column.prop(self, "stop_with_blender")
        column.separator()
        column.label(text="To connect to one that runs")
        column.prop(self, "connection", placeholder=str(default_store() / CONNECTION_NAME))
        column.prop(self, "allow_remote")
        if self.allow_remote and not bpy.app.online_access:
            column.prop(context.preferences.system, "use_online_access")
        column.operator("maquette.test_connection", icon="QUESTION")
        column.separator()
        column.prop(self, "show_textures")


def preferences() -> MAQUETTE_AP_preferences:
    """The settings that hold now; of a script that only imported the package, too, until it unregisters."""
    addons = bpy.context.preferences.addons
    if __package__ not in addons:
        addons.new().module = __package__
        _made_here.add(__package__)
    return addons[__package__].preferences


def endpoint() -> Path:
    """The connection file that the preferences name, or that of the local backend."""
    chosen = preferences().connection
    return Path(absolute(chosen)) if chosen else default_store() / CONNECTION_NAME


def absolute(path: str) -> str:
    """A path as a user writes it, // and all, in full."""
    return bpy.path.abspath(path) if path else ""


def check_allowed(connection: Connection) -> None:
    """Raises ProtocolError where the address is another machine's and Blender or the user forbids to go there."""
    if is_loopback(connection.address):
        return
    if bpy.app.online_access:
        if preferences().allow_remote:
            return
        raise ProtocolError(
            ErrorCode.NOT_ALLOWED,
            f"The backend at {connection.address} is on another computer, and you have not allowed that yet; "
            "allow it in the add-on's preferences.",
        )
    locked = " (it was started offline)" if getattr(bpy.app, "online_access_override", False) else ""
    raise ProtocolError(
        ErrorCode.NOT_ALLOWED,
        f"The backend is on another machine, and Blender may not go online{locked}; "
        "allow online access in the preferences under System.",
    )


CLASSES = (MAQUETTE_AP_preferences,)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)
_made_here: set[str] = set()


def register() -> None:
    _register_classes()
    preferences()


def unregister() -> None:
    addons = bpy.context.preferences.addons
    # What Blender made when the user switched the add-on on is Blender's to remove.
    if __package__ in _made_here and __package__ in addons:
        addons.remove(addons[__package__])
    _made_here.clear()
    _unregister_classes()
