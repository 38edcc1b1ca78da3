# SPDX-License-Identifier: GPL-3.0-or-later
"""A condition (portrait or seed) to a field, one file per family of generators.

`SYNTHESIZERS` names them; the values are import paths, so that listing them costs no torch.
"""

SYNTHESIZERS = {"rodin": "backend.synthesis.rodin:Rodin"}
