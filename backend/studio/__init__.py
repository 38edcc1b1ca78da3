# SPDX-License-Identifier: GPL-3.0-or-later
"""Synthetic people to learn from, made of CC0 parts in MakeHuman's file formats.

A seed becomes parameters, parameters become a textured bust in the box [-1, 1]^3, and the bust becomes views and
points with signed distance and colour:

    pack = Pack("makehuman_cc0")
    parameters = sample_parameters(7, pack)
    person = build_person(parameters, pack)
    samples = sample_person(person)
"""
