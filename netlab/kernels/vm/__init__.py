# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels in guests: packed with Python and netlab, booted, followed, judged by their records."""
