# SPDX-License-Identifier: GPL-3.0-or-later
"""The only code that writes `bpy.data`: payloads of the protocol become meshes, images, materials, cameras.

`axes`, `layout` and `welding` are pure numpy and import without Blender; the other modules are straight lines around
them. Nothing here keeps a Blender object between calls: what belongs to a job is found again by the job's id, which
object, mesh, material and image carry as a custom property (`tags`).
"""
