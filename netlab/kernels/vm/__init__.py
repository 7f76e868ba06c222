# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels at work: packed with Python and netlab, booted, followed, judged by what they told."""
