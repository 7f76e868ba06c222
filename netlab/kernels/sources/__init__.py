# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels on disk: from a distribution's archive, from packages, or from local files."""
