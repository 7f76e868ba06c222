# SPDX-License-Identifier: GPL-2.0-or-later
"""A host that is looked at again and again: what gets stuck there, and what comes free."""
