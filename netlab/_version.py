# SPDX-License-Identifier: GPL-2.0-or-later
"""The version of netlab, readable without importing all of it."""

__version__ = "0.1.0"
