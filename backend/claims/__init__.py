# SPDX-License-Identifier: GPL-3.0-or-later
"""The papers' claims, each tried at a small scale by one file."""
