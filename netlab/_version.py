# SPDX-License-Identifier: GPL-2.0-or-later
"""The version of netlab, for whoever may not import all of it."""

__version__ = "0.1.0"
