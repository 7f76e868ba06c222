# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults: one file a kind. Each is installed, seen to bite, recorded and removed in one class."""
