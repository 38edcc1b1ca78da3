# SPDX-License-Identifier: GPL-3.0-or-later
"""Maquette's backend: portraits and seeds become textured heads. It never imports bpy.

Packages import only what stands before them in this list, which `tests/test_layers.py` holds them to:

protocol (in `blender_addon/`) · geometry · diffusion · models · weights · surface · texture · faces · studio ·
training · synthesis · refinement · pipeline · evaluation · claims · service · cluster · cli
"""

__version__ = "0.1.0"
