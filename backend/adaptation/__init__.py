# SPDX-License-Identifier: GPL-3.0-or-later
"""A sentence that changes a generator: gradients of a 2D diffusion prior, carried into a volume by its renders.

Lei et al. 2023 (DiffusionGAN3D), on whatever generator of volumes there is:

    prior = load_prior("studio")
    adapting = adapt(opened("heads"), prior, AdaptPlan(prompt="a marble statue"), folder)
    for step in adapting:
        ...                                  # progress and pictures; closing it stops, the folder continues it

`prior` is the seam to models of pictures, `adaptable` the seam to generators, `distillation` the gradient between both.
"""
