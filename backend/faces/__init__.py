# SPDX-License-Identifier: GPL-3.0-or-later
"""A photograph comes in: face found, aligned to the training camera, background removed, all offline.

`load_portrait(Path("me.jpg").read_bytes(), FaceFinder())` is a `Portrait` or raises `PortraitError` with one sentence.
Image positions are continuous: (0, 0) is the corner of the top left pixel, its centre is (0.5, 0.5).
"""
