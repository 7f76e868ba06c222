# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests, and what they have in common: `build` for records and texts, `frames` for packets."""
