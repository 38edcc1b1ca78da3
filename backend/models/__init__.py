# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks, one per file, each with its configuration above it; no training, no sampling."""
