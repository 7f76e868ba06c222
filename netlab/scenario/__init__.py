# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios: files that are read into frozen data and played side by side."""
