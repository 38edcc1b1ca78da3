# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar's tab: draws what the session knows, decides nothing. One file per sub-panel."""

import bpy

from . import avatar, backend, create, library, queue, refine, styles

CLASSES = (
    *backend.CLASSES,
    *create.CLASSES,
    *queue.CLASSES,
    *avatar.CLASSES,
    *styles.CLASSES,
    *refine.CLASSES,
    *library.CLASSES,
)
"""In the order in which they stand in the tab."""
register, unregister = bpy.utils.register_classes_factory(CLASSES)
