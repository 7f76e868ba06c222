# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios as lessons: described, predicted, done on the kernel, looked at, and explained."""
