# SPDX-License-Identifier: GPL-3.0-or-later
"""From a field to a mesh that may be painted: `extract`, then `clean`, then `unwrap`; functions on `Mesh`."""
