# SPDX-License-Identifier: GPL-2.0-or-later
"""Which commit changed what a kernel does: git's bisection, with kernels that are built and played
on by themselves.
"""
