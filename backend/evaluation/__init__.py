# SPDX-License-Identifier: GPL-3.0-or-later
"""How good the generator is on people that it has never seen; imported by the command line alone."""
