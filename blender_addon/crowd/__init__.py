# SPDX-License-Identifier: GPL-3.0-or-later
"""Crowds: many places, a few distinct people, one specification for panel, command line and scripts.

    spec = read_spec(Path("crowd.json"))                # spec.py: what is asked for; SpecError is one sentence
    for told in gather(spec, store, maker): ...         # gather.py: makes the people who are not in the store yet
    standing = arranged(spec, len(people), terrain)     # plan.py: who stands where, how tall, how tinted
    crowd_scene.populate(...)                           # in Blender: all of it, and the objects

Nothing here knows Blender or torch. People travel through files (`store`), never more than one is in memory.
"""
