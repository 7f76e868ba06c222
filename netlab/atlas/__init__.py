# SPDX-License-Identifier: GPL-2.0-or-later
"""Every pair of states TCP can be in: found by a model, frozen on the kernel, drawn as a grid."""
