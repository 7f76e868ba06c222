# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults, one file for each kind: one class installs, counts, records and removes it."""
