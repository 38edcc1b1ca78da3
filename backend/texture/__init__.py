# SPDX-License-Identifier: GPL-3.0-or-later
"""From a mesh with texture coordinates to its pictures: `bake` asks a field, `project` asks a photograph, `fill` closes
the gaps between charts, `preview` shows the result. Numba compiles on first use and keeps what it compiled."""
