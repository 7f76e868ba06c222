# SPDX-License-Identifier: GPL-2.0-or-later
"""The live view: both ends on one screen, keys that act on them, and what was done as a file."""
