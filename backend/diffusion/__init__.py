# SPDX-License-Identifier: GPL-3.0-or-later
"""Diffusion maths over any network: schedules, parametrisation, guidance and few-step solvers.

Time `u` runs from 0 (data) to 1 (noise); x_u = sqrt(alpha_bar(u)) x_0 + sqrt(1 - alpha_bar(u)) noise.
A denoiser is any callable (x, u) -> x0; samplers are generators that yield a `Step` after each evaluation.
"""
