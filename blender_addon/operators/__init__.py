# SPDX-License-Identifier: GPL-3.0-or-later
"""One file per verb; each reads settings, hands over and returns, and waits where there is no window."""

import bpy

from . import again, asset, backend, cancel, change, generate, portrait, quads, queue, refine, result, style

CLASSES = (
    *backend.CLASSES,
    *generate.CLASSES,
    *queue.CLASSES,
    *cancel.CLASSES,
    *portrait.CLASSES,
    *result.CLASSES,
    *again.CLASSES,
    *change.CLASSES,
    *refine.CLASSES,
    *style.CLASSES,
    *asset.CLASSES,
    *quads.CLASSES,
)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
