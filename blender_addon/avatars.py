# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of a job, written into the scene in steps short enough to fall between two frames of Blender's window."""

import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import bpy

from .jobs import JobState, Phase, reduce
from .preferences import preferences
from .protocol import ErrorCode, Event, Failed, Finished, JobRequest, MeshReady, TextureReady
from .scene import avatar as avatar_writer
from .scene import channels, dress, image, mesh, png, tags, view

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Avatar:
    """A job of this Blender, and what came of it so far."""

    job: JobState
    name: str
    scene: str
    """Name of the scene it was asked for in; the open one if that is gone."""
    request: JobRequest | None = None
    """Sent again after a reconnection or a failure; None once it is done, and for a job of an earlier Blender."""
    portrait: str = ""
    """Path of the photograph, for the day when the avatar is made again."""
    target: dress.Target | None = None
    """The user's own head that the job refines; None where it makes an object."""
    shape: MeshReady | None = None
    texture: image.Packed | None = None

    @property
    def stands(self) -> bool:
        """Whether what the job made is in the file."""
        found = tags.find_object(self.job.job_id) if self.target is None else tags.find_image(self.job.job_id)
        return found is not None

    def advance(self, event: Event) -> Iterator[None]:
        """Notes an event and brings the scene up to date with it; between two steps anything may happen in Blender."""
        if self.job.phase.over:
            return
        if isinstance(event, Finished) and self.shape is None:
            return  # the end of what was heard before a file was loaded; a followed job comes again whole, mesh first
        self.job = reduce(self.job, event)
        try:
            yield from self._write(event)
        except dress.GoneError as error:
            self.job = reduce(self.job, Failed(self.job.job_id, ErrorCode.BAD_REQUEST, str(error)))
        except (RuntimeError, TypeError, ValueError, AttributeError, ReferenceError) as error:
            # Raised by Blender's own data interface; a timer that raises would never be called again.
            log.exception("job %s could not be written into the scene", self.job.job_id)
            sentence = f"The avatar could not be written into the scene: {error}"
            self.job = reduce(self.job, Failed(self.job.job_id, ErrorCode.INTERNAL, sentence))
        if self.job.phase is Phase.DONE:
            self.request = None  # with it, the portrait's bytes
        given_up = self.job.phase in (Phase.FAILED, Phase.CANCELLED) and self.job.code != ErrorCode.NOT_READY
        if given_up and (left := tags.find_object(self.job.job_id)) is not None:
            left[tags.ENDED] = self.job.code

    def show(self) -> None:
        """Brings object, image and recipe up to date; makes them where they are missing."""
        if self.shape is None:
            return
        if self.target is not None:
            self._dress(self.target, self.shape)
            return
        scene = bpy.data.scenes.get(self.scene) or bpy.context.scene
        job = self.job
        made = avatar_writer.show(scene, job.job_id, self.name, self.shape, self.texture, job.recipe or None)
        found = tags.find_object(job.job_id)
        if made and found is not None:
            if self.portrait:
                found[tags.PORTRAIT] = self.portrait
            mesh.select_only(scene, found)
            # The one undo step of this avatar. What follows sharpens it in place, and is repeated after an undo.
            _push_undo(f"Maquette: {self.name}")

    def _dress(self, target: dress.Target, shape: MeshReady) -> None:
        """The same for a head of the user's: nothing is there to see before the first texture."""
        if self.texture is None:
            return
        job, places = self.job, shape.uv[shape.faces]
        if dress.show(target, job.job_id, self.name, places, self.texture, job.recipe or None):
            _push_undo(f"Maquette: {self.name}")

    def _write(self, event: Event) -> Iterator[None]:
        if self.job.phase is Phase.CANCELLING:
            return  # what was on its way when the user said stop
        match event:
            case MeshReady():
                self.shape = event
                yield
                self.show()
            case TextureReady():
                # Encoded in slices: at 1024 texels a side in one go it would hold the window for 40 ms and more.
                content = yield from png.encode(event.albedo)
                maps = yield from _encoded_maps(event)
                if self.job.phase.over or self.job.phase is Phase.CANCELLING:
                    return
                first = self.texture is None
                self.texture = image.Packed(event.level, content, maps)
                self.show()
                if first and preferences().show_textures:
                    for space in view.views():
                        view.show_textures(space)
            case Finished():
                self.show()


def _encoded_maps(event: TextureReady) -> Generator[None, None, dict[str, bytes]]:
    """Files of the maps that came with a texture: normals, and occlusion and roughness as glTF has them in one."""
    maps = {}
    for kind, pixels in channels.maps_of(event).items():
        maps[kind] = yield from png.encode(pixels)
    return maps


def _push_undo(message: str) -> None:
    windows = bpy.context.window_manager.windows
    if bpy.app.background or not windows:
        return
    with bpy.context.temp_override(window=windows[0]):  # a timer has no window of its own
        if bpy.ops.ed.undo_push.poll():
            bpy.ops.ed.undo_push(message=message)
