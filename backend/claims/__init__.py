# SPDX-License-Identifier: GPL-3.0-or-later
"""The papers' claims, each tried at a small scale by one file.

A claim's file holds `CLAIM`, what is published and what must hold here, and `experiment(settings, progress)`, which
measures it: equal step budgets in all arms, at least three seeds, minutes on two cores at its default size. What does
not reproduce is reported as such, with the measured reason. The files are imported when they are asked for.
"""

CLAIMS = {
    "R1": "r1",
    "R1b": "r1b",
    "R2": "r2",
    "R3": "r3",
    "R4": "r4",
    "R5": "r5",
    "H1": "h1",
    "H1b": "h1b",
    "H2": "h2",
    "H3": "h3",
    "H4": "h4",
    "H5": "h5",
    "H6": "h6",
    "W1": "w1",
    "W2": "w2",
    "W3": "w3",
    "W4": "w4",
    "W5": "w5",
    "W6": "w6",
    "W7": "w7",
    "D1": "d1",
    "D2": "d2",
    "D3": "d3",
    "D4": "d4",
    "D5": "d5",
    "D6": "d6",
}
"""Id -> file of this package, in the order in which they run and are reported."""
