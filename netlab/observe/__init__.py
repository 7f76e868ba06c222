# SPDX-License-Identifier: GPL-2.0-or-later
"""Observers: they read the descriptors they are given, and know nothing of labs."""
