# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels on disk: from a distribution's archive, out of packages, or where they lie."""
