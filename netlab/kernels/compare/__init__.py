# SPDX-License-Identifier: GPL-2.0-or-later
"""Differences between the behaviour of kernels, and the known change that explains each."""
