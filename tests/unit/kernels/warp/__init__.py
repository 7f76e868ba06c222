# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab/kernels/warp` packs, without a guest."""
