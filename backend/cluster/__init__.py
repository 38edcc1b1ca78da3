# SPDX-License-Identifier: GPL-3.0-or-later
"""The same functions over many workers and machines, on Ray (the `cluster` extra)."""
