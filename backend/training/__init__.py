# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning the shipped model, offline: `fit` makes planes and decoder from people, `cascade` learns to generate
planes. Every run can be killed and continued; imported by the command line alone."""
